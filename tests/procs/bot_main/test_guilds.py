"""Settings of a server, as those meet them who live by them: live, without a restart, kept over one."""

from dataclasses import replace
from datetime import datetime

import pytest

from bus.errors import sentence
from bus.messages import SpokenState, TurnKind
from bus.testing import FakeClock, MemoryNode
from procs.bot_main.guilds import Guilds
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.evening import JOINED, Evening, Evenings
from tests.procs.bot_main.features.hands import DictDocuments
from tests.procs.bot_main.hand_chat import ANNA, BOSS, HOME, LOUNGE, TEAM
from tests.procs.bot_main.world import MS_PER_CHARACTER

pytestmark = pytest.mark.unit

HOUR_MS = 3_600_000
"""The evening begins at 14:13 UTC."""
STORY = "Once upon a time. And so on, for hours."


async def sets(evening: Evening, line: str) -> str:
    """An administrator changes a setting; the answer."""
    await evening.says(f"!miku settings {line}", by=BOSS)
    return evening.texts[-1]


# --- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["#general", "General", "10", "<#10>"])
async def test_the_prompt_channel_may_be_named_in_every_way(evening: Evening, named: str):
    assert (await sets(evening, f"prompt_channel {named}")).startswith("✅ `prompt_channel` = <#10>")


async def test_a_channel_or_role_that_is_not_there_is_answered_with_the_nearest(evening: Evening):
    assert "Did you mean `#general`?" in await sets(evening, "prompt_channel #generall")
    assert "I see none called `<#11>` here." in await sets(evening, "prompt_channel <#11>"), "she can't write"
    assert "Did you mean `@Team`?" in await sets(evening, "host_role teem")
    assert (await sets(evening, "host_role team")).startswith(f"✅ `host_role` = <@&{TEAM}>")
    by_slash = evening.chat.invokes("settings", by=BOSS, name="voice_channels", value="lounge, Stage")
    await evening.settle()
    assert "= <#20> <#21> (" in evening.chat.answers(by_slash)[0].text


# --- export and import ---------------------------------------------------------------------------


async def test_what_was_exported_can_be_imported_and_one_mistake_changes_nothing(evening: Evening):
    for line in ("prompt_channel #general", "quiet_hours 22-7", "notices off", f"blocked <@{ANNA.id}>"):
        await sets(evening, line)
    copy = await sets(evening, "export")
    assert copy.startswith('```json\n{"prompt_channel": "10"')
    for name in ("prompt_channel", "quiet_hours", "notices", "blocked"):
        await sets(evening, f"{name} default")
    assert await sets(evening, "export") == "```json\n{}\n```"
    kept = copy.removeprefix("```json\n").removesuffix("\n```")
    said = await sets(evening, "import " + kept.replace('"off"', '"maybe"'))
    assert said == "❌ `notices` takes `on` or `off`. " + said.partition("`off`. ")[2]
    assert said.endswith("Nothing is changed.")
    assert await sets(evening, "export") == "```json\n{}\n```"
    assert "`quiet_hours` = 22:00-07:00 (default none; changed by" in await sets(evening, f"import {kept}")
    assert await sets(evening, "export") == copy
    assert (await sets(evening, f"import {copy}")).startswith("✅"), "as it stands in her message"
    assert "Did you mean `panel`?" in await sets(evening, "panle")
    assert "Did you mean `panel`?" in await sets(evening, "show panle")
    assert (await sets(evening, "Show Panel")).startswith("`panel` = on (default)")
    for nonsense in ("", "{}", "[1]", "x", '{"panel": true}', "[" * 3_000):
        assert (await sets(evening, f"import {nonsense}")).startswith("❌ `import` takes")


# --- quiet hours ---------------------------------------------------------------------------------


async def test_she_is_not_called_in_quiet_hours_and_comes_when_they_are_over(evening: Evening):
    said = await sets(evening, "quiet_hours 14-15:30")
    assert said.startswith("✅ `quiet_hours` = 14:00-15:30 (")
    assert said.endswith("Time zone here: UTC, where it is 14:13 now.")
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    assert evening.texts[-1].startswith("🌙 Quiet hours in this server until 15:30 (UTC)")
    assert "`!miku settings quiet_hours`" in evening.texts[-1]
    assert evening.world.sessions == []
    evening.world.clock.advance_ms(HOUR_MS)
    await evening.says("!miku join")
    assert evening.texts[-1].startswith("🌙")
    evening.world.clock.advance_ms(HOUR_MS // 3)
    await evening.all_ready()
    assert await evening.joins()
    assert evening.texts[-1] == JOINED


async def test_hours_are_those_of_the_servers_zone(evening: Evening):
    await sets(evening, "quiet_hours 22:00-07:00")
    evening.chat.enters(ANNA, LOUNGE)
    shelf = evening.world.app._side.shelf
    shelf.put("zone", str(HOME), {"name": "Asia/Tokyo"})
    await evening.says("!miku join")
    assert "until 07:00 (Asia/Tokyo)" in evening.texts[-1], "14:13 in UTC is 23:13 there"


@pytest.mark.parametrize(
    ("hours", "utc", "until"),
    [
        ("22:00-07:00", "2026-03-28T20:59", ""),
        ("22:00-07:00", "2026-03-28T21:00", "07:00 (Europe/Berlin)"),
        ("22:00-07:00", "2026-03-29T04:59", "07:00 (Europe/Berlin)"),
        ("22:00-07:00", "2026-03-29T05:00", ""),
        ("02:30-05:00", "2026-03-29T00:59", ""),
        ("02:30-05:00", "2026-03-29T01:00", "05:00 (Europe/Berlin)"),
        ("22:00-02:30", "2026-10-25T00:29", "02:30 (Europe/Berlin)"),
        ("22:00-02:30", "2026-10-25T00:45", ""),
        ("22:00-02:30", "2026-10-25T01:15", "02:30 (Europe/Berlin)"),
        ("22:00-02:30", "2026-10-25T01:30", ""),
    ],
)
def test_hours_are_read_from_the_clock_on_the_wall_when_it_is_changed_too(hours: str, utc: str, until: str):
    wall_ms = round(datetime.fromisoformat(f"{utc}+00:00").timestamp() * 1000)
    node = MemoryNode("bot_main", (), FakeClock(wall_ms=wall_ms))
    guilds = Guilds(node, Shelf(node, DictDocuments()), "Europe/Berlin")
    guilds.change(HOME, "quiet_hours", hours, BOSS.id)
    assert guilds.quiet_until(HOME) == until


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "\ud800", "x" * 5_000, 7, None]
)
def test_a_zone_that_can_not_be_read_is_that_of_the_settings(name: object):
    node = MemoryNode("bot_main", (), FakeClock(wall_ms=1_790_000_000_000))
    shelf = Shelf(node, DictDocuments())
    shelf.put("zone", str(HOME), {"name": name})
    guilds = Guilds(node, shelf, "Europe/Berlin")
    guilds.change(HOME, "quiet_hours", "16-17", BOSS.id)
    assert guilds.quiet_until(HOME) == "17:00 (Europe/Berlin)"


async def test_she_leaves_when_they_begin_and_what_she_was_saying_is_written(evening: Evening):
    session = await evening.joins()
    await evening.says("tell me a story")
    turn = evening.world.prompts[0][0]
    await evening.world.reply(session, turn, STORY)
    await sets(evening, "quiet_hours 14-15")
    await evening.settle()
    assert not evening.intent.wanted
    assert f"🌙 (Quiet hours, in writing): {STORY}" in evening.texts
    assert f"❌ {sentence('quiet_hours')}" in evening.texts
    assert evening.world.milestones(turn)[-1] == (TurnKind.FAILED, "quiet_hours")


# --- how much is spoken --------------------------------------------------------------------------


async def test_the_limit_of_speech_is_told_to_the_voice_and_follows_its_setting(evenings: Evenings):
    async with evenings.begin() as evening:
        session = await evening.joins()
        assert evening.world.turns(session).speech_limit_ms == 60_000
        await sets(evening, "max_spoken_s 20")
        await evening.settle()
        assert evening.world.turns(session).speech_limit_ms == 20_000
    async with evenings.begin() as evening:
        await evening.settle()
        assert evening.world.turns(session).speech_limit_ms == 20_000, "kept"


async def shortened(evening: Evening, prompt: str) -> None:
    """She answers at length, and half of it is spoken to its end."""
    session = await evening.joins()
    await evening.says(prompt)
    turn = evening.world.prompts[0][0]
    await evening.world.reply(session, turn, STORY)
    half_ms = len(STORY) * MS_PER_CHARACTER // 2
    spoken = replace(SpokenState(turn, half_ms, complete=True), is_shortened=True)
    await evening.world.level("report.spoken", spoken, session)
    await evening.world.played(session, turn, half_ms, finished_turn=turn)
    await evening.settle()


async def test_a_reply_too_long_to_be_spoken_is_written_in_full_and_remembered_so(evening: Evening):
    await shortened(evening, "tell me a story")
    assert evening.texts[-1] == f"📜 (Too long to be spoken here, so this is all of it): {STORY}"
    await evening.says("and then?")
    assert [message.content for message in evening.world.prompts[-1][1].messages][-2] == STORY


async def test_a_text_too_long_to_be_read_out_is_not_written_again(evening: Evening):
    await shortened(evening, f"!miku say {STORY}")
    assert evening.texts[-1].startswith("📜 That is longer than I may speak here")
