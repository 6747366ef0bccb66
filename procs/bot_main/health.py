"""What this node's health says when several things can be wrong at once: the worst of it."""

from bus import Bus
from bus.errors import BackendError
from bus.messages import NodeState


class HealthBoard:
    """One line for each thing that can be wrong."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told: dict[str, tuple[NodeState, str, str]] = {}

    def tell(self, what: str, state: NodeState, code: str = "", detail: str = "") -> None:
        """How something is; the health follows the worst that was told last of anything."""
        self._told[what] = (state, code, detail)
        ranked = sorted(self._told.values(), key=_rank)
        self._bus.report(*ranked[0])

    @property
    def codes(self) -> tuple[str, ...]:
        """Error codes of all that is wrong now, each once."""
        return tuple(dict.fromkeys(code for _, code, _ in self._told.values() if code))


def _rank(told: tuple[NodeState, str, str]) -> tuple[bool, bool, bool]:
    """The worst first; of what is well, that of which there is something to say."""
    state, code, detail = told
    return state is not NodeState.DEGRADED, not code, not detail


class StoreHealth:
    """How one of the stores is, in the log and in the health; told when it changes.

    A store in trouble takes nothing from a session, so this node stays ready, and says it.

    Args:
        name: of the store.
    """

    def __init__(self, bus: Bus, board: HealthBoard | None, name: str) -> None:
        self._bus = bus
        self._board = board or HealthBoard(bus)
        self._name = name
        self._told = ("", "")
        self.code = ""
        """Error code while it takes nothing, else empty."""

    def fails(self, error: BackendError) -> None:
        """It takes nothing now."""
        self.code = error.code
        self._tell(error.detail)

    def works(self, damaged_as: str = "") -> None:
        """It takes everything.

        Args:
            damaged_as: name under which the damaged file before this one was set aside.
        """
        self.code = ""
        self._tell(f"{self._name} was damaged: set aside as {damaged_as}, begun anew" if damaged_as else "")

    def _tell(self, detail: str) -> None:
        if (self.code, detail) == self._told:
            return
        self._told = self.code, detail
        log = self._bus.log.warning if self.code or detail else self._bus.log.info
        log(self._name, code=self.code, detail=detail or "written again")
        self._board.tell(self._name, NodeState.READY, self.code, detail)
