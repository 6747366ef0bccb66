"""`play`: a recording into the bus, in the place of writers that are not running."""

import argparse
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from bus.clock import Clock
from bus.keys import KeyRing
from bus.settings import BusSettings
from bus.sniffer.arguments import speed
from bus.sniffer.files import require_readable
from bus.sniffer.output import Line, Output
from bus.sniffer.playback import Playback
from bus.sniffer.recording import Recording
from bus.sniffer.taps import listening
from bus.topics import NODES

HEALTH_PATIENCE_S = 1.3
"""Every running node says how it is within a second."""


class Play:
    """Keeps the recording's pace, or a multiple of it; never speaks for a node that runs."""

    name: ClassVar[str] = "play"
    summary: ClassVar[str] = "a recording into the bus, for writers not running"
    example: ClassVar[str] = "MIKU_BUS__BASE_PORT=48100 bus-sniffer play night.mcap --speed 2"

    def __init__(self, options: argparse.Namespace) -> None:
        require_readable(options.file)
        self.options = options
        self._complaint = ""

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.mcap", help="recording to play")
        parser.add_argument("--speed", type=speed, default=1.0, help="pace, 0.1 to 100 (1)")

    async def run(self, keys: KeyRing, settings: BusSettings, clock: Clock) -> Iterable[Output]:
        """Play it all; returns what became of it."""
        running = await _running(keys, settings, clock)
        recording = Recording(Path(self.options.file))
        writers = {tapped.header.src for tapped in recording.messages()} & set(NODES)
        playback = Playback(keys, settings, clock)
        try:
            await playback.open(writers - running)
            await playback.play(Recording(recording.file).messages(), self.options.speed)
        finally:
            playback.close()
        if not playback.n_said:
            has_running = playback.n_of_running > 0
            reason = (
                "every writer of the recording is running" if has_running else "there is nothing to say in it"
            )
            self._complaint = f"nothing was played: {reason}"
        elif recording.damages:
            self._complaint = f"{recording.file} is not whole: {recording.damages[0]}"
        return [_result(playback, recording)]

    def complaint(self) -> str:
        """Why the result is bad (exit code 1); empty when it is fine."""
        return self._complaint


async def _running(keys: KeyRing, settings: BusSettings, clock: Clock) -> set[str]:
    """Nodes that say how they are."""
    running: set[str] = set()
    with listening(keys, settings, ["report.health."], clock) as taps:
        end_ns = clock.mono_ns() + int(HEALTH_PATIENCE_S * 1e9)
        while (left_ns := end_ns - clock.mono_ns()) > 0:
            running |= {tapped.header.src for tapped in await taps.take(left_ns / 1e9)}
    return running


def _result(playback: Playback, recording: Recording) -> Line:
    left_out: Counter[str] = sum((s.left_out for s in playback.stand_ins.values()), Counter())  # no zeros
    names = ", ".join(playback.stand_ins) or "nobody"
    text = f"played {playback.n_said:,} messages, standing in for {names}"
    if playback.n_of_running:
        text += f"; {playback.n_of_running:,} left to their writers, which run"
    for topic, count in sorted(left_out.items()):
        text += f"; {topic}: {count} left out (no reader, or not of this protocol)"
    if not recording.has_content:
        text += "; its text and sound are blanks"
    return Line(
        text,
        {
            "kind": "played",
            "messages": playback.n_said,
            "standing_in": sorted(playback.stand_ins),
            "of_running": playback.n_of_running,
            "left_out": dict(left_out),
            "content": recording.has_content,
        },
    )
