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
    return all(peer in health and health[peer].state in states for peer, states in PEERS.items())


def peers_applied(health: Mapping[str, Health], session: str) -> bool:
    """Whether every node that a session needs says that it has applied it."""
    return all(peer in health and session in health[peer].applied for peer in PEERS)
