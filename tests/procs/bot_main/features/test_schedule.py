"""The feature with a clock by hand; how the watch treats due times shows `backends/test_scheduler.py`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bus.errors import BadSettings
from procs.bot_main.backends.base_schedule import Clerk, Scheduler
from procs.bot_main.backends.scheduler import ApScheduler
from procs.bot_main.core.moods import SERVER_MS, Feeling, turned
from procs.bot_main.core.schedule import JOBS_PER_GUILD, Job
from procs.bot_main.feature_settings import ScheduleSettings
from procs.bot_main.features.schedule import Schedule, make
from procs.bot_main.mood_now import ASLEEP, mood_now
from tests.procs.bot_main.features.hands import DictDocuments, Hands, call, hands
from tests.procs.bot_main.hand_chat import ANNA, BERT, HOME
from tests.waiting import until

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
GAP_MS = 5_000


class HandScheduler:
    """Begins nothing by itself: `due` does what the watch would do."""

    async def run(self, clerk: Clerk) -> None:
        await asyncio.Event().wait()

    def changed(self) -> None:
        pass


def diary(zone: str = "Europe/Berlin", scheduler: Scheduler | None = None, **options):
    return hands([ScheduleSettings(timezone=zone)], {Scheduler: scheduler or HandScheduler()}, **options)


async def due(h: Hands, feature: Schedule, kind: str) -> bool:
    """Let the time of the next job of a kind come, and have it done."""
    job = min((one for one in feature.jobs() if one.kind == kind), key=lambda one: one.next_ms)
    h.clock.advance_ms(max(job.next_ms - h.now_ms(), 10_000))
    return await feature.fire(job, job.next_ms)


async def late(h: Hands, feature: Schedule, minutes: int, guild_id: int = HOME, kind: str = "post") -> Job:
    """A job that was due so long ago by the machine's clock, which the real watch reads."""
    h.clock.step_wall_ms(time.time_ns() // 1_000_000 - h.now_ms())
    far = datetime.fromtimestamp(h.now_ms() / 1000 + 3.5 * 86_400, BERLIN)  # no other time of it is near
    wish = {"post": call("schedule", f"add {far:%a %H:%M} {minutes} min late", guild_id=guild_id)}
    await feature.command(wish.get(kind, call("bedtime", f"{far:%H:%M}", guild_id=guild_id)))
    new = next(job for job in feature.jobs() if job.kind == kind and job.next_ms > h.now_ms())
    overdue = replace(new, next_ms=h.now_ms() - 60_000 * minutes)
    feature.keep(overdue)
    return overdue


@asynccontextmanager
async def watching(feature: Schedule) -> AsyncIterator[None]:
    task = asyncio.create_task(feature.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_weekly_post_is_listed_posted_and_removed():
    async with diary() as h:
        feature = make(h.kit)
        answer = await feature.command(call("schedule", "add fri 18:00 New video: https://v.example/1"))
        assert "Friday 18:00 (Europe/Berlin)" in answer
        assert "1. Friday 18:00: New video" in await feature.command(call("schedule", "list"))
        assert await due(h, feature, "post")
        assert h.chat.texts() == ["New video: https://v.example/1"]
        (posted,) = h.chat.posted
        assert (posted.post.unfolds_links, posted.post.pings) == (True, ()), (
            "the video is seen, nobody is called"
        )
        there = datetime.fromtimestamp(h.now_ms() / 1000, BERLIN)
        assert (there.weekday(), there.hour, there.minute) == (4, 18, 0)
        assert "gone" in await feature.command(call("schedule", "remove 1"))
        assert "Nothing is scheduled" in await feature.command(call("schedule"))
        assert list(h.shelf.all("job")) == []


async def test_birthdays_are_greeted_by_name_at_nine():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("birthday", "12-24", ANNA))
        assert await due(h, feature, "birthday")
        (posted,) = h.chat.posted
        assert "Anna" in posted.post.text
        assert (posted.post.unfolds_links, posted.post.pings) == (False, (ANNA.id,))
        there = datetime.fromtimestamp(h.now_ms() / 1000, BERLIN)
        assert (there.month, there.day, there.hour) == (12, 24, 9)
        await feature.command(call("birthday", "off", ANNA))
        assert list(feature.jobs()) == []


async def test_one_birthday_each_and_the_newest_counts():
    async with diary() as h:
        feature = make(h.kit)
        for text, who in (("01-01", ANNA), ("02-02", ANNA), ("03-03", BERT)):
            await feature.command(call("birthday", text, who))
        assert sorted(job.when.month for job in feature.jobs()) == [2, 3]


async def test_who_has_left_is_not_greeted():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("birthday", "12-24", ANNA))
        h.chat.quits(ANNA)
        assert await due(h, feature, "birthday")
        assert h.chat.posted == []
        assert h.lines("info", "nobody to greet")


async def test_whether_somebody_has_left_is_asked_until_discord_answers():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("birthday", "12-24", ANNA))
        h.chat.fails("person")
        assert not await due(h, feature, "birthday"), "due again as it was"
        assert (h.chat.posted, feature.code) == ([], "discord_unreachable")
        h.clock.advance_ms(60_000)
        assert await due(h, feature, "birthday")
        assert "Anna" in h.chat.texts()[0]


async def test_bedtime_and_wake_up():
    async with diary() as h:
        feature = make(h.kit)
        answer = await feature.command(call("bedtime", "23:00"))
        assert "from 23:00 to 07:00" in answer
        assert "every day 23:00" in await feature.command(call("bedtime"))
        assert await due(h, feature, "bedtime")
        night = Feeling.of(h.shelf.get("mood", str(HOME)))
        for hours in range(8):
            assert turned(night, h.now_ms() + hours * 3_600_000, SERVER_MS, 0.5).name == ASLEEP
        assert turned(night, h.now_ms() + 9 * 3_600_000, SERVER_MS, 0.5).name != ASLEEP
        assert mood_now(h.shelf, HOME) == ASLEEP
        assert h.chat.texts()[0].startswith("🌙")
        assert await due(h, feature, "wakeup")
        assert mood_now(h.shelf, HOME) != ASLEEP
        assert len(h.chat.posted) == 1


async def test_wake_up_leaves_a_mood_alone_that_somebody_chose_at_night():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("bedtime", "23:00 06:30"))
        await due(h, feature, "bedtime")
        h.shelf.put("mood", str(HOME), {"name": "silly"})
        await due(h, feature, "wakeup")
        assert mood_now(h.shelf, HOME) == "silly"


async def test_no_bedtime_wakes_her():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("bedtime", "23:00 06:30"))
        await due(h, feature, "bedtime")
        await feature.command(call("bedtime", "off"))
        assert (mood_now(h.shelf, HOME) == ASLEEP, list(feature.jobs())) == (False, [])


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("schedule", "add"), ("schedule", "add someday 18:00 x"), ("schedule", "add fri 18:00"),
        ("schedule", "fly"),
        ("schedule", "add fri 25:00 x"), ("birthday", ""), ("birthday", "02-30"), ("birthday", "tomorrow"),
        ("bedtime", "late"), ("bedtime", "23:00 06:00 07:00"), ("bedtime", "25:00"),
    ],
)  # fmt: skip
async def test_what_it_does_not_understand_is_answered_with_how_to_say_it(command, text):
    async with diary() as h:
        feature = make(h.kit)
        assert "Say `" in await feature.command(call(command, text))
        assert list(feature.jobs()) == []


async def test_limits():
    async with diary() as h:
        feature = make(h.kit)
        for _ in range(JOBS_PER_GUILD):
            await feature.command(call("schedule", "add mon 9:00 hello"))
        assert "remove one first" in await feature.command(call("schedule", "add mon 9:00 hello"))
        assert "too long" in await feature.command(call("schedule", f"add mon 9:00 {'x' * 1_600}"))
        assert "server only" in await feature.command(call("birthday", "01-01", guild_id=0))
        assert "must differ" in await feature.command(call("bedtime", "23:00 23:00"))


async def test_a_zone_of_its_own_moves_all_jobs_of_a_guild():
    async with diary("UTC") as h:
        feature = make(h.kit)
        await feature.command(call("schedule", "add fri 18:00 hi"))
        (before,) = feature.jobs()
        assert "don't know" in await feature.command(call("schedule", "zone Atlantis/Deep"))
        assert "don't know" in await feature.command(call("schedule", "zone ../../etc/passwd"))
        await feature.command(call("schedule", "zone Asia/Tokyo"))
        (after,) = feature.jobs()
        assert (before.next_ms - after.next_ms) % (7 * 86_400_000) == 9 * 3_600_000
        assert "Asia/Tokyo" in await feature.command(call("schedule", "list"))


def test_a_zone_that_is_none_is_refused_at_the_start():
    async def begin():
        async with diary("Mars/Olympus") as h:
            make(h.kit)

    with pytest.raises(BadSettings, match="Europe/Berlin"):
        asyncio.run(begin())


async def test_nothing_begins_while_closed_nor_too_soon_after_another():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("schedule", "add fri 18:00 hi"))
        (job,) = feature.jobs()
        h.gate.close()
        assert not feature.may_fire(job)
        assert not await due(h, feature, "post")
        assert h.chat.posted == []
        h.gate.open()
        assert feature.may_fire(job)
        assert await due(h, feature, "post")
        assert not feature.may_fire(job)
        h.clock.advance_ms(GAP_MS)
        assert feature.may_fire(job)


async def test_discord_away_is_told_once_and_the_job_waits():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("schedule", "add fri 18:00 hi"))
        (job,) = feature.jobs()
        h.chat.fails("send", "discord_unreachable", times=2)
        assert not await due(h, feature, "post")
        assert not feature.may_fire(job), "for a minute"
        h.clock.advance_ms(60_000)
        assert not await due(h, feature, "post")
        assert feature.code == "discord_unreachable"
        assert len(h.lines("warning", "feature degraded")) == 1
        assert await due(h, feature, "post")
        assert (h.chat.texts(), feature.code) == (["hi"], "")


async def test_a_channel_that_is_forbidden_is_told_and_the_job_comes_again_next_week():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("schedule", "add fri 18:00 hi"))
        h.chat.fails("send", "discord_forbidden")
        assert await due(h, feature, "post")
        assert feature.code == "discord_forbidden"


async def test_what_is_due_while_discord_is_away_is_posted_once_when_it_is_back():
    async with diary(scheduler=ApScheduler(look_s=0.02)) as h:
        feature = make(h.kit)
        h.chat.goes_offline()
        await late(h, feature, 200)
        await late(h, feature, 150, kind="bedtime")
        async with watching(feature):
            await until(lambda: h.lines("info", "job skipped"))
            h.chat.comes_online()
            await until(h.chat.texts)
            await until(lambda: all(job.next_ms > h.now_ms() for job in feature.jobs()))
        assert h.chat.texts() == ["200 min late"]
        (skipped,) = h.lines("info", "job skipped")
        assert skipped["kind"] == "bedtime", "too late for it, whoever is away"


async def test_a_guild_that_is_gone_keeps_no_other_waiting_and_its_jobs_are_skipped_in_time():
    async with diary(scheduler=ApScheduler(look_s=0.02)) as h:
        feature = make(h.kit)
        gone = await late(h, feature, 2, guild_id=HOME + 1)
        await late(h, feature, 1)
        async with watching(feature):
            await until(h.chat.texts)
            assert gone in feature.jobs(), "due as it was"
            h.clock.advance_ms(GAP_MS)
            feature.keep(replace(gone, next_ms=h.now_ms() - 7 * 3_600_000))
            await until(lambda: h.lines("info", "job skipped"))
            await until(lambda: all(job.next_ms > h.now_ms() for job in feature.jobs()))
        assert h.chat.texts() == ["1 min late"]


async def test_a_job_of_a_guild_that_is_away_keeps_no_other_waiting_after_days_without_her():
    async with diary("UTC", ApScheduler(look_s=0.02)) as h:
        feature = make(h.kit)
        h.clock.step_wall_ms(time.time_ns() // 1_000_000 - h.now_ms())
        ten_minutes_ago = datetime.fromtimestamp(h.now_ms() / 1000 - 600, UTC)
        await feature.command(call("bedtime", f"{ten_minutes_ago:%H:%M}", guild_id=HOME + 1))
        job = next(job for job in feature.jobs() if job.kind == "bedtime")
        feature.keep(replace(job, next_ms=job.next_ms - 2 * 86_400_000))
        await late(h, feature, 5)
        async with watching(feature):
            await until(h.chat.texts)
        assert h.chat.texts() == ["5 min late"]


async def test_a_guild_that_goes_away_at_the_last_moment_loses_nothing():
    async with diary() as h:
        feature = make(h.kit)
        await feature.command(call("schedule", "add fri 18:00 hi"))
        h.chat.loses_guild()
        assert not await due(h, feature, "post"), "due again as it was"
        assert h.chat.posted == []


async def test_jobs_survive_a_restart_and_damage_costs_only_what_is_damaged():
    disk = DictDocuments()
    async with diary(disk=disk) as h:
        feature = make(h.kit)
        await feature.command(call("schedule", "add fri 18:00 hi"))
        await feature.command(call("birthday", "12-24"))
        before = sorted(feature.jobs(), key=lambda job: job.id)
        await h.shelf.written()
    disk.kept["job", "broken"] = {"kind": "exec", "when": "now"}
    async with diary(disk=disk) as h:
        assert sorted(make(h.kit).jobs(), key=lambda job: job.id) == before


async def test_with_the_real_watch_a_job_is_done_after_a_session_and_once():
    """Due a moment ago, the gate closed, then open."""
    async with diary(scheduler=ApScheduler(look_s=0.02)) as h:
        feature = make(h.kit)
        overdue = await late(h, feature, 1)
        h.gate.close()
        async with watching(feature):
            await asyncio.sleep(0.1)
            assert h.chat.posted == []
            h.gate.open()
            await until(lambda: h.chat.posted)
            await until(lambda: h.lines("info", "job done"))
        assert h.chat.texts() == ["1 min late"]
        (job,) = feature.jobs()
        assert job.next_ms > h.now_ms() > overdue.next_ms
        await h.shelf.written()
        assert h.disk.kept["job", job.id]["next_ms"] == job.next_ms
