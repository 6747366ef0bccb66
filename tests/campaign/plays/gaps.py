"""The gateway is away, and people write meanwhile.

F10 cuts the connection of a real stack. A gap of one second is one, after which Discord sends again what was
missed. After ten seconds away she logs in anew and fetches it herself: the gaps of 30, 90 and 600 seconds are
played in 12 to 16, since a longer wait adds nothing. U23 plays gaps of any length, in hours too, and
over several lives of the house, by a clock of the tests.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from bus.testing import FakeClock
from procs.bot_main import catching_up
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.queue import OLD_MS
from tests.campaign.campaign import Run
from tests.campaign.plays.blocks import keep_pace, quick
from tests.campaign.visit import PATIENCE_S, Visit, visiting
from tests.e2e.house import PEOPLE, SONG
from tests.procs.bot_main.features.full_house import WALL_MS, Home, living
from tests.procs.bot_main.features.hands import HandModel
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL, HandChat
from tests.waiting import until, wait_until

MANY = 51
"""So many missed messages of a channel become one notice."""

# --- F10 ------------------------------------------------------------------------------------------------

GAPS_S: dict[int, float] = {1: 1.0, 30: 12.0, 90: 14.0, 600: 16.0}
"""Length of a gap → how long it is played."""
LOGINS = 9
"""In an hour, before she spares herself more of them; then she is started anew."""
TOLD_AGAIN_S = 1.0
"""Whatever would be said twice is said by then."""


async def f10_gaps(run: Run) -> None:
    """One gap."""
    async with visiting(await run.world.house()) as visit:
        await asyncio.to_thread(_gap, visit, run, list(GAPS_S)[run.index % len(GAPS_S)])


def _gap(visit: Visit, run: Run, gap_s: int) -> None:
    if run.index % LOGINS == 0:
        visit.kill("bot_main", signal.SIGTERM)
        wait_until(lambda: not visit.home.bot.is_online(), PATIENCE_S)
    visit.well()
    strange = visit.room("strange")
    visit.answer(visit.says("hello"))
    is_resumed = gap_s == min(GAPS_S)
    n_missed = MANY + run.dice.randrange(10) if run.dice.random() < 0.2 and not is_resumed else 0
    with _away(visit, run):
        began_s = time.monotonic()
        missed = [
            visit.says(f"question {n}", run.dice.choice(PEOPLE))
            for n in range(n_missed or run.dice.randint(1, 5))
        ]
        visit.home.says("chatter", "Bob", visit.study)
        never = [] if is_resumed else [visit.says("and me?", "Cem", strange), visit.calls("mood", "Cem")]
        time.sleep(max(0.0, began_s + GAPS_S[gap_s] - time.monotonic()))
        assert not any(one["author"] == "Miku" for one in visit.written()[2:]), "she was not away"
    back_s = time.monotonic()
    if n_missed:
        wait_until(lambda: visit.replies(missed[-1]), PATIENCE_S)
    else:
        wait_until(lambda: all(visit.replies(message) for message in missed), PATIENCE_S)
    run.note("back to all answered, s", time.monotonic() - back_s)
    time.sleep(TOLD_AGAIN_S)
    hers = [one for one in visit.written()[2:] if one["author"] == "Miku"]
    if n_missed:
        assert len(hers) == 1, "one notice"
        assert f"{n_missed} messages" in hers[0]["content"]
    else:
        assert [int(one["reply_to"]) for one in hers] == missed, "each once, in order"
        assert {one["content"] for one in hers} == {SONG}
    places = (strange, visit.hall)
    assert not any(visit.replies(message, place) for message, place in zip(never, places, strict=False))


@contextmanager
def _away(visit: Visit, run: Run) -> Iterator[None]:
    """Her connection is cut, and none can be made; in the end she is online again."""
    faults = visit.home.remote.faults
    faults.arm(point="resume", code=4000, times=None)
    faults.arm(point="rest", at="GET /gateway/bot", status=500, times=None)
    visit.home.bot.gateway_is_cut()
    wait_until(lambda: not visit.home.bot.is_online(), PATIENCE_S)
    try:
        yield
    finally:
        faults.disarm()
    mended_s = time.monotonic()
    wait_until(visit.home.bot.is_online, PATIENCE_S)
    run.note("mended to online, s", time.monotonic() - mended_s)


# --- U23 ------------------------------------------------------------------------------------------------

GAPS = 12
"""In one run."""
GAPS_MS = (1_000, 30_000, 90_000, 600_000, 3_600_000, 7 * 3_600_000, 20 * 3_600_000)
WATCHED = (GENERAL, 100, 101)
STRANGE = 200
"""A channel in which she was never spoken to while she was there."""


@dataclass
class Absence:
    """What was written in one gap."""

    home: Home
    run: Run
    missed: dict[int, list[Incoming]] = field(default_factory=dict)
    """Channel → messages to her."""

    def write(self, gap_ms: int) -> None:
        """People write at random times of it."""
        dice, chat, clock = self.run.dice, self.home.chat, self.home.node.fake_clock
        many = dice.choice(WATCHED) if dice.random() < 0.15 else 0
        for channel in (*WATCHED, STRANGE):
            self.missed[channel] = []
        texts = [dice.choice((*WATCHED, STRANGE)) for _ in range(dice.randrange(12))]
        texts += [many] * (MANY if many else 0)
        for channel in dice.sample(texts, len(texts)):
            clock.advance_ms(gap_ms / len(texts))
            keep_pace(chat, clock)
            who = dice.choice((ANNA, BERT))
            if dice.random() < 0.2:
                chat.says("chatter", who, channel)
            said = chat.says("missed", who, channel, is_addressed=True)
            self.missed[channel].append(said)

    async def check(self, since: int) -> None:
        """Each is answered once, or shares one digest or one notice; nothing else is said."""
        chat, now_ms = self.home.chat, self.home.node.fake_clock.wall_ns() // 1_000_000
        wanted: Counter[tuple[int, bool]] = Counter()
        for channel in WATCHED:
            messages = self.missed[channel]
            if len(messages) >= MANY:
                wanted[messages[-1].id, False] += 1
                continue
            old = [each for each in messages if now_ms - each.written_ms > OLD_MS]
            wanted.update((each.id, True) for each in messages if each not in old)
            if old:
                wanted[old[-1].id, False] += 1

        def told() -> Counter[tuple[int, bool]]:
            answer = HandModel().answer
            return Counter((p.post.reply_to, p.post.text == answer) for p in chat.posted[since:])

        await until(lambda: told().total() >= wanted.total(), 20)
        await asyncio.sleep(0.02)
        assert told() == wanted, f"{told() - wanted} instead of {wanted - told()}; {self._shape(now_ms)}"

    def _shape(self, now_ms: int) -> dict[int, list[tuple[int, int]]]:
        """Of each channel the messages that were missed: (id, minutes ago)."""
        return {
            channel: [(each.id, (now_ms - each.written_ms) // 60_000) for each in messages]
            for channel, messages in self.missed.items()
        }


async def u23_missed(run: Run) -> None:
    """Gaps one after the other, some of them with a new life."""
    chat, clock, folder = HandChat(), FakeClock(wall_ms=WALL_MS), run.world.new_folder()
    with quick(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(catching_up, "RETRY_S", 0.01)
        async with living(folder, chat, clock) as home:
            chat.says("long ago", channel_id=STRANGE, is_addressed=True)
            await _greet(home)
            await _gaps(home, run)
        for _ in range(2):
            absence = Absence(home, run)
            absence.write(run.dice.choice(GAPS_MS))
            since = len(chat.posted)
            async with living(folder, chat, clock) as home:
                absence.home = home
                home.house.online()
                await absence.check(since)
                await _gaps(home, run)


async def _greet(home: Home) -> None:
    """She is spoken to in the channels that she watches from then on."""
    home.house.online()
    for channel in WATCHED:
        await home.says("hello", channel_id=channel, is_addressed=True)
    await until(lambda: len(home.chat.posted) == len(WATCHED))


async def _gaps(home: Home, run: Run) -> None:
    for _ in range(GAPS // 3):
        absence, since = Absence(home, run), len(home.chat.posted)
        absence.write(run.dice.choice(GAPS_MS))
        home.house.online()
        await absence.check(since)
