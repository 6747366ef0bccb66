"""What the app asks of a voice. One file beside this one per foreign voice; its quirks stay there."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Protocol

from procs.tts_bridge.core.chunk import Chunk
from procs.tts_bridge.core.sentences import Piece


class TtsBackend(Protocol):
    """A voice: speaks several turns at once if asked to."""

    straight: bool
    """Whether the voice wants speakable text as it comes and splits it by itself (`core/straight.py`);
    otherwise it gets whole pieces (`core/sentences.py`) and says which chunk belongs to which."""

    async def warm_up(self) -> dict[str, str]:
        """Make ready to speak at once; repeated now and then, also while all is well.

        Returns:
            What the voice is made of, for people: engine, voice, address.

        Raises:
            BackendError: `tts_unreachable`, or `tts_loading` while the voice warms up.
        """
        ...

    def speak(self, pieces: AsyncIterator[Piece]) -> AsyncGenerator[Chunk, None]:
        """One turn: text as it comes in, sound as it comes out.

        The generator pulls text, ends when all of it has become sound, and may be closed at any point:
        then nothing of this turn is heard in a later one. A text that has made no sound yet is tried a
        second time on a fresh connection; one that has is never repeated.

        Args:
            pieces: in order; each is asked for when the voice can take it.

        Raises:
            BackendError: the voice failed; what came before is sound.
        """
        ...

    async def close(self) -> None:
        """Let go of all connections."""
        ...
