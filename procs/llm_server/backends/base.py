"""What the app expects of model files and of the server that loads them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Model:
    """A model file that can be loaded."""

    path: Path
    name: str
    """Under which the server lists it."""
    is_demo: bool
    """Whether it is the demo brain."""


class ModelSource(Protocol):
    """Where the model comes from."""

    async def find(self) -> Model:
        """The model to serve.

        Raises:
            BackendError: there is none that can be read; the detail is one sentence for the operator.
        """
        ...

    async def changed(self, patience_s: float) -> None:
        """Return when the file is not what `find` saw, or after `patience_s`."""
        ...


class ModelServer(Protocol):
    """The server. One model at a time."""

    address: str
    """Where it listens, for people."""

    async def start(self, model: Model) -> None:
        """Load a model and serve it.

        Raises:
            BackendError: it can't be loaded, or the port is taken; the detail is one sentence.
        """
        ...

    async def ended(self) -> str:
        """Wait until the server ends by itself; says how."""
        ...

    async def stop(self) -> None:
        """End it at once; harmless when it does not run."""
        ...
