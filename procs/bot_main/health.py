"""What this node's health says when several things can be wrong at once: the worst of it."""

from bus import Bus
from bus.messages import NodeState


class HealthBoard:
    """One line for each thing that can be wrong."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._told: dict[str, tuple[NodeState, str, str]] = {}

    def tell(self, what: str, state: NodeState, code: str = "", detail: str = "") -> None:
        """How something is; the health follows the worst that was told last of anything."""
        self._told[what] = (state, code, detail)
        ranked = sorted(
            self._told.values(), key=lambda told: (told[0] is not NodeState.DEGRADED, not told[1])
        )
        self._bus.report(*ranked[0])
