import asyncio

import pytest

from bus.messages import Intent, VoiceLink
from procs.discord_voice.backends.by_intent import ByIntent

pytestmark = pytest.mark.unit

LINK = VoiceLink(0, 1, 7, 42)


class Sink:
    """Notes what it is asked."""

    def __init__(self, name):
        self.name = name
        self.asked = []
        self.notify = None

    async def run(self, notify):
        self.notify = notify
        await asyncio.Event().wait()

    async def connect(self, session, intent):
        self.asked.append(("connect", session))

    async def leave(self, session):
        self.asked.append(("leave", session))

    def play(self, session, turn, source):
        self.asked.append(("play", session, turn))

    def link(self, session, link):
        self.asked.append(("link", session))

    def facts(self):
        return {self.name: "1"}


def intent(guild_id):
    return Intent(True, "discord_voice", 1, 1, guild_id)


@pytest.fixture
def sinks():
    return Sink("discord"), Sink("files")


async def test_a_session_of_a_guild_goes_to_discord_and_any_other_into_files(sinks):
    discord, files = sinks
    both = ByIntent(discord, files)
    await both.connect("a", intent(7))
    await both.connect("b", intent(0))
    both.play("a", 5, None)
    both.play("b", 6, None)
    both.link("a", LINK)
    await both.leave("a")
    await both.leave("b")
    assert discord.asked == [("connect", "a"), ("play", "a", 5), ("link", "a"), ("leave", "a")]
    assert files.asked == [("connect", "b"), ("play", "b", 6), ("leave", "b")]
    assert both.facts() == {"discord": "1", "files": "1"}


async def test_a_session_that_changes_over_leaves_the_other(sinks):
    discord, files = sinks
    both = ByIntent(discord, files)
    await both.connect("a", intent(0))
    await both.connect("a", intent(7))
    assert (files.asked, discord.asked) == ([("connect", "a"), ("leave", "a")], [("connect", "a")])


async def test_what_is_unknown_is_harmless(sinks):
    both = ByIntent(*sinks)
    await both.leave("nobody")
    both.play("nobody", 1, None)
    assert sinks[0].asked == sinks[1].asked == []


async def test_both_tell_through_one_door(sinks):
    both, told = ByIntent(*sinks), []
    task = asyncio.create_task(both.run(told.append))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for sink in sinks:
        sink.notify(sink.name)
    assert told == ["discord", "files"]
    task.cancel()
    await asyncio.wait({task})
