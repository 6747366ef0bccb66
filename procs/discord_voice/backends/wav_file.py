"""The sink without a place: paces as a voice connection does and records what would be heard.

It is the sink of a stack without Discord, of `miku say --wav` and of the tests. Connecting is always
possible; nothing but the disk can go wrong, and that costs recordings only.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from bus.messages import Intent, VoiceLink
from procs.discord_voice.backends.recorder import Recorder, Recording
from procs.sink.backends.base import Recorded, Source, Trouble, VoiceEvent
from procs.sink.backends.pacer import Pacer, Stretch


class WavFile:
    """Plays into files, one per turn: `<folder>/<session>-<turn>.wav`, 48 kHz mono s16le.

    Args:
        folder: where recordings lie.
        keep: how many of them stay.
        pacer: reads the sources, each 20 ms.
    """

    name = "wav_file"

    def __init__(self, folder: Path, keep: int, pacer: Pacer) -> None:
        self._pacer = pacer
        self._recorder = Recorder(folder, keep, self._written, self._troubled)
        self._stretches: dict[str, Stretch] = {}
        self._tell: Callable[[VoiceEvent], None] = _nobody

    async def run(self, notify: Callable[[VoiceEvent], None]) -> None:
        """Keep both threads running; a failure in one of them ends the process."""
        loop = asyncio.get_running_loop()
        self._tell = lambda event: _call(loop, notify, event)
        try:
            async with asyncio.TaskGroup() as threads:
                threads.create_task(asyncio.to_thread(self._pacer.run))
                threads.create_task(asyncio.to_thread(self._recorder.run))
        finally:
            self._pacer.close()
            self._recorder.close()

    async def connect(self, session: str, intent: Intent) -> None:
        """A file is always there."""

    async def leave(self, session: str) -> None:
        """End what the session plays."""
        if stretch := self._stretches.pop(session, None):
            stretch.stop()

    def play(self, session: str, turn: int, source: Source) -> None:
        """Pace the source into the turn's file."""
        recording = self._recorder.open(session, turn)
        self._stretches[session] = self._pacer.start(source.read, recording.append, recording.close)

    def link(self, session: str, link: VoiceLink | None) -> None:
        """A file needs no credentials."""

    def facts(self) -> dict[str, str]:
        """Nothing but what every sink tells."""
        return {}

    def _written(self, recording: Recording) -> None:
        self._tell(Recorded(recording.session, recording.turn, recording.name))

    def _troubled(self, reason: str) -> None:
        self._tell(Trouble("disk_full", reason) if reason else Trouble())


def _nobody(event: VoiceEvent) -> None:
    """Before `run` nobody listens."""


def _call(loop: asyncio.AbstractEventLoop, notify: Callable[[VoiceEvent], None], event: VoiceEvent) -> None:
    """From another thread; a loop that is closed already has no use for news."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(notify, event)
