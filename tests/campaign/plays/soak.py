"""F22, F28, U1: hours of everyday life; what grows, what blocks a loop, and how evenly sound leaves."""

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np
import psutil

from bus.audio import FRAME_MS
from bus.messages import RequestKind
from bus.topics import NODES
from cli.refusal import Refusal
from tests.campaign.campaign import Run
from tests.campaign.home import Home
from tests.campaign.tones import heard, letters
from tests.campaign.world import SYMBOL_MS, Kind
from tests.waiting import until

TEXTS = (
    "Yes.",
    "That is nice of you.",
    "I have been thinking about that, and I am not sure.",
    "One. Two. Three.",
)

THINGS = 4
"""Of one run of F28."""

SESSIONS = 50
"""Over the whole length."""

DEATHS = 3

JUDGED_MINUTES = 30.0
"""A shorter soak says nothing about growth."""

GROWTH_MB_PER_HOUR = 1.0
HANDLES = 5
LOG_BYTES_PER_DAY = 50_000_000


# --- everyday life --------------------------------------------------------------------------------------


async def _live(run: Run, home: Home) -> None:
    """One thing that somebody does."""
    session = await home.session()
    match run.dice.randrange(10):
        case 0:
            answer = await home.ask(TEXTS[2])
            await asyncio.sleep(run.dice.uniform(0, 2))
            await home.stop()
            await until(
                lambda: (
                    (p := home.playout(session)) and (p.finished_turn >= answer.turn or p.turn < answer.turn)
                )
            )
        case 1:
            await home.speaks("Tell me something", RequestKind.PROMPT)
        case 4:
            await asyncio.to_thread(home.stack.miku, "status", "--json")
        case _:
            await home.speaks(run.dice.choice(TEXTS))


async def f28_loops(run: Run) -> None:
    """Some things in a row, with a sniffer looking on; the lag of loops is noted as in every run."""
    home = await run.world.home(Kind.EMBEDDED)
    sniffer = home.stack.begin_sniffer("top", "--for", "60s")
    try:
        for _ in range(THINGS):
            await _live(run, home)
    finally:
        await asyncio.to_thread(sniffer.end)
    await home.leave()


# --- F22 ------------------------------------------------------------------------------------------------


@dataclass
class Growth:
    """What one process held, sample by sample."""

    hours: list[float] = field(default_factory=list)
    rss_mb: list[float] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def look(self, process: psutil.Process, hours: float) -> None:
        """Take a sample."""
        self.hours.append(hours)
        self.rss_mb.append(process.memory_info().rss / 1e6)
        self.handles.append(process.num_fds())
        self.threads.append(process.num_threads())

    @property
    def mb_per_hour(self) -> float:
        """Slope of the memory over the later half, when all has been done once."""
        half = len(self.hours) // 2
        hours, rss_mb = self.hours[half:], self.rss_mb[half:]
        return float(np.polyfit(hours, rss_mb, 1)[0]) if len(hours) > 2 else 0.0


class Soak:
    """A long life of one stack."""

    def __init__(self, run: Run, home: Home) -> None:
        self.run = run
        self.home = home
        self.began_s = time.monotonic()
        self.growth: dict[tuple[str, int], Growth] = {}

    @property
    def hours(self) -> float:
        """Since the beginning."""
        return (time.monotonic() - self.began_s) / 3600

    async def live(self) -> None:
        """Sessions one after the other; three processes die on the way."""
        whole_s, n_deaths = self.run.minutes * 60, 0
        while (spent_s := time.monotonic() - self.began_s) < whole_s:
            end_s = spent_s + whole_s / SESSIONS
            while time.monotonic() - self.began_s < end_s:
                await _live(self.run, self.home)
            await self.home.leave()
            self.look()
            if spent_s > whole_s * (n_deaths + 1) / (DEATHS + 1):
                n_deaths += 1
                await self.bereave()

    async def bereave(self) -> None:
        """One process dies."""
        node = self.run.dice.choice(NODES)
        pid = self.home.pid(node)
        psutil.Process(pid).kill()
        await until(lambda: self.home.pid(node) not in (0, pid), 60)
        await self.home.well()
        await self.home.speaks_again()

    def look(self) -> None:
        """Sample every node, between two sessions."""
        for node in NODES:
            if pid := self.home.pid(node):
                self.growth.setdefault((node, pid), Growth()).look(psutil.Process(pid), self.hours)

    def judge(self) -> None:
        """Memory, handles and threads of those who lived long enough."""
        for (node, _), growth in self.growth.items():
            lived_minutes = (growth.hours[-1] - growth.hours[0]) * 60
            spread = max(growth.handles) - min(growth.handles)
            self.run.note("spread of open files", spread)
            if lived_minutes < JUDGED_MINUTES:
                continue
            self.run.note("growth, MB per hour", growth.mb_per_hour)
            assert growth.mb_per_hour < GROWTH_MB_PER_HOUR, (
                f"{node} grows by {growth.mb_per_hour:.1f} MB an hour"
            )
            assert spread <= HANDLES, (
                f"{node}: open files between {min(growth.handles)} and {max(growth.handles)}"
            )
            later = growth.threads[len(growth.threads) // 2 :]
            assert max(later) == min(later), f"{node}: threads {later}"

    def judge_logs(self) -> None:
        """What a day would write."""
        log_bytes = sum(file.stat().st_size for file in self.home.stack.state_path.glob("logs/*"))
        per_day = log_bytes / self.hours * 24
        self.run.note("logs, MB per day", per_day / 1e6)
        if self.run.minutes >= JUDGED_MINUTES:
            assert per_day < LOG_BYTES_PER_DAY, f"{per_day / 1e6:.0f} MB of logs a day"


async def f22_soak(run: Run) -> None:
    """Everyday life for as long as asked."""
    home = await run.world.home(Kind.EMBEDDED)
    soak = Soak(run, home)
    await soak.live()
    soak.judge()
    soak.judge_logs()


# --- U1 -------------------------------------------------------------------------------------------------

LONGEST_CHARS = 3_000
"""A minute of speech in one turn; a request takes 4,000 characters."""


async def u1_pacing(run: Run) -> None:
    """Speech without a pause, turn after turn; each must be heard whole."""
    await run.world.end(Kind.SOPRANO)  # a sink tells the longest gap of its life
    home = await run.world.home(Kind.SOPRANO)
    n_left = round(run.minutes * 60_000 / SYMBOL_MS)
    while n_left > 0:
        n_chars = max(50, min(n_left, LONGEST_CHARS))
        text = ("counting every frame that leaves, " * (n_chars // 30))[:n_chars]
        try:
            said = await asyncio.wait_for(home.say(text), n_chars * SYMBOL_MS / 1000 + 60)
        except Refusal as refusal:
            raise AssertionError(f"refused: {refusal}") from None
        read = heard(await home.recorded(said.answer))
        assert (read.text, read.n_slips) == (letters(text), 0)
        n_left -= n_chars
    pace = await home.pace()
    run.note("frames", pace["frames"])
    run.note("deficit per 3,000 frames", pace["deficit"] * 3_000 / pace["frames"])
    run.note("bursts", pace["bursts"])
    run.note("late frames", pace["late"])
    run.note("gap p99, ms", pace["gap_p99_ms"])
    run.note("gap worst, ms", pace["gap_max_ms"])
    assert pace["frames"] * FRAME_MS >= run.minutes * 60_000 * 0.9
