"""What bot_main asks of a collection of profile pictures."""

from typing import Protocol


class Pictures(Protocol):
    """Pictures by name, which begins with a mood. Both methods raise `BackendError`: `pictures_unusable`."""

    async def names(self) -> tuple[str, ...]:
        """Names of all pictures, as they are now."""
        ...

    async def read(self, name: str) -> bytes:
        """A picture as Discord takes it: a square PNG of at most 8 MiB."""
        ...
