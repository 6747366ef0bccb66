"""Whom a session needs, and whether they are ready for it, judged by their health levels."""

from collections.abc import Mapping

from bus.messages import Health, NodeState

MASTER = "bot_main"
"""Writes the intent; it must be alive for a session to start, and silent for long for one to end."""

_WORKING = frozenset({NodeState.READY, NodeState.LOADING})
_UP = frozenset(NodeState) - {NodeState.STOPPING}

PEERS: Mapping[str, frozenset[NodeState]] = {
    MASTER: _UP,  # degraded, it may have lost Discord, but it has asked for this session
    "llm_streamer": _WORKING,
    "tts_bridge": _WORKING,
}
"""Nodes a session needs, and the states in which each will do."""


def peers_ready(health: Mapping[str, Health]) -> bool:
    """Whether every node that a session needs can work; a node without a living level can not."""
    return not missing_code(health)


def missing_code(health: Mapping[str, Health]) -> str:
    """Error code of what is missing: a peer's own when it gives one, since that names the remedy."""
    missing = [
        peer for peer, states in PEERS.items() if peer not in health or health[peer].state not in states
    ]
    named = [health[peer].code for peer in missing if peer in health and health[peer].code]
    return next(iter(named), "session_not_ready") if missing else ""


def peers_applied(health: Mapping[str, Health], session: str) -> bool:
    """Whether every node that a session needs says that it has applied it."""
    return all(peer in health and session in health[peer].applied for peer in PEERS)
