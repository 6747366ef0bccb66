"""The seam between the voice node and the place where she speaks.

A backend connects sessions to places and reads sound from a `Source` every 20 ms, in a thread of its own
if it likes. It never decides what is played, and never waits for the node: `Source.read()` answers at once.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from bus.messages import AudioFrame, Intent, PlayoutState
from procs.sink.core.pacing import PaceMeter
from procs.sink.core.playout import Kind, Milestone, Playout


class Source:
    """A session's playout buffer between two threads: the node fills it, a backend's thread reads it.

    The lock is held for microseconds and never across anything that waits.

    Args:
        playout: the buffer; nobody else touches it.
        mono_ns: the monotonic clock.
        on_edge: called from the reading thread when a turn has reached a milestone or a stretch has ended.
    """

    def __init__(self, playout: Playout, mono_ns: Callable[[], int], on_edge: Callable[[], None]) -> None:
        self._playout = playout
        self._mono_ns = mono_ns
        self._on_edge = on_edge
        self._lock = threading.Lock()

    # --- the backend's side -------------------------------------------------------------------------

    def read(self) -> bytes:
        """The next 20 ms, `int16[960]` (1,920 bytes), to be played now; empty when the stretch is over.

        Never blocks; callable from any thread.
        """
        with self._lock:
            played = self._playout.next(self._mono_ns())
            edge = played.kind is Kind.END or self._playout.has_milestones
        if edge:
            self._on_edge()
        return played.pcm

    def missed(self) -> None:
        """The 20 ms read last did not leave; without this word they count as sent."""
        with self._lock:
            self._playout.missed()

    def held(self) -> None:
        """20 ms pass without reading, since nothing could leave."""
        with self._lock:
            self._playout.held()

    def fail(self, code: str) -> None:
        """Nobody can hear what sounds: its turn fails with this error code, and the stretch is over."""
        with self._lock:
            self._playout.fail(code, self._mono_ns())
        self._on_edge()

    # --- the node's side ----------------------------------------------------------------------------

    def put(self, turn: int, frame: AudioFrame) -> None:
        """A frame has come in."""
        with self._lock:
            self._playout.put(turn, frame, self._mono_ns())

    def purge(self, floor: int) -> None:
        """Silence every turn below `floor`, now."""
        with self._lock:
            self._playout.purge(floor, self._mono_ns())

    def start(self) -> int:
        """Open a stretch if one should begin.

        Returns:
            The turn to play, 0 for none.
        """
        with self._lock:
            return self._playout.start() if self._playout.startable else 0

    @property
    def sounding(self) -> bool:
        """Whether a stretch is open."""
        with self._lock:
            return self._playout.sounding

    def take_milestones(self) -> list[Milestone]:
        """What turns have reached since the last call."""
        with self._lock:
            return self._playout.take_milestones()

    def report(self) -> PlayoutState:
        """Position and counters."""
        with self._lock:
            return self._playout.report()

    @property
    def pace(self) -> PaceMeter:
        """Figures of the pacing."""
        return self._playout.pace


@dataclass(frozen=True)
class Lost:
    """A session's place is gone: removed, deleted, or the connection could not be kept."""

    session: str
    code: str
    """Error code for `SessionState.reason`."""


@dataclass(frozen=True)
class Moved:
    """Somebody has moved her to another channel."""

    session: str
    voice_channel_id: int


@dataclass(frozen=True)
class Recorded:
    """The sound of a turn lies whole in a file."""

    session: str
    turn: int
    name: str
    """File name without path."""


@dataclass(frozen=True)
class Trouble:
    """Something an operator must mend, while playing goes on; an empty code says that it is mended."""

    code: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Renew:
    """The session's credentials are dead: `bot_main` should ask for new ones."""

    session: str
    dead_revision: int = 0
    """`VoiceLink.link_revision` of the dead ones: a reborn sink does not know how many it asked for."""


VoiceEvent = Lost | Moved | Recorded | Renew | Trouble


class VoiceBackend(Protocol):
    """Connects sessions to a place and plays their sound there."""

    name: str

    async def run(self, notify: Callable[[VoiceEvent], None]) -> None:
        """Serve until cancelled; whatever it holds is then released.

        Args:
            notify: takes what happens by itself; called in the event loop only.
        """
        ...

    async def connect(self, session: str, intent: Intent) -> None:
        """Be where the intent says: join, or move there if the session is elsewhere. May be cancelled.

        Raises:
            BackendError: not possible; nothing of the session is left behind.
        """
        ...

    async def leave(self, session: str) -> None:
        """Release all that belongs to a session; harmless if there is nothing.

        Raises:
            BackendError: the place did not answer; the session is gone all the same.
        """
        ...

    def play(self, session: str, turn: int, source: Source) -> None:
        """Read `source` each 20 ms, beginning now, until it is empty. One call per stretch."""
        ...
