"""Nobody is pinged by what Miku is made to write, whoever makes her and by whatever way she writes it.

The Discord of these tests notifies as the real one: by what a text mentions, cut down by what its writer
allows and may. Here she may mention everybody, so that it is her own word that keeps people in peace.
"""

from collections.abc import Iterator

import pytest

from procs.bot_main.core.commands import COMMANDS
from tests.e2e.discord_home import DiscordHome, discord_home
from tests.mention_attacks import attacks, n_attacks, targets
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

EACH = 60
"""Attacks in one text: it becomes two messages or three, and code is cut somewhere."""
ALL = 500
AS_TEXT = "(Voice failed, text mode)"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DiscordHome]:
    with discord_home(tmp_path_factory.mktemp("mentions")) as home:
        home.remote.director.allow(permissions=["MENTION_EVERYONE"])
        home.remote.change("rules", rate_limits=False)
        yield home


@pytest.fixture(scope="module")
def ids(home) -> tuple[str, int]:
    """A person and a role that can be mentioned."""
    role = home.remote.director.role(name="team", permissions=[], mentionable=True)
    return home.remote.person("Ann").mention()[2:-1], role


@pytest.fixture(scope="module")
def texts(ids) -> list[str]:
    found = attacks(*ids)
    parts = [found[at : at + EACH] for at in range(0, len(found), EACH)]
    return ["\n".join(("I call you.", *part, f"That was part {n}.")) for n, part in enumerate(parts)]


@pytest.fixture(scope="module")
def name(home, ids) -> str:
    """Somebody is called so, and a voice channel."""
    name = " ".join(targets(*ids))
    home.remote.director.person(name=name)
    home.remote.director.voice_place(name=name)
    return name


def nobody_is_pinged(home: DiscordHome) -> None:
    """And every message and edit said so itself."""
    assert home.bot.pings() == []
    assert home.remote.journal.implicit_mentions() == []


def test_not_by_what_people_are_called_and_commands_are_given(home, name):
    home.thinks("{said}")
    assert name in home.answer(f"{home.bot.mention()} hello", who=name)
    for row in COMMANDS:
        if row.arguments and row.name != "join":
            assert home.answer(f"!miku {row.name} {name}", who="Owner"), row.name
    assert home.answer(f"!miku {name}")
    nobody_is_pinged(home)


# --- by what she is made to write --------------------------------------------------------------------


def until_written(home: DiscordHome, text: str, since: int) -> None:
    """Until the last line of a text stands in what she has written since."""
    wait_until(lambda: any(text.splitlines()[-1] in one for one in home.bot.texts()[since:]))


def answers(home: DiscordHome, text: str) -> None:
    """In a channel and in a direct message."""
    home.thinks(text)
    home.answer(f"{home.bot.mention()} Whom do you call?")
    since = len(home.bot.texts())
    home.remote.person("Ann").writes_to(bot="Miku", text="Whom do you call?")
    until_written(home, text, since)


def reads_out(home: DiscordHome, text: str, who: str) -> None:
    """By a slash command, whose answer shows the text."""
    since = len(home.bot.texts())
    home.remote.person(who).uses(command="miku say", place="general", text=text)
    until_written(home, text, since)
    home.says("!miku stop", who)


def writes_instead(home: DiscordHome, text: str) -> None:
    """An answer that can't be spoken."""
    since = len(home.bot.texts())
    home.thinks(text)
    home.says("Whom do you call?")
    until_written(home, text, since)
    assert any(AS_TEXT in one for one in home.bot.texts()[since:])


def shows_its_channel(home: DiscordHome, name: str, since: int) -> None:
    """On the panel, in each of its edits, to a click and to a slash command."""
    panel = wait_until(lambda: next((int(m["id"]) for m in home.bot.sent()[since:] if m["components"]), 0))
    clicked_at = len(home.bot.texts())
    home.remote.person("Ann").presses(message=panel, what="Status")
    home.remote.person("Ann").uses(command="miku status", place="general")
    wait_until(lambda: sum(name in text for text in home.bot.texts()[clicked_at:]) >= 2)
    wait_until(lambda: panel in [int(m["id"]) for m in home.remote.journal.edits() if name in m["content"]])


def test_not_by_what_she_is_made_to_write(home, texts, name):
    since = len(home.bot.texts())
    for text in texts:
        answers(home, text)
    home.joins(place=name, who=name)
    for text in texts:
        reads_out(home, text, who=name)
    home.voice.stop()
    for text in texts:
        writes_instead(home, text)
    shows_its_channel(home, name, since)
    assert n_attacks(home.bot.texts()[since:]) >= ALL
    assert home.answer("!miku leave", who=name)
    nobody_is_pinged(home)
