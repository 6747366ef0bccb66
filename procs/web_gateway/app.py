"""The gateway: the sink that speaks in browsers, and the window through which people see the others."""

from procs.sink.node import SinkNode, sink_reads, sink_writes


class WebNode(SinkNode):
    """Authority over the sessions in browsers."""

    name = "web_gateway"
    reads = (*sink_reads(name), "report.reply", "report.spoken", "report.house", "report.request")
    writes = (*sink_writes(name), "flow.request")
