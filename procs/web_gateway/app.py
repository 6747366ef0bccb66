"""The gateway: the sink that speaks in browsers, and the window through which people see the others."""

from dataclasses import replace

from bus import Bus
from bus.messages import PlayoutState
from procs.sink.core.session import Rules
from procs.sink.node import Seat, SinkNode, sink_reads, sink_writes
from procs.web_gateway.backends.base import WebBackend


class WebNode(SinkNode):
    """Authority over the sessions in browsers.

    Args:
        rules, max_sessions: as for every sink.
        backend: knows what its clients have heard.
    """

    name = "web_gateway"
    reads = (  # its own topics by name: a prefix alone brings only those of others
        *sink_reads(name),
        "report.reply",
        "report.spoken",
        "report.house",
        "report.request",
        "report.turn.",
        "report.playout.",
        f"report.playout.{name}",
        "report.settings.",
        f"report.settings.{name}",
        f"report.health.{name}",
        f"report.turn.{name}",
    )
    writes = (*sink_writes(name), "flow.request")

    def __init__(self, bus: Bus, rules: Rules, backend: WebBackend, max_sessions: int) -> None:
        super().__init__(bus, rules, backend, max_sessions, prebuffer_frames=0)
        self._browsers = backend

    def _playout_state(self, seat: Seat) -> PlayoutState:
        """What was heard, not what was sent: only that may enter the memory."""
        state = super()._playout_state(seat)
        return replace(state, played_ms=self._browsers.heard_ms(seat.id, state.turn, state.played_ms))
