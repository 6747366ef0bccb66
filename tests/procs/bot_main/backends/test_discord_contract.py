"""What every chat keeps: the one played by hand and Discord, by the same tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from bus.errors import BackendError
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.chat import (
    Button,
    ChatEvent,
    Deleted,
    Edited,
    GuildGone,
    Incoming,
    Invoked,
    Mask,
    Post,
    VoicePair,
    VoiceRoomChanged,
)
from tests.discord.world.model import Message
from tests.procs.bot_main import hand_chat
from tests.procs.bot_main.backends.discord_scene import Scene, scene
from tests.procs.bot_main.hand_chat import ANNA, GENERAL, HOME, LOUNGE, MIKU, HandChat
from tests.waiting import until

pytestmark = pytest.mark.flow
E = TypeVar("E")


class World(Protocol):
    """What a test does to the people, whichever chat it is."""

    chat: ChatBackend
    guild: int
    general: int
    lounge: int
    miku: int
    ann: int
    events: list[ChatEvent]

    def says(self, text: str) -> int: ...
    def mentions(self, text: str) -> int: ...
    def edits(self, message_id: int, text: str) -> None: ...
    def deletes(self, message_id: int) -> None: ...
    def joins(self) -> None: ...
    def leaves(self) -> None: ...
    def quits(self) -> None: ...
    def kicks(self) -> None: ...
    def deletes_lounge(self) -> None: ...
    def outage(self) -> None: ...
    def uses(self, command: str) -> None: ...
    def texts(self) -> list[str]: ...
    def reactions(self, message_id: int) -> list[str]: ...
    def forbids_writing(self) -> None: ...


class ByHand:
    """The chat in memory."""

    guild, general, lounge, miku, ann = HOME, GENERAL, LOUNGE, MIKU.id, ANNA.id

    def __init__(self) -> None:
        self.chat = HandChat()
        self.events: list[ChatEvent] = []

    def says(self, text: str) -> int:
        return self.chat.says(text).id

    def mentions(self, text: str) -> int:
        return self.chat.says(text, is_addressed=True).id

    def _message(self, id_: int) -> Incoming:
        return next(one for one in self.chat.heard[GENERAL] if one.id == id_)

    def edits(self, message_id: int, text: str) -> None:
        self.chat.edits(self._message(message_id), text)

    def deletes(self, message_id: int) -> None:
        self.chat.deletes(self._message(message_id))

    def joins(self) -> None:
        self.chat.enters(ANNA, LOUNGE)

    def leaves(self) -> None:
        self.chat.leaves(ANNA)

    def quits(self) -> None:
        self.chat.quits(ANNA)

    def kicks(self) -> None:
        self.chat.leaves(MIKU)

    def deletes_lounge(self) -> None:
        self.chat.deletes_room(LOUNGE)

    def outage(self) -> None:
        self.chat.loses_guild()

    def uses(self, command: str) -> None:
        self.chat.invokes(command)

    def texts(self) -> list[str]:
        answers = [post.text for one in self.chat.posted if one.invoked for post in [one.post]]
        return self.chat.texts() + answers

    def reactions(self, message_id: int) -> list[str]:
        return self.chat.reactions[message_id]

    def forbids_writing(self) -> None:
        self.chat.fails("send", "discord_forbidden")


class ByLoopback:
    """Discord's own interfaces."""

    def __init__(self, scene_: Scene) -> None:
        self._director = scene_.director
        self.chat = scene_.chat
        self.events = scene_.events
        self.guild, self.general, self.lounge = scene_.guild_id, scene_.general, scene_.lounge
        self._ann = self._director.person("Ann")
        self._bot = self._director.bot("Miku")
        self.miku, self.ann = self._bot.user.id, self._ann.user.id

    def says(self, text: str) -> int:
        return self._ann.says("general", text).id

    def mentions(self, text: str) -> int:
        return self._ann.says("general", f"{self._bot.mention} {text}").id

    def edits(self, message_id: int, text: str) -> None:
        self._ann.edits(message_id, text)

    def deletes(self, message_id: int) -> None:
        self._ann.deletes(message_id)

    def joins(self) -> None:
        self._ann.joins("Lounge")

    def leaves(self) -> None:
        self._ann.leaves()

    def quits(self) -> None:
        self._ann.quits()

    def kicks(self) -> None:
        self._bot.is_kicked()

    def deletes_lounge(self) -> None:
        self._director.places["Lounge"].delete()

    def outage(self) -> None:
        self._director.outage()

    def uses(self, command: str) -> None:
        self._ann.uses(f"miku {command}", "general")

    def _hers(self, message: Message) -> bool:
        return message.author.is_bot

    def texts(self) -> list[str]:
        return [one.content for one in self._director.places["general"].messages if self._hers(one)]

    def reactions(self, message_id: int) -> list[str]:
        for message in self._director.places["general"].messages:
            if message.id == message_id:
                return [emoji for emoji, users in message.reactions.items() if self._bot.user in users]
        return []

    def forbids_writing(self) -> None:
        self._director.places["general"].forbid("Miku", ["SEND_MESSAGES"])


@pytest.fixture(params=["by hand", "Discord"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "Discord":
        async with scene(tmp_path) as made:
            yield ByLoopback(made)
        return
    by_hand = ByHand()
    run = asyncio.create_task(by_hand.chat.run(by_hand.events.append))
    by_hand.chat.comes_online()
    yield by_hand
    run.cancel()


async def told(world: World, kind: type[E], such: Callable[[E], bool] = lambda _: True) -> E:
    return (await until(lambda: [one for one in world.events if isinstance(one, kind) and such(one)]))[-1]


async def test_a_message_is_told_with_its_author_and_place(world: World) -> None:
    id_ = world.says("good morning")
    message = await told(world, Incoming)
    assert (message.id, message.text, message.author.id) == (id_, "good morning", world.ann)
    assert (message.guild_id, message.channel_id, message.is_addressed) == (
        world.guild,
        world.general,
        False,
    )


async def test_a_mention_of_her_addresses_her_and_is_not_part_of_the_text(world: World) -> None:
    world.mentions("what time is it?")
    message = await told(world, Incoming)
    assert (message.text, message.is_addressed) == ("what time is it?", True)


async def test_edits_and_deletions_are_told(world: World) -> None:
    id_ = world.says("frist")
    await told(world, Incoming)
    world.edits(id_, "first")
    assert (await told(world, Edited)).message.text == "first"
    world.deletes(id_)
    assert (await told(world, Deleted)) == Deleted(world.general, (id_,))


async def test_what_she_posts_can_be_read_edited_and_taken_away(world: World) -> None:
    (id_,) = await world.chat.send(world.general, Post("one"))
    await world.chat.edit(world.general, id_, Post("two"))
    assert world.texts() == ["two"]
    await world.chat.delete(world.general, id_)
    assert world.texts() == []
    await world.chat.delete(world.general, id_)


async def test_the_same_nonce_is_the_same_post(world: World) -> None:
    first = await world.chat.send(world.general, Post("once", nonce="n1"))
    assert await world.chat.send(world.general, Post("once", nonce="n1")) == first
    assert world.texts() == ["once"]


async def test_long_text_becomes_several_messages(world: World) -> None:
    assert len(await world.chat.send(world.general, Post("word " * 900))) == 3


async def test_reactions_come_and_go_and_a_message_that_is_gone_is_no_error(world: World) -> None:
    id_ = world.says("hear me")
    await world.chat.react(world.general, id_, "🎤")
    assert world.reactions(id_) == ["🎤"]
    await world.chat.unreact(world.general, id_, "🎤")
    await world.chat.unreact(world.general, id_, "🎤")
    assert world.reactions(id_) == []
    world.deletes(id_)
    await told(world, Deleted)
    await world.chat.react(world.general, id_, "🎤")
    assert world.reactions(id_) == []


async def test_a_forbidden_post_is_an_error_with_a_code(world: World) -> None:
    world.forbids_writing()
    with pytest.raises(BackendError) as failed:
        await world.chat.send(world.general, Post("hello"))
    assert failed.value.code == "discord_forbidden"


async def test_a_slash_command_is_told_and_answered(world: World) -> None:
    world.uses("join")
    invoked = await told(world, Invoked)
    assert (invoked.command, invoked.person.id, invoked.guild_id) == ("join", world.ann, world.guild)
    await world.chat.answer(invoked, Post("coming"))
    assert world.texts() == ["coming"]


async def test_a_masked_post_is_there_and_does_not_come_back(world: World) -> None:
    await world.chat.send_masked(world.general, Mask("Evil Miku"), Post("ha", buttons=(Button("x", "join"),)))
    assert world.texts() == ["ha"]
    world.says("after")
    await told(world, Incoming)
    assert [one.text for one in world.events if isinstance(one, Incoming)] == ["after"]


async def test_history_is_what_people_wrote_oldest_first(world: World) -> None:
    first = world.says("one")
    await world.chat.send(world.general, Post("mine"))
    world.says("two")
    world.says("three")
    assert [one.text for one in await world.chat.history(world.general, first, 10)] == ["two", "three"]
    assert [one.text for one in await world.chat.history(world.general, 0, 2)] == ["one", "two"]


async def test_a_message_is_found_as_it_is_now_until_it_is_gone(world: World) -> None:
    id_ = world.mentions("frist")
    message = await told(world, Incoming)
    assert await world.chat.message(world.general, id_) == message
    world.edits(id_, "first")
    await told(world, Edited)
    changed = await world.chat.message(world.general, id_)
    assert changed is not None
    assert (changed.id, changed.text) == (id_, "first")
    world.deletes(id_)
    await told(world, Deleted)
    assert await world.chat.message(world.general, id_) is None


async def test_somebody_who_never_wrote_is_known_until_they_leave_the_guild(world: World) -> None:
    person = await world.chat.person(world.guild, world.ann)
    assert person is not None
    assert (person.id, person.name[:3]) == (world.ann, "Ann")
    world.quits()
    assert await world.chat.person(world.guild, world.ann) is None


async def test_of_a_guild_that_is_away_nobody_is_taken_as_gone(world: World) -> None:
    world.outage()
    await told(world, GuildGone)
    with pytest.raises(BackendError) as failed:
        await world.chat.person(world.guild, world.ann)
    assert failed.value.code == "discord_unreachable"


async def test_her_replies_to_a_message_are_found(world: World) -> None:
    asked, other = world.says("one"), world.says("two")
    assert await world.chat.replies(world.general, asked) == []
    pages = [Post(text, reply_to=asked, nonce=text) for text in ("to one", "to one again")]
    hers = [id_ for page in pages for id_ in await world.chat.send(world.general, page)]
    await world.chat.send(world.general, Post("to two", reply_to=other))
    await world.chat.send(world.general, Post("to nobody"))
    assert await world.chat.replies(world.general, asked) == hers
    world.deletes(asked)
    await told(world, Deleted)
    assert await world.chat.replies(world.general, asked) == hers, "they stand below a message that is gone"


async def test_people_in_voice_are_counted_without_her(world: World) -> None:
    world.joins()
    await told(world, VoiceRoomChanged)
    await world.chat.set_voice(world.guild, world.lounge)
    await told(world, VoicePair)
    await until(lambda: world.chat.voice_of(world.guild, world.miku) == world.lounge)
    room = world.chat.voice_room(world.guild, world.lounge)
    assert room is not None
    assert (room.n_people, room.n_listeners, room.missing, room.is_stage) == (1, 1, (), False)
    assert world.chat.voice_of(world.guild, world.ann) == world.lounge
    world.leaves()
    await until(lambda: not world.chat.voice_of(world.guild, world.ann))


async def test_her_voice_is_told_when_she_comes_is_kicked_and_leaves(world: World) -> None:
    await world.chat.set_voice(world.guild, world.lounge)
    pair = await told(world, VoicePair, lambda one: bool(one.endpoint))
    assert (pair.channel_id, pair.user_id) == (world.lounge, world.miku)
    assert pair.voice_session_id
    assert pair.token
    assert pair.token not in repr(pair)
    world.kicks()
    gone = await told(world, VoicePair, lambda one: not one.channel_id)
    assert (gone.endpoint, gone.token) == ("", "")


async def test_a_deleted_channel_ends_her_voice(world: World) -> None:
    await world.chat.set_voice(world.guild, world.lounge)
    await told(world, VoicePair, lambda one: bool(one.endpoint))
    world.deletes_lounge()
    gone = await told(world, VoicePair, lambda one: not one.channel_id)
    assert (gone.endpoint, gone.token) == ("", "")
    await until(lambda: world.chat.voice_room(world.guild, world.lounge) is None)


async def test_a_guild_that_is_gone_is_told(world: World) -> None:
    world.outage()
    assert await told(world, GuildGone) == GuildGone(world.guild)
    assert world.chat.guild_ids() == []


def test_the_hand_has_the_whole_protocol() -> None:
    chat: ChatBackend = hand_chat.HandChat()
    assert all(callable(getattr(chat, name)) for name in vars(ChatBackend) if not name.startswith("_"))
