"""The voice node: the sink that speaks in Discord, or into recordings where there is none."""

from procs.sink.node import SinkNode, sink_reads, sink_writes


class VoiceNode(SinkNode):
    """Authority over the sessions in Discord."""

    name = "discord_voice"
    reads = sink_reads(name)
    writes = sink_writes(name)
