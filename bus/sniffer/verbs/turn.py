"""`turn`: the waterfall of a prompt through all processes."""

import argparse
from collections.abc import Iterable

from bus.sniffer.output import Output
from bus.sniffer.taps import Tapped
from bus.sniffer.verbs.base import Verb
from bus.sniffer.waterfall import PREFIXES, Waterfalls, waterfall_line


class Turn(Verb):
    """Waits for a turn to end and shows where its time went; the next one unless told which."""

    name = "turn"
    summary = "one prompt through all processes, as a waterfall"
    example = "bus-sniffer turn --follow"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._waterfalls = Waterfalls()
        self._n_shown = 0
        self._since_ms = 0

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--turn", type=int, default=0, help="this turn; by default the next that ends")
        parser.add_argument("--follow", action="store_true", help="each turn as it ends")

    @property
    def prefixes(self) -> tuple[str, ...]:
        return PREFIXES

    @property
    def is_done(self) -> bool:
        return self._n_shown > 0 and not self.options.follow

    def observe(self, tapped: Tapped) -> Iterable[Output]:
        self._since_ms = self._since_ms or tapped.received_wall_ns // 1_000_000
        self._waterfalls.observe(tapped)
        return self._over(tapped.received_mono_ns)

    def report(self, now_ns: int) -> Iterable[Output]:
        return self._over(now_ns)

    def end(self, now_ns: int) -> Iterable[Output]:
        """What was asked for and did not end in time is shown as far as it is known."""
        yield from self._over(now_ns)
        turn = self.options.turn
        waterfall = self._waterfalls.get(turn) if turn else self._waterfalls.newest()
        if waterfall and not waterfall.is_told and not self.is_done:
            self._n_shown += 1
            yield waterfall_line(waterfall)

    def complaint(self, now_ns: int) -> str:
        asked = f"turn {self.options.turn}" if self.options.turn else "any turn"
        return "" if self._n_shown else f"no sign of {asked}"

    def _over(self, now_ns: int) -> list[Output]:
        """Turns that are over; of the bus without being asked, none whose beginning was before our time."""
        asked, since_ms, is_recorded = self.options.turn, self._since_ms, bool(self.options.recording)
        wanted = [
            w
            for w in self._waterfalls.take_over(now_ns)
            if (w.turn == asked if asked else is_recorded or w.turn >= since_ms)
        ]
        if not self.options.follow:
            wanted = wanted[: 1 - self._n_shown]
        self._n_shown += len(wanted)
        return [waterfall_line(w) for w in wanted]
