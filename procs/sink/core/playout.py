"""The playout buffer of one session: frames in, 20 ms per call out. No clock, no lock, no I/O.

Sound is bracketed per turn in *stretches*: `start()` opens one, `next()` answers FRAME or SILENCE for
each 20 ms and END once. Without the bracket a sink would either send silence for ever, or stop in the
middle of a sentence whenever a frame comes late.

Turns are heard one after the other: a frame of a newer turn says that its elder is complete. Invariants:
no frame is handed out twice, none of a turn below the floor is handed out after `purge(floor)`, and every
turn ends in exactly one of DONE, CUT and FAILED.
"""

from collections import deque
from dataclasses import asdict, dataclass
from enum import Enum

from bus.audio import FRAME_MS, SILENCE
from bus.messages import AudioFrame, PlayoutState, TurnKind
from procs.sink.core.departures import Departures
from procs.sink.core.fade import join
from procs.sink.core.pacing import PaceMeter

LIMIT = 250
"""Frames and turns that may wait: 5 s, a second above the window of `tts_bridge`; only a fault gets here."""

PAUSE_AFTER_FRAMES = 500
"""10 s: sound missing for so long ends the stretch, so that the sink stops sending. The turn stays open."""


class Kind(Enum):
    """What 20 ms of a stretch are made of."""

    FRAME = "frame"
    SILENCE = "silence"
    END = "end"


@dataclass(frozen=True, slots=True)
class Played:
    """The answer to `next()`."""

    kind: Kind
    pcm: bytes = b""
    """`int16[960]`; empty at the end."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something a turn has reached in the sink."""

    turn: int
    kind: TurnKind
    """RECEIVED, FIRST_FRAME, DONE, CUT or FAILED."""
    elapsed_ms: float
    """Since its first frame came in."""
    code: str = ""
    """Error code of a failure."""


@dataclass
class Counters:
    """What happened to the frames that came in and were not simply played."""

    stale: int = 0
    """Frames of turns that were over already."""
    doubled: int = 0
    """Frames that had come before."""
    missed: int = 0
    """Frames that never came: gaps in the index."""
    overflowed: int = 0
    """Frames refused because the buffer was full."""

    def facts(self) -> dict[str, str]:
        """The counters for health."""
        return {f"frames_{name}": str(count) for name, count in asdict(self).items()}


class _Turn:
    """Sound of one turn."""

    def __init__(self, number: int, received_ns: int) -> None:
        self.number = number
        self.received_ns = received_ns
        self.frames: deque[AudioFrame] = deque()
        self.next_in: int | None = None
        """Index that comes next; None before the first, since a reborn sink enters in the middle."""
        self.next_out = 0
        """Index that is played next, were nothing missing: the position in the turn."""
        self.final = False
        self.over = False


class Playout:
    """One session's sound.

    Args:
        prebuffer_frames: frames that must wait before a stretch begins or goes on after an underrun;
            a complete turn never waits.
        counters: counted up; may be shared by several playouts.
    """

    def __init__(self, prebuffer_frames: int = 0, counters: Counters | None = None) -> None:
        self.counters = counters or Counters()
        self.pace = PaceMeter()
        self._prebuffer_frames = max(1, prebuffer_frames)
        self._turns: deque[_Turn] = deque()
        self._current = _Turn(0, 0)
        self._floor = 0
        self._finished_turn = 0
        self._sounding = False
        self._tail = b""
        self._dry_frames = 0
        self._failed_code = ""
        self._underruns = 0
        self._departures = Departures()
        self._milestones: list[Milestone] = []

    # --- what comes in ------------------------------------------------------------------------------

    def put(self, number: int, frame: AudioFrame, now_ns: int) -> None:
        """Take a frame of turn `number`; what is old, doubled or too much is counted and left out."""
        turn = self._turn(number, now_ns)
        if turn is None:
            return
        if frame.pcm:
            self._store(turn, frame)
        turn.final |= frame.final

    def purge(self, floor: int, now_ns: int) -> None:
        """Barge-in: every turn below `floor` is cut. What is sounding fades out within the next frame."""
        self._floor = max(self._floor, floor)
        while self._turns and self._turns[0].number < self._floor:
            self._finish(TurnKind.CUT, now_ns)

    # --- what goes out ------------------------------------------------------------------------------

    @property
    def startable(self) -> bool:
        """Whether a stretch should begin: none is open and enough of a turn is here."""
        return not self._sounding and bool(self._turns) and self._enough(self._turns[0])

    @property
    def sounding(self) -> bool:
        """Whether a stretch is open."""
        return self._sounding

    def start(self) -> int:
        """Open a stretch; only when `startable`.

        Returns:
            The turn it plays.
        """
        assert self.startable
        self._current = self._turns[0]
        self._sounding = True
        self._tail = b""
        self._dry_frames = 0
        self.pace.begin()
        return self._current.number

    def next(self, now_ns: int) -> Played:
        """The next 20 ms, which leave at `now_ns`; END when the stretch is over and ever after."""
        turn = self._current
        self._departures.settle()
        if not self._sounding:
            return Played(Kind.END)
        if turn.over:
            return self._close(now_ns)
        if turn.frames and (not self._dry_frames or self._enough(turn)):
            return self._frame(turn, now_ns)
        if not turn.frames and self._complete(turn):
            self._end(turn, now_ns)
            return self._close(now_ns)
        if self._dry_frames == PAUSE_AFTER_FRAMES:
            return self._close(now_ns)
        return self._silence(now_ns)

    def missed(self) -> None:
        """The 20 ms handed out last did not leave."""
        self._departures.missed()
        self.pace.missed()

    def held(self) -> None:
        """20 ms of a stretch pass in which nothing can leave; what is next is due so much later."""
        if self._sounding:
            self._departures.settle()
            self.pace.held()

    def fail(self, code: str, now_ns: int) -> None:
        """What sounds can't be heard: its turn is given up, and the stretch is over."""
        if not self._sounding:
            return
        if not self._current.over:
            self._finish(TurnKind.FAILED, now_ns, code)
        self._tail = b""
        self._sounding = False

    # --- what is told -------------------------------------------------------------------------------

    def report(self) -> PlayoutState:
        """Position and counters."""
        return PlayoutState(
            turn=self._current.number,
            played_ms=self._current.next_out * FRAME_MS,
            buffered_ms=len(self._current.frames) * FRAME_MS,
            finished_turn=self._finished_turn,
            underruns=self._underruns,
            sent=self._departures.sent,
            nulled=self._departures.nulled,
            late=self.pace.late,
            deficit=self.pace.deficit,
            code=self._failed_code,
        )

    @property
    def has_milestones(self) -> bool:
        """Whether `take_milestones` has something to tell."""
        return bool(self._milestones)

    def take_milestones(self) -> list[Milestone]:
        """What turns have reached since the last call, in order."""
        taken, self._milestones = self._milestones, []
        return taken

    # --- inside -------------------------------------------------------------------------------------

    def _turn(self, number: int, now_ns: int) -> _Turn | None:
        """Where a frame belongs; None if nowhere."""
        newest = self._turns[-1].number if self._turns else max(self._finished_turn, self._floor - 1)
        if self._turns and number == newest:
            return self._turns[-1]
        if number <= newest:
            self.counters.stale += 1
            return None
        if self._is_full():
            self.counters.overflowed += 1
            return None
        self._turns.append(_Turn(number, now_ns))
        self._note(self._turns[-1], TurnKind.RECEIVED, now_ns)
        return self._turns[-1]

    def _store(self, turn: _Turn, frame: AudioFrame) -> None:
        if turn.final or (turn.next_in is not None and frame.index < turn.next_in):
            self.counters.doubled += 1
            return
        if turn.next_in is not None:
            self.counters.missed += frame.index - turn.next_in
        turn.next_in = frame.index + 1
        if self._is_full():
            self.counters.overflowed += 1
        else:
            turn.frames.append(frame)

    def _is_full(self) -> bool:
        return len(self._turns) + sum(len(turn.frames) for turn in self._turns) > LIMIT

    def _complete(self, turn: _Turn) -> bool:
        """Whether nothing more will come of a turn."""
        return turn.final or turn is not self._turns[-1]

    def _enough(self, turn: _Turn) -> bool:
        return len(turn.frames) >= self._prebuffer_frames or self._complete(turn)

    def _frame(self, turn: _Turn, now_ns: int) -> Played:
        frame = turn.frames.popleft()
        if not turn.next_out:
            self._note(turn, TurnKind.FIRST_FRAME, now_ns)
        continues = frame.index == 0 or (bool(self._tail) and frame.index == turn.next_out)
        pcm = frame.pcm if continues else join(self._tail, frame.pcm)
        turn.next_out = frame.index + 1
        self._tail = frame.pcm
        self._dry_frames = 0
        self._departures.give_sound()
        self.pace.left(now_ns)
        return Played(Kind.FRAME, pcm)

    def _silence(self, now_ns: int) -> Played:
        self._underruns += not self._dry_frames
        self._dry_frames += 1
        self._departures.give_silence()
        return self._fall_silent(now_ns)

    def _close(self, now_ns: int) -> Played:
        """End the stretch, behind a fade if it was torn off."""
        if self._tail:
            return self._fall_silent(now_ns)
        self._sounding = False
        return Played(Kind.END)

    def _fall_silent(self, now_ns: int) -> Played:
        pcm = join(self._tail, SILENCE) if self._tail else SILENCE
        self._tail = b""
        self.pace.left(now_ns)
        return Played(Kind.SILENCE, pcm)

    def _end(self, turn: _Turn, now_ns: int) -> None:
        """A turn of which nothing more will come has been played."""
        if turn.final:
            self._finish(TurnKind.DONE, now_ns)
        else:
            self._finish(TurnKind.FAILED, now_ns, "peer_lost")

    def _finish(self, kind: TurnKind, now_ns: int, code: str = "") -> None:
        """The eldest turn is over."""
        self._departures.settle()
        turn = self._turns.popleft()
        turn.over = True
        turn.frames.clear()
        self._finished_turn, self._failed_code = turn.number, code
        if kind is TurnKind.DONE:
            self._tail = b""
        self._note(turn, kind, now_ns, code)

    def _note(self, turn: _Turn, kind: TurnKind, now_ns: int, code: str = "") -> None:
        elapsed_ms = (now_ns - turn.received_ns) / 1e6
        self._milestones.append(Milestone(turn.number, kind, elapsed_ms, code))
