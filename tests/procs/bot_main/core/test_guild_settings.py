"""Settings of a server: every row can be changed, shown and taken back; nothing strange gets in."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.chat import Names
from procs.bot_main.core.guild_settings import (
    SETTINGS,
    GuildSettings,
    Wrong,
    changed,
    shown,
    values,
)

pytestmark = pytest.mark.unit

BOSS, NOW_MS = 103, 1_790_000_000_000
NAMES = Names(
    {10: "general", 11: "news", 12: "News"},
    {20: "Lounge", 21: "Gaming Room", 22: "cellar"},
    {7: "DJ", 8: "Team Blue"},
)

GOOD = {
    "prompt_channel": ("<#10>", 10),
    "voice_channels": ("<#20> #lounge, Gaming Room, 22", (20, 21, 22)),
    "host_role": ("@dj", 7),
    "talker_role": ("Team Blue", 8),
    "blocked": ("<@101> <@!102> <@101>", (101, 102)),
    "leave_when_alone_s": ("300", 300),
    "max_waiting": ("50", 50),
    "max_waiting_each": ("2", 2),
    "max_spoken_s": ("0", 0),
    "quiet_hours": ("22-7:30", (1_320, 450)),
    "notices": ("off", False),
    "reply_by_mention": ("Off", False),
    "panel": ("off", False),
}


def test_table_and_values_are_the_same_and_so_are_their_defaults():
    defaults = GuildSettings()
    assert [field.name for field in fields(defaults)] == [row.name for row in SETTINGS] == list(GOOD)
    assert [getattr(defaults, row.name) for row in SETTINGS] == [row.default for row in SETTINGS]


@pytest.mark.parametrize("name", GOOD)
def test_a_setting_is_changed_shown_and_taken_back(name: str):
    text, value = GOOD[name]
    document = changed(None, name.upper(), text, BOSS, NOW_MS, NAMES)
    assert isinstance(document, dict)
    assert getattr(values(document), name) == value
    assert f"changed by <@{BOSS}> <t:{NOW_MS // 1000}:R>" in shown(document, name)
    again = changed(document, name, "default", BOSS, NOW_MS, NAMES)
    assert again == {}
    assert values(again) == GuildSettings()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("panel", "maybe", "`on` or `off`"),
        ("leave_when_alone_s", "86401", "a number from 0 to 86400"),
        ("leave_when_alone_s", "-1", "a number"),
        ("host_role", "everyone", "`host_role` takes a role like @name"),
        ("host_role", "<@&99>", "There are `@DJ`, `@Team Blue`."),
        ("talker_role", "team bleu", "Did you mean `@Team Blue`?"),
        ("prompt_channel", "#genral", "I see none called `#genral` here. Did you mean `#general`?"),
        ("prompt_channel", "<#99>", "There are `#general`"),
        ("prompt_channel", "#Lounge", "I see none called `#Lounge` here."),
        ("prompt_channel", "#news", "2 are called `#news`: give the id of one (`11`, `12`)."),
        ("quiet_hours", "22:00", "two times like 22:00-07:00"),
        ("quiet_hours", "25-7", "two times"),
        ("quiet_hours", "7-7", "two times"),
        ("max_spoken_s", "-1", "a number from 0 to 3600"),
        ("blocked", "Bert", "people like @one @two"),
        ("voice_channels", "Lounge, gaming rom", "Did you mean `#Gaming Room`?"),
        ("blocked", " ".join(map(str, range(1, 60))), "up to 50 people"),
        ("panle", "on", "Did you mean `panel`?"),
        ("x", "on", "There are: prompt_channel"),
    ],
)
def test_what_will_not_do_is_answered_with_what_would(name: str, text: str, said: str):
    wrong = changed(None, name, text, BOSS, NOW_MS, NAMES)
    assert isinstance(wrong, Wrong)
    assert said in wrong.said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


ENTRY = st.fixed_dictionaries({"value": JSON}, optional={"by": JSON, "at_ms": JSON})


@given(st.dictionaries(st.sampled_from([*GOOD, "value", "old"]), JSON | ENTRY))
def test_a_document_of_another_version_has_defaults_where_it_can_not_be_read(document: dict[str, object]):
    read = values(document)
    for row in SETTINGS:
        assert type(getattr(read, row.name)) is type(row.default)
    assert shown(document).count("\n") == len(SETTINGS) - 1


def test_who_changed_a_setting_is_shown_only_where_that_can_be_read():
    document = {"panel": {"value": False, "by": "Ann", "at_ms": None}}
    assert shown(document, "panel").startswith("`panel` = off (default on; changed). ")
