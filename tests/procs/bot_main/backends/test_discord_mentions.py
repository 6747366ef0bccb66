"""Five hundred ways to make Miku ping somebody, over every way of writing: nobody is pinged."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from procs.bot_main.core.chat import Button, Incoming, Invoked, Mask, Post
from tests.mention_attacks import attacks, targets
from tests.procs.bot_main.backends.discord_scene import Scene, scene

pytestmark = pytest.mark.flow
LONG = ("{0} " * 40, "x" * 2_500 + " {}")
"""What becomes several messages."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        made.director.role("team", [], mentionable=True)
        made.director.allow(["MENTION_EVERYONE"])
        yield made


def texts(stage: Scene) -> list[str]:
    role = next(one for one in stage.director.guild("Home").roles.values() if one.name == "team")
    ids = stage.director.person("Ann").user.id, role.id
    long = [wrapping.format(target) for wrapping in LONG for target in targets(*ids)]
    return [*attacks(*ids), *long]


def ways(stage: Scene) -> dict[str, Callable[[str], Awaitable[object]]]:
    """Every way of writing there is."""
    chat, general, ann = stage.chat, stage.general, stage.director.person("Ann")

    async def reply(text: str) -> None:
        await chat.send(general, Post(text, reply_to=ann.says("general", "hello").id))

    async def edit(text: str) -> None:
        (id_,) = await chat.send(general, Post("harmless"))
        await chat.edit(general, id_, Post(text[-1_900:]))

    async def slash(text: str) -> None:
        ann.uses("miku join", "general")
        await chat.answer(await stage.next(Invoked), Post(text))

    async def click(text: str) -> None:
        await chat.send(general, Post("panel", buttons=(Button("Leave", "leave"),)))
        panel = stage.director.places["general"].messages[-1]
        ann.presses(panel, "Leave")
        await chat.answer(await stage.next(Invoked), Post(text))

    async def masked(text: str) -> None:
        await chat.send_masked(general, Mask("@everyone"), Post(text))

    async def direct(text: str) -> None:
        await chat.send_dm(ann.user.id, Post(text))

    return {"reply": reply, "edit": edit, "slash": slash, "click": click, "masked": masked, "direct": direct}


async def test_five_hundred_attacks_ping_nobody(stage: Scene) -> None:
    n = 0
    for way in ways(stage).values():
        for text in texts(stage):
            await way(text)
            n += 1
    journal = stage.director.journal
    assert n >= 500
    assert len(journal.sent) > n
    assert (list(journal.pings), list(journal.implicit_mentions)) == ([], [])
    assert all(not message.pings for message in journal.edits)


async def test_those_she_names_are_pinged_and_nobody_else(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    await stage.chat.send(stage.general, Post(f"{ann.mention} @everyone", pings=(ann.user.id,)))
    (ping,) = stage.director.journal.pings
    assert (ping.pings.users, ping.pings.everyone) == ((ann.user.id,), False)


async def test_who_is_replied_to_is_pinged_only_if_named(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    asked = ann.says("general", "hello")
    await stage.next(Incoming)
    await stage.chat.send(stage.general, Post("quiet", reply_to=asked.id))
    assert not stage.director.journal.pings
    await stage.chat.send(stage.general, Post("loud", reply_to=asked.id, pings=(ann.user.id,)))
    assert [ping.pings.users for ping in stage.director.journal.pings] == [(ann.user.id,)]


async def test_links_do_not_unfold(stage: Scene) -> None:
    await stage.chat.send(stage.general, Post("https://example.org/secret"))
    await stage.chat.send_masked(stage.general, Mask("Evil"), Post("https://example.org/secret"))
    assert [message.flags & 4 for message in stage.director.journal.sent] == [4, 4]


async def test_links_that_an_administrator_has_written_unfold_and_ping_nobody(stage: Scene) -> None:
    text = "@everyone https://example.org/video"
    await stage.chat.send(stage.general, Post(text, unfolds_links=True))
    (message,) = stage.director.journal.sent
    assert (message.flags & 4, list(stage.director.journal.pings)) == (0, [])
