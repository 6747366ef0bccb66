"""Declared slash commands, on the wire and back."""

import pytest

from bus.errors import BadMessage
from procs.bot_main.backends.discord_commands import asked, declaration
from procs.bot_main.backends.discord_posts import clicked, custom_id
from procs.bot_main.core.slash import OptionKind, SlashCommand, SlashOption

pytestmark = pytest.mark.unit
TEXT = SlashOption("text", "What", is_required=True)


@pytest.mark.parametrize(
    "make",
    [
        lambda: SlashCommand("Join", "Upper case"),
        lambda: SlashCommand("join", ""),
        lambda: SlashCommand("join", "x" * 95, default_level="admin"),
        lambda: SlashCommand("say", "x", (SlashOption("a", "A"), TEXT)),
        lambda: SlashOption("n", "N", OptionKind.VOICE, choices=("1",)),
    ],
)
def test_what_discord_would_refuse_is_refused_at_once(make: object) -> None:
    with pytest.raises(BadMessage):
        make()  # type: ignore[operator]


def test_the_level_stands_in_the_description() -> None:
    (group,) = declaration((SlashCommand("doctor", "What is wrong", default_level="admin"),))
    assert group["options"][0]["description"] == "What is wrong (admin)"


def test_nothing_declared_is_nothing_registered() -> None:
    assert declaration(()) == []


def test_values_arrive_as_text() -> None:
    options = [{"name": "text", "type": 3, "value": "hi \ud83d"}, {"name": "n", "type": 4, "value": 3}]
    data = {"name": "miku", "options": [{"name": "set", "type": 1, "options": options}]}
    assert asked(2, data) == ("set", {"text": "hi \ufffd", "n": "3"})
    assert asked(2, data | {"name": "other"}) is None


def test_a_button_brings_its_arguments_back() -> None:
    assert clicked(custom_id("withdraw", {"id": "42"})) == ("withdraw", {"id": "42"})
    assert clicked(custom_id("leave", {})) == ("leave", {})
    with pytest.raises(BadMessage):
        custom_id("leave", {"x": "y" * 100})


@pytest.mark.parametrize("id_", ["", "other:leave:", "miku:UP:", "miku:a:[1]", 'miku:a:{"b":1}', "miku:a:{"])
def test_clicks_on_strange_buttons_are_none_of_ours(id_: str) -> None:
    assert clicked(id_) is None
