"""Turn scopes: the body of `async with` lives as long as its turn does.

Cancellation follows `asyncio.timeout`: the scope cancels its task once and swallows exactly that
cancellation, so that one from outside passes through.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class TurnScope:
    """One node's work on one turn."""

    def __init__(self, scopes: "TurnScopes", session: str, turn: int) -> None:
        self.session = session
        self.turn = turn
        self.cancelled = False
        self._scopes = scopes
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._inside = False
        self._landed = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self._inside = True
        self._scopes.enter(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._inside = False
        self._scopes.leave(self)
        assert self._task is not None
        if not self._landed:
            return False
        ours_alone = self._task.uncancel() <= self._cancelling
        return ours_alone and kind is asyncio.CancelledError

    def cancel(self) -> None:
        """End the body at its next await; once."""
        if not self.cancelled:
            self.cancelled = True
            asyncio.get_running_loop().call_soon(self._cancel_body)

    def _cancel_body(self) -> None:
        """Runs between two steps of the task, so the cancellation always lands inside the body."""
        if self._inside and self._task is not None:
            self._landed = True
            self._task.cancel()


class TurnScopes:
    """All scopes of a node; `sweep()` cancels those whose turn has died."""

    def __init__(self, is_live: Callable[[str, int], bool]) -> None:
        self._is_live = is_live
        self._scopes: set[TurnScope] = set()

    def open(self, session: str, turn: int) -> TurnScope:
        """A scope to enter with `async with`."""
        return TurnScope(self, session, turn)

    def enter(self, scope: TurnScope) -> None:
        """Called by the scope; a turn that is dead already is cancelled at its first await."""
        self._scopes.add(scope)
        if not self._is_live(scope.session, scope.turn):
            scope.cancel()

    def leave(self, scope: TurnScope) -> None:
        """Called by the scope."""
        self._scopes.discard(scope)

    def sweep(self) -> None:
        """Cancel every scope whose turn is dead."""
        for scope in list(self._scopes):
            if not self._is_live(scope.session, scope.turn):
                scope.cancel()
