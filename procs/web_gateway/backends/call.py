"""One session as its client knows it: it outlives connections, and remembers what they may have missed.

All of it runs in the event loop but `Tap.read`. The sound stands still while nobody is connected: the
stretch is left, and taken up where it was once the client is back.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from bus.audio import FRAME_MS
from bus.messages import PlayoutState
from procs.sink.backends.base import Source
from procs.sink.backends.pacer import Pacer, Stretch
from procs.web_gateway.backends.base import Desk, Peer
from procs.web_gateway.backends.connection import Connection
from procs.web_gateway.backends.history import Entry, History
from procs.web_gateway.backends.tap import Tap
from procs.web_gateway.core import events
from procs.web_gateway.core.events import Event
from procs.web_gateway.core.narrator import Narrator, Scene, sentence_end_ms
from procs.web_gateway.core.steps import Acknowledge, Cancel, Start

EVENTS_KEPT = 1_000
FRAMES_KEPT = 250
"""5 s of sound that was sent and may not have arrived."""

UNPLAYED_MS = 2_000
"""Sound that a client may hold back. A page whose sound is switched off plays nothing and says so; were it
believed further, the voice would wait for it in the middle of the turn."""

POSTED = 64
"""Prompts whose first sound is still awaited."""

UNRECOGNISED_EVERY = 250


class Call:
    """A session in a browser.

    Args:
        call_id: what the client calls it.
        owner: whose it is.
        start: what the client wants.
        call_soon: runs something in the event loop, from any thread.
        on_cut: called when a graceful cancel has come to its border.
    """

    def __init__(
        self,
        call_id: str,
        owner: str,
        start: Start,
        desk: Desk,
        pacer: Pacer,
        history: History,
        call_soon: Callable[..., None],
        on_cut: Callable[["Call"], None],
    ) -> None:
        self.id = call_id
        self.owner = owner
        self.start = start
        self.session = ""
        """Its name on the bus, once it has one."""
        self.connection: Connection | None = None
        self.carrier: Peer | None = None
        """Takes the sound while it can."""
        self.detached_ms = desk.mono_ms()
        """Since when nobody is connected."""
        self.is_over = False
        self.asking = asyncio.Lock()
        """Held by the prompt that waits for the bus: prompts keep their order."""
        self.n_asking = 0
        self.seq = 0
        self._desk = desk
        self._pacer = pacer
        self._history = history
        self._call_soon = call_soon
        self._on_cut = on_cut
        self._narrator = Narrator()
        self._log: deque[tuple[int, Event]] = deque(maxlen=EVENTS_KEPT)
        self._forgotten_seq = 0
        self._is_adopted = False
        """Whether it is of an earlier life, and its client has not come back yet."""
        self._sent: deque[tuple[int, int, bytes]] = deque(maxlen=FRAMES_KEPT)
        self._tap: Tap | None = None
        self._stretch: Stretch | None = None
        self._run = object()
        self._expected = (0, 0)
        self._graceful_turn = 0
        self._acked: tuple[int, int] | None = None
        self._told: tuple[int, int] | None = None
        self._asked_ms: dict[int, int] = {}
        self._n_unrecognised = 0

    @property
    def is_sounding(self) -> bool:
        """Whether sound is on its way."""
        return self._stretch is not None

    # --- what is told -------------------------------------------------------------------------------

    def say(self, event: Event) -> None:
        """Tell the client, now or when it is back."""
        self.seq += 1
        if event.is_kept:
            if len(self._log) == EVENTS_KEPT:
                self._forgotten_seq = self._log[0][0]
            self._log.append((self.seq, event))
        if self.connection:
            self.connection.say(event, self.seq)

    def look(self) -> None:
        """Tell what is new on the bus."""
        if not self.session or self.is_over or self._is_adopted:
            return
        for event in self._narrator.look(self._scene(), self._desk.mono_ms()):
            self._note(event)
            self.say(event)
        self._finish_sentence()

    def turn_ended(self, turn: int, outcome: str, code: str) -> None:
        """`bot_main` says that a turn is over."""
        self._narrator.ended(turn, outcome, code)

    def accepted(self, turn: int, waiting: int, request_id: str, asked_ms: int) -> None:
        """A prompt will be answered."""
        self._narrator.accepted(turn)
        if len(self._asked_ms) < POSTED:
            self._asked_ms[turn] = asked_ms
        self.say(events.accepted(turn, waiting, request_id))

    def adopt(self, session: str, owed: list[int]) -> None:
        """It is of an earlier life, which has accepted these turns and did not tell their end. Nothing is
        told before the client is back: it alone knows how far the numbers of its events had come."""
        self.session = session
        self._is_adopted = True
        for turn in owed:
            self._narrator.owed(turn)

    def unrecognised(self, n_frames: int) -> None:
        """The client has sent sound from its microphone: counted, and answered honestly."""
        before = self._n_unrecognised
        self._n_unrecognised += n_frames
        if before // UNRECOGNISED_EVERY != self._n_unrecognised // UNRECOGNISED_EVERY or not before:
            self.say(events.unrecognised(self._n_unrecognised))

    # --- connections --------------------------------------------------------------------------------

    def attach(self, connection: Connection) -> None:
        """The client is here."""
        self.connection = connection
        self._expected = (0, 0)

    def resume(self, connection: Connection, hello: Acknowledge) -> None:
        """The client is back: what it missed, then on."""
        self.attach(connection)
        self._is_adopted = False
        missed = [(seq, event) for seq, event in self._log if seq > hello.last_seq]
        lost = max(0, self._forgotten_seq - hello.last_seq)
        if hello.last_seq > self.seq:  # of an earlier life of this process
            self.seq, lost = hello.last_seq, 1
        for seq, event in missed:
            connection.say(event, seq)
        data = {"sessionId": self.id, "replayed": len(missed), "lost": lost}
        self.say(Event("session.resumed", data, is_kept=False))
        since = max((hello.received_turn, hello.received_ms), self._acked or (0, 0))
        for turn, position_ms, pcm in list(self._sent):
            if (turn, position_ms) >= since:
                self._send(turn, position_ms, pcm)
        self._go_on()

    def detach(self, connection: Connection, now_ms: int) -> None:
        """The connection is gone; harmless if another one has taken its place."""
        if self.connection is connection:
            self.connection = None
            self.detached_ms = now_ms
            self._pause()

    def end(self, reason: str) -> None:
        """The session is over; harmless the second time."""
        if self.is_over:
            return
        self.is_over = True
        self._pause()
        sent_ms = self._tap.position_ms if self._tap else 0
        for event in self._narrator.close(self.turn, self.heard_ms(self.turn, sent_ms)):
            self._note(event)
            self.say(event)
        self.say(events.stopped(self.id, reason))
        self._history.end(self.id, self._desk.wall_ms(), reason)

    # --- sound --------------------------------------------------------------------------------------

    def play(self, turn: int, source: Source) -> None:
        """A stretch begins."""
        self._tap = Tap(source, turn, lambda: self._call_soon(self._on_cut, self))
        if self.connection:
            self._go_on()

    def cancel(self, step: Cancel) -> bool:
        """Stop speaking as the client asks; whether the bus must be told now."""
        tap = self._tap if self._tap and self._tap.sounding else None
        current = self._narrator.current
        if step.graceful and tap:
            self._graceful_turn = tap.turn
            return False
        self._graceful_turn = 0
        turn = tap.turn if tap else (current.number if current else 0)
        heard = (step.heard_turn, step.heard_ms) if step.is_told else self._acked
        if heard:
            self._told = (turn, heard[1] if heard[0] == turn else 0)
        heard_ms = self.heard_ms(turn, tap.position_ms if tap else self._heard_so_far(turn))
        self._pause()
        self._forget_sound()
        self._interrupt(turn, heard_ms)
        return True

    def played(self, turn: int, position_ms: int) -> None:
        """The client says how much it has played; from now on that counts, and not what was sent."""
        self._acked = max(self._acked or (0, 0), (turn, position_ms))

    def heard_ms(self, turn: int, sent_ms: int) -> int:
        """Up to where a turn was heard, of what was sent: what the client has said of it counts."""
        if self._told and self._told[0] == turn:
            return min(sent_ms, self._told[1])
        if self._acked is None or turn < self._acked[0] or self._is_sent_out(turn):
            return sent_ms
        played_ms = self._acked[1] if turn == self._acked[0] else 0
        return min(sent_ms, max(played_ms, sent_ms - UNPLAYED_MS))

    def after_cut(self) -> None:
        """The sentence is finished, and what follows was cut."""
        if self._tap:
            self._pause()
            self._interrupt(self._tap.turn, self.heard_ms(self._tap.turn, self._tap.position_ms))

    def after_stop(self, turn: int) -> None:
        """The bus knows that this turn is cut: what is left of it is read to its end, unheard."""
        tap = self._tap
        if tap and tap.turn <= turn and tap.sounding:
            tap.silence()
            if self.connection:
                self._go_on()

    @property
    def turn(self) -> int:
        """The turn that sounds, or sounded last; 0 before the first."""
        return self._tap.turn if self._tap else 0

    def _interrupt(self, turn: int, heard_ms: int) -> None:
        for event in self._narrator.interrupt(turn, heard_ms):
            self.say(event)

    def _forget_sound(self) -> None:
        """What waits, or might be sent again, belongs to a turn that was cut."""
        self._sent.clear()
        if self.connection:
            self.connection.drop_sound()

    def _finish_sentence(self) -> None:
        """Find the border of a graceful cancel."""
        tap, turn = self._tap, self._narrator.turn(self._graceful_turn)
        if not self._graceful_turn or tap is None or turn is None or tap.turn != turn.number:
            return
        border_ms = sentence_end_ms(turn, tap.position_ms)
        if border_ms is not None or tap.is_finished:
            self._graceful_turn = 0
            tap.cut_at(border_ms or 0)

    def _pause(self) -> None:
        self._run = object()
        if self._stretch:
            self._stretch.stop()
            self._stretch = None

    def _go_on(self) -> None:
        """Pace what there is to hear."""
        tap = self._tap
        if tap is None or not tap.sounding or self._stretch or self.is_over:
            return
        self._run = run = object()

        def left(pcm: bytes) -> None:
            if tap.frame_ms is not None:
                self._call_soon(self._frame, run, tap.turn, tap.frame_ms, pcm)

        stretch = self._pacer.start(tap.read, left, lambda: self._call_soon(self._ended, run, tap))
        if self._run is run:
            self._stretch = stretch

    def _frame(self, run: object, turn: int, position_ms: int, pcm: bytes) -> None:
        """A frame has left the pacer."""
        self._sent.append((turn, position_ms, pcm))
        if run is self._run:
            self._send(turn, position_ms, pcm)

    def _send(self, turn: int, position_ms: int, pcm: bytes) -> None:
        self._tell_first_output(turn)
        connection = self.connection
        if connection is None or self.start.is_text:
            return
        if connection.is_behind:
            connection.drop_sound()
            self._expected = (0, 0)
        if self._expected != (turn, position_ms):
            connection.begin_sound()
            self.say(events.audio_start(turn, position_ms, connection.dialect.rate_hz))
        if self.carrier and self.carrier.is_carrying:
            self.carrier.put(pcm)
        else:
            connection.sound(pcm)
        self._expected = (turn, position_ms + FRAME_MS)

    def _ended(self, run: object, tap: Tap) -> None:
        """A stretch is over."""
        if run is not self._run:
            return
        self._stretch = None
        turn = self._narrator.turn(tap.turn)
        is_cut = (turn and turn.is_interrupted) or not self._desk.is_live(self.session, tap.turn)
        reason = "cut" if is_cut else "finished" if tap.is_finished else "paused"
        if not self.start.is_text:
            self.say(events.audio_end(tap.turn, tap.position_ms, reason))
        self._expected = (0, 0)
        if self._tap is not tap:
            self._go_on()

    # --- what is looked at --------------------------------------------------------------------------

    def _scene(self) -> Scene:
        level = self._desk.level
        playout: PlayoutState | None = level("report.playout.web_gateway", self.session)
        return Scene(
            reply=level("report.reply", self.session),
            spoken=level("report.spoken", self.session),
            playout=playout,
            turns=level("control.turn", self.session),
            heard_ms=self.heard_ms(playout.turn, playout.played_ms) if playout else 0,
        )

    def _is_sent_out(self, number: int) -> bool:
        """Whether all of a turn was sent: what the client has not played yet, it will."""
        tap, turn = self._tap, self._narrator.turn(number)
        is_ours = tap is not None and tap.turn == number and tap.is_finished
        is_cut = (turn is not None and turn.is_interrupted) or not self._desk.is_live(self.session, number)
        return is_ours and not is_cut

    def _heard_so_far(self, number: int) -> int:
        turn = self._narrator.turn(number)
        return turn.heard_ms if turn else 0

    def _note(self, event: Event) -> None:
        """What an event means for the records."""
        if event.type == "assistant.response.delta" and self.start.is_text:
            self._tell_first_output(event.data["turn_id"])
        if event.type == "response.interrupted":
            self._forget_sound()
        if event.type == "turn.ended":
            turn = self._narrator.turn(event.data["turn_id"])
            assert turn is not None, "it just ended"
            self._asked_ms.pop(turn.number, None)
            duration_ms = turn.duration_ms if turn.outcome == "done" else turn.heard_ms
            self._history.turn(
                Entry(
                    self.id,
                    turn.number,
                    "ai",
                    turn.text[: turn.heard_chars],
                    self._desk.wall_ms(),
                    duration_ms,
                    turn.outcome,
                    turn.code,
                )
            )

    def _tell_first_output(self, turn: int) -> None:
        asked_ms = self._asked_ms.pop(turn, None)
        if asked_ms is not None:
            latency_ms = self._desk.mono_ms() - asked_ms
            data = {"turn_id": turn, "latencyMs": latency_ms}
            self.say(Event("metrics.ttfb", data, "server", events.OUT))
