"""The voice node: the sink that speaks in Discord, or into recordings where there is none."""

import asyncio

from bus import Bus
from bus.interface import LevelView
from bus.messages import VoiceLink
from procs.discord_voice.backends.base import LinkedBackend
from procs.sink.core.session import Rules
from procs.sink.node import SinkNode, sink_reads, sink_writes


class VoiceNode(SinkNode):
    """Authority over the sessions in Discord."""

    name = "discord_voice"
    reads = (*sink_reads(name), "control.voice_link")
    writes = sink_writes(name)

    def __init__(
        self, bus: Bus, rules: Rules, backend: LinkedBackend, max_sessions: int, prebuffer_frames: int
    ) -> None:
        super().__init__(bus, rules, backend, max_sessions, prebuffer_frames)
        self._linked = backend
        self._links: LevelView[VoiceLink] = bus.follow("control.voice_link")

    async def run(self) -> None:
        """Hold sessions, and hand credentials on, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run())
            tasks.create_task(self._follow_links())

    async def _follow_links(self) -> None:
        async for change in self._links.changes():
            self._linked.link(change.session, change.new)

    def _facts(self) -> dict[str, str]:
        return super()._facts() | self._linked.facts()
