"""What the app needs from outside: something that speaks, and a socket that clients talk to."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

from bus.errors import BusError
from procs.tts_server.core.link import CODES, Say


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a request's sound, usually about 60 ms."""

    payload: bytes
    """Raw mono samples in the engine's `dtype`; may be empty."""
    marks: tuple[tuple[int, int], ...] = ()
    """(character in the text, sample in the request's sound) of words that start about here."""


class EngineError(BusError):
    """An engine can't load or speak.

    Args:
        code: key of `core.link.CODES`.
        detail: one technical line for the operator; never text that was to be spoken.
    """

    def __init__(self, code: str, detail: str) -> None:
        assert code in CODES, code
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


Emit = Callable[[Chunk], bool]
"""Takes a chunk; False asks the engine to stop. Called often, so that a stop is noticed soon."""


class Engine(Protocol):
    """Turns text into sound. Blocking; one thread uses it, one text at a time."""

    name: str
    voice: str
    """Its voice, for people."""
    sample_rate_hz: int
    dtype: str
    """`s16le` or `f32le`."""

    def load(self) -> None:
        """Get ready to speak.

        Raises:
            EngineError: something is missing.
        """
        ...

    def synthesize(self, say: Say, emit: Emit) -> None:
        """Speak a text, giving each chunk to `emit` as soon as it exists.

        Chunks are pushed because espeak-ng calls back from inside its synthesis; an iterator over that
        would take a second thread and delay the first chunk.

        Raises:
            EngineError: it can't be spoken.
        """
        ...


class Speaker(Protocol):
    """An engine as the event loop sees it."""

    @property
    def engine(self) -> Engine:
        """For its facts only."""
        ...

    async def load(self) -> None:
        """See `Engine.load`."""
        ...

    def say(self, say: Say) -> AsyncGenerator[Chunk, None]:
        """Chunks of a request's sound as they are made; one request at a time.

        Raises:
            EngineError: it can't be spoken.
        """
        ...

    def interrupt(self) -> None:
        """End the present request's chunks now."""
        ...

    async def close(self) -> None:
        """Interrupt, and wait a moment for the engine to come to rest."""
        ...


class ClientGone(Exception):
    """The client a reply is for has disconnected."""


OnFrames = Callable[[bytes, list[bytes]], None]
"""Takes a client's address and the frames of its message."""


class Link(Protocol):
    """The socket of the Soprano link."""

    async def open(self) -> None:
        """Let clients connect; what they send waits.

        Raises:
            AddressTaken: another process holds the port.
        """
        ...

    def listen(self, on_frames: OnFrames) -> None:
        """Hand over what clients send, from now on."""
        ...

    def send(self, client: bytes, frames: list[bytes]) -> bool:
        """Send now or not at all; False when the client's queue is full.

        Raises:
            ClientGone: it has disconnected.
        """
        ...

    def send_final(self, client: bytes, frames: list[bytes]) -> None:
        """Send the last word of a request: it waits for a client that does not read, in bounded number."""
        ...

    def close(self) -> None:
        """Stop listening; all clients have gone then."""
        ...
