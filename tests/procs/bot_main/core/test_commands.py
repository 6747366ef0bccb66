"""The table of commands: what people write becomes a command, or a sentence that helps."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.backends.discord_posts import BUTTONS_A_ROW
from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.core.commands import (
    COMMANDS,
    Command,
    Unclear,
    behind_prefix,
    channel_id,
    command_of,
    invoked,
    line_of,
    panel_buttons,
    parsed,
    row_of,
    slash_commands,
)
from procs.bot_main.core.gate import FEATURES

pytestmark = pytest.mark.unit


def command(line: str) -> Command:
    found = parsed(line, "!miku")
    assert isinstance(found, Command)
    return found


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("!miku join", "join"),
        ("  !MIKU   join  ", "join"),
        ("!miku", ""),
        ("!miku\njoin", "join"),
        ("!mikujoin", None),
        ("hey !miku join", None),
        ("", None),
    ],
)
def test_a_command_begins_with_the_prefix_as_a_word(text: str, line: str | None):
    assert behind_prefix(text, "!miku") == line


def said(text: str, source: str = "", *, is_addressed: bool = True) -> Incoming:
    return Incoming(1, 2, 3, Person(4, "Ann"), text, 0, is_addressed, source=source)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("!miku join", "join"),
        ("!miku say hi", "say hi"),
        ("join", "join"),
        ("Join  #lounge", "Join  #lounge"),
        ("join <#20>", "join <#20>"),
        ("evil ON", "evil ON"),
        ("stop", "stop"),
        ("say hi", None),
        ("say, what is your name?", None),
        ("ask", None),
        ("stop worrying", None),
        ("help me with my homework", None),
        ("join us for dinner", None),
        ("join #ourclub or leave", None),
        ("join #", None),
        ("evil on tuesdays?", None),
        ("evil twins", None),
        ("settings panel", None),
        ("mood bubbly", None),
        ("hello", None),
        ("", None),
    ],
)
def test_to_her_a_command_is_behind_the_prefix_or_its_name_with_nothing_that_could_be_talk(
    text: str, line: str | None
):
    assert line_of(said(text), "!miku") == line
    by_others = said(text, is_addressed=False)
    assert line_of(by_others, "!miku") == (line if text.startswith("!miku") else None)


def test_a_channel_that_is_mentioned_is_the_one_that_counts():
    assert line_of(said("join #Lounge", "join <#20>"), "!miku") == "join <#20>"
    assert line_of(said("!miku join #Lounge", "!miku join <#20>"), "!miku") == "join <#20>"


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ("", "help", {}),
        ("JOIN  #Lounge", "join", {"channel": "#Lounge"}),
        ("status", "voice-status", {}),
        ("say  two  words ", "say", {"text": "two  words"}),
        ("settings panel", "settings", {"name": "panel"}),
        ("settings blocked <@1> <@2>", "settings", {"name": "blocked", "value": "<@1> <@2>"}),
        ("evil ON", "evil", {"state": "ON"}),
    ],
)
def test_a_line_becomes_a_command(line: str, name: str, arguments: dict[str, str]):
    found = command(line)
    assert (found.row.name, dict(found.arguments)) == (name, arguments)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("jion", "Did you mean `!miku join`?"),
        ("xqzw", "`!miku help` shows what I can do."),
        ("say", "`say` needs something"),
        ("evil perhaps", "takes on or off"),
    ],
)
def test_what_is_no_command_is_answered_with_help(line: str, said: str):
    found = parsed(line, "!miku")
    assert isinstance(found, Unclear)
    assert said in found.said


@given(st.text(max_size=300))
def test_whatever_is_written_gets_one_of_the_two(line: str):
    found = parsed(line, "!miku")
    assert isinstance(found, Command) or (found.said.startswith("❌") and len(found.said) < 300)


@pytest.mark.parametrize(
    ("text", "id_"), [("<#123>", 123), ("123", 123), (" <#7> ", 7), ("#lounge", 0), ("²", 0), ("", 0)]
)
def test_a_channel_is_named_by_mention_or_id(text: str, id_: int):
    assert channel_id(text) == id_


def test_every_row_is_whole_and_its_example_is_what_it_says():
    for row in COMMANDS:
        assert row.help.endswith("."), row.name
        assert command(row.example).row is row
        assert row_of(row.name) is row
    words = [word for row in COMMANDS for word in {row.name, *row.aliases, row.slash} if word]
    assert len(words) == len(set(words))
    assert {row.feature for row in COMMANDS} - {""} <= {row.name for row in FEATURES}


def test_slash_commands_lead_to_the_same_rows():
    for slash, row in zip(slash_commands(), COMMANDS, strict=True):
        assert re.fullmatch(r"[a-z-]{1,32}", slash.name)
        values = {option.name: (option.choices or ("x",))[0] for option in slash.options}
        found = invoked(slash.name, values, "!miku")
        assert isinstance(found, Command)
        assert found.row is row
        assert dict(found.arguments) == values


@pytest.mark.parametrize("is_over", [False, True])
def test_buttons_fit_in_a_row_and_lead_to_the_same_rows(is_over: bool):
    buttons = panel_buttons(is_over=is_over)
    assert 0 < len(buttons) <= BUTTONS_A_ROW
    for button in buttons:
        found = invoked(button.command, button.arguments, "!miku")
        assert isinstance(found, Command)
        assert found.row.name == button.command


@pytest.mark.parametrize("name", ["say", "ask", "draw"])
def test_what_is_said_to_her_has_names_and_what_is_chosen_has_marks(name):
    to_her = said(f"!miku {name} Who is @Bert?", f"!miku {name} Who is <@102>?")
    assert command_of(to_her, "!miku").text == "Who is @Bert?"
    chosen = said("!miku join #Lounge", "!miku join <#20>")
    assert command_of(chosen, "!miku").arguments == {"channel": "<#20>"}
    assert command_of(said("hello"), "!miku") is None
