"""One turn's way from tokens to frames. Only connects: what is said is `core/script.py`, how it sounds
`core/track.py`, how far ahead `core/window.py`, which word when `core/marks.py`."""

import asyncio
import traceback
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from bus import Bus
from bus.audio import FRAME_MS, frames_of_ms
from bus.errors import BackendError, PeerStalled
from bus.messages import AudioFrame, Phase, SessionState, Token, TurnEvent, TurnKind
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.config import TtsSettings
from procs.tts_bridge.core.chunk import Chunk
from procs.tts_bridge.core.length import is_spent
from procs.tts_bridge.core.marks import Marks, SpeakingRate
from procs.tts_bridge.core.sentences import Piece, Sentences
from procs.tts_bridge.core.straight import Straight
from procs.tts_bridge.core.track import MakeResampler, Track
from procs.tts_bridge.core.window import Window
from procs.tts_bridge.pieces import Pieces
from procs.tts_bridge.readiness import Readiness

PLAYOUT_PATIENCE_S = 10.0
"""A sink that plays nothing for this long while its window is full has failed."""

PLAYOUT_PERIOD_S = 0.1
"""Sinks report this often while they play, so a full window is looked at as often."""

COMFORT_MS = 600
"""A turn this far ahead of what can have been played is in no hurry."""
FRAMES_IN_A_ROW, BREATH_S = 10, 0.02
"""It then sends so many frames and pauses: ten times as fast as they are played."""

SPOKEN_PERIOD_MS = 1_000
"""Within a long piece the marks are published once per so much sound, besides at its end."""


@dataclass(frozen=True)
class Voice:
    """What all turns share."""

    backend: TtsBackend
    settings: TtsSettings
    make_resampler: MakeResampler
    readiness: Readiness
    rate: SpeakingRate


class Turn:
    """Speaks one reply.

    Args:
        voice: what speaks.
        first: the first token that arrived.
    """

    def __init__(self, bus: Bus, voice: Voice, session: str, turn: int, first: Token) -> None:
        self.turn = turn
        self._session = session
        self._bus = bus
        self._voice = voice
        self._started_ns = bus.clock.mono_ns()
        self._from_the_start = first.index == 0
        splitter = Straight() if voice.backend.straight else Sentences()
        self._pieces = Pieces(bus.clock, splitter, self._piece_taken, self._is_spent)
        self._n_chars = 0
        self._sentence_ends: set[int] = set()
        self._n_pieces = 0
        self._owes_sound = False
        self._sounded = False
        self._track = Track(voice.make_resampler, voice.settings.sentence_pause_ms)
        self._marks = Marks(voice.rate)
        self._publish_at_ms = 0
        self._window = Window(turn, voice.settings.window_ms)
        self._playout = bus.follow("report.playout.")
        self._turns = bus.follow("control.turn")
        self._topic = ""
        self._index = 0
        self._n_in_a_row = 0
        self._first_audio_ns = 0
        self._piece = 0
        self.put(first)

    def put(self, token: Token) -> None:
        """A token of the reply arrived."""
        if not self._pieces.put(token):
            self._bus.log.warning("token dropped: too many wait", session=self._session, turn=self.turn)

    def end_text(self) -> None:
        """The next turn's tokens are coming: of this one no more will."""
        self._pieces.end()

    async def run(self, previous: "asyncio.Task[None] | None") -> None:
        """Speak behind the session's previous turn, until all is said or the turn dies."""
        self._event(TurnKind.RECEIVED)
        async with self._bus.turn_scope(self._session, self.turn) as scope:
            if previous is not None:
                await asyncio.wait([previous])
            state = self._bus.session(self._session)
            if state is not None:  # else the scope has been cancelled already
                await self._work(state)
        if scope.cancelled:
            self._event(TurnKind.CUT)
            state = self._bus.session(self._session)
            if state is not None and state.phase is not Phase.IDLE:
                self._publish(complete=False)

    async def _work(self, state: SessionState) -> None:
        """Speak, and say what became of it."""
        self._topic = f"flow.audio.{state.sink}"
        try:
            await self._speak()
        except BackendError as error:
            self._voice.readiness.doubt()
            await self._fail(error.code, error.detail)
        except PeerStalled as error:
            await self._fail("peer_stalled", str(error), rest_is_wanted=False)
        except Exception as error:  # the work of one turn: a mistake of ours must not end the others
            place = traceback.extract_tb(error.__traceback__)[-1]
            detail = f"{type(error).__name__} at {place.filename.rpartition('/')[2]}:{place.lineno}"
            self._bus.log.error("turn failed", session=self._session, turn=self.turn, detail=detail)
            await self._fail("tts_failed", detail)
        else:
            self._publish(complete=True)
            self._event(TurnKind.DONE, detail=self._track.damage)

    async def _speak(self) -> None:
        if not self._from_the_start:
            raise self._cut_in()
        await self._voice.readiness.settled()
        async with aclosing(self._voice.backend.speak(self._pieces)) as chunks:
            async for chunk in chunks:
                await self._sound(chunk)
        if self._owes_sound and not self._sounded:
            raise BackendError("tts_failed", "the voice made no sound")
        await self._finish(self._track.finish())

    def _cut_in(self) -> BackendError:
        """This process was restarted in the middle of a reply: its text has no beginning any more. The sink
        gets an end behind what it has."""
        playout = self._playout.get(self._session)
        if playout is not None and playout.turn == self.turn:
            self._index = frames_of_ms(playout.played_ms + playout.buffered_ms)
        return BackendError("peer_lost", "restarted in the middle of a reply")

    async def _sound(self, chunk: Chunk) -> None:
        self._piece = chunk.piece
        self._sounded |= bool(chunk.data)
        self._marks.sound(chunk, self._track.duration_ms)
        for frames in self._track.feed(chunk):
            await self._send(frames)
            if self._track.duration_ms >= self._publish_at_ms:
                self._publish(complete=False)
        if chunk.last:
            self._marks.end(chunk.piece, self._track.duration_ms)
            await self._send(self._between())
            self._publish(complete=False)

    def _between(self) -> list[bytes]:
        """What follows the piece that has just ended: a pause, the next piece at once, or nothing soon."""
        next_is_known = self._pieces.is_next_known()
        if self._pieces.exhausted or not self._sounded:
            return []
        if self._piece in self._sentence_ends:
            return self._track.pause()
        return [] if next_is_known else self._track.pad()

    async def _send(self, frames: list[bytes]) -> None:
        for pcm in frames:
            await self._push(pcm)
        await self._let_others_begin(len(frames))

    async def _let_others_begin(self, n_frames: int) -> None:
        """A turn that is well ahead takes its time: the first frames of other turns are worth more."""
        self._n_in_a_row += n_frames
        played_ms = (self._bus.clock.mono_ns() - self._first_audio_ns) / 1e6
        if self._n_in_a_row < FRAMES_IN_A_ROW or self._index * FRAME_MS - played_ms < COMFORT_MS:
            await asyncio.sleep(0)
        else:
            self._n_in_a_row = 0
            await asyncio.sleep(BREATH_S)

    async def _push(self, pcm: bytes, *, final: bool = False) -> None:
        sent_ms = self._index * FRAME_MS
        if pcm and self._window.room_ms(sent_ms) < FRAME_MS:
            await self._wait_for_room(sent_ms)
        frame = AudioFrame(self._index, self._piece, pcm, final)
        await self._bus.push(self._topic, frame, self._session, self.turn)
        if pcm and not self._first_audio_ns:
            self._first_audio_ns = self._bus.clock.mono_ns()
            self._event(TurnKind.FIRST_AUDIO)
        self._index += 1

    async def _wait_for_room(self, sent_ms: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PLAYOUT_PATIENCE_S) as patience:
                while True:
                    if self._window.report(self._playout.get(self._session), sent_ms):
                        patience.reschedule(loop.time() + PLAYOUT_PATIENCE_S)
                    if self._window.room_ms(sent_ms) >= FRAME_MS:
                        return
                    await asyncio.sleep(PLAYOUT_PERIOD_S)
        except TimeoutError:
            detail = f"{self._topic}: nothing was played for {PLAYOUT_PATIENCE_S:g} s"
            raise PeerStalled(detail) from None

    async def _finish(self, rest: list[bytes]) -> None:
        """The last frames, the very last one final; with nothing left, a final message without sound."""
        *frames, last = rest or [b""]
        await self._send(frames)
        await self._push(last, final=True)

    async def _fail(self, code: str, detail: str, *, rest_is_wanted: bool = True) -> None:
        """Say so, and let the sink end what it has."""
        self._event(TurnKind.FAILED, code, detail)
        self._publish(complete=False)
        with suppress(PeerStalled):  # the turn has failed already, and has said why
            await self._finish(self._track.finish() if rest_is_wanted else [])

    def _piece_taken(self, piece: Piece) -> None:
        if not self._n_pieces:
            self._event(TurnKind.FIRST_PIECE)
        self._n_pieces += 1
        self._n_chars += len(piece.text)
        self._owes_sound |= any(char.isalnum() for char in piece.text)
        self._marks.text(piece)
        if piece.ends_sentence:
            self._sentence_ends.add(piece.index)

    def _is_spent(self, ends_sentence: bool) -> bool:
        """Whether enough was said; a voice that is sent all text at once has yet to say what it took."""
        turns = self._turns.get(self._session)
        made_ms = self._track.duration_ms
        if self._voice.backend.straight:
            made_ms = max(made_ms, round(self._n_chars * self._voice.rate.ms_per_char))
        return is_spent(made_ms, turns.speech_limit_ms if turns else 0, ends_sentence=ends_sentence)

    def _publish(self, *, complete: bool) -> None:
        made_ms = self._track.duration_ms
        self._publish_at_ms = made_ms + SPOKEN_PERIOD_MS
        state = self._marks.state(self.turn, made_ms, complete=complete)
        state = replace(state, is_shortened=self._pieces.is_shortened)
        self._bus.set_state("report.spoken", state, self._session, self.turn)

    def _event(self, kind: TurnKind, code: str = "", detail: str = "") -> None:
        elapsed_ms = (self._bus.clock.mono_ns() - self._started_ns) / 1e6
        self._bus.emit(
            f"report.turn.{self._bus.name}",
            TurnEvent(kind, elapsed_ms, code, detail),
            self._session,
            self.turn,
        )
