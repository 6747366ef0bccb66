"""Whatever the network does to a request, what is written appears once, or fails in time with a code."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bus.errors import BackendError
from procs.bot_main.backends.discord_bot import WAITING
from procs.bot_main.core.chat import DM, Button, ChatEvent, File, Incoming, Invoked, Mask, Online, Post
from tests.discord.faults import Point
from tests.discord.rest import server
from tests.discord.rules import Rules
from tests.procs.bot_main.backends.discord_scene import HURRIED, Scene, make_chat, running, scene
from tests.waiting import until

pytestmark = pytest.mark.flow
POST = "POST /channels/{channel}/messages"
HOOK = "POST /webhooks/{webhook}/{token}"
ACKNOWLEDGE = "POST /interactions/{interaction}/{token}/callback"
FAULTS = [
    {"status": 500},
    {"status": 503},
    {"status": 429, "retry_after": 0.2},
    {"status": 429, "retry_after": 0.2, "is_global": True},
    {"do": "drop"},
    {"do": "drop_after"},
    {"do": "hang"},
]
NAMES = ["500", "503", "429", "429 global", "reset", "reset after it was taken", "silence"]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        yield made


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
async def test_a_post_appears_exactly_once(stage: Scene, fault: dict[str, object]) -> None:
    stage.director.faults.arm(Point.REST, POST, **fault)
    ids = await stage.chat.send(stage.general, Post("once"))
    assert [one.id for one in stage.director.places["general"].messages] == ids


@pytest.mark.parametrize("fault", FAULTS[1:], ids=NAMES[1:])
async def test_a_masked_post_appears_exactly_once(stage: Scene, fault: dict[str, object]) -> None:
    await stage.chat.send_masked(stage.general, Mask("Evil"), Post("first"))
    stage.director.faults.arm(Point.REST, HOOK, **fault)
    id_ = await stage.chat.send_masked(stage.general, Mask("Evil"), Post("once"))
    messages = stage.director.places["general"].messages
    assert [one.content for one in messages] == ["first", "once"]
    assert messages[-1].id == id_


@pytest.mark.parametrize("fault", FAULTS[1:], ids=NAMES[1:])
async def test_a_command_is_acknowledged_and_answered_once(stage: Scene, fault: dict[str, object]) -> None:
    stage.director.faults.arm(Point.REST, ACKNOWLEDGE, **fault)
    used = stage.director.person("Ann").uses("miku join", "general")
    invoked = await stage.next(Invoked)
    await stage.chat.answer(invoked, Post("coming"))
    assert used.answered_after_ms is not None
    assert stage.director.places["general"].texts == ["coming"]


@pytest.mark.parametrize("wait", ["0.1", "nan", "soon", "-5"])
async def test_a_refusal_by_an_address_in_front_of_discord_is_waited_out(stage: Scene, wait: str) -> None:
    """A 429 that does not come from Discord itself has no `Via`; the library takes it for a ban."""
    n_refused = 0
    too_many = server._too_many

    def without_via(*args: object) -> object:
        nonlocal n_refused
        n_refused += 1
        answer = too_many(*args)  # type: ignore[arg-type]
        del answer.headers["Via"]
        answer.headers["Retry-After"] = wait
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "_too_many", without_via)
        stage.director.faults.arm(Point.REST, POST, status=429)
        await stage.chat.send(stage.general, Post("once"))
    assert n_refused == 1
    assert stage.director.places["general"].texts == ["once"]


async def test_what_keeps_failing_ends_in_time_with_a_code(tmp_path: Path) -> None:
    async with scene(tmp_path, patience=replace(HURRIED, call_s=0.6)) as stage:
        for fault in ({"status": 503}, {"do": "drop"}, {"do": "hang"}, {"status": 429, "retry_after": 600.0}):
            armed = stage.director.faults.arm(Point.REST, POST, times=None, **fault)
            with pytest.raises(BackendError) as failed:
                await stage.chat.send(stage.general, Post("never"))
            assert (failed.value.code, failed.value.__cause__) == ("discord_unreachable", None)
            stage.director.faults.disarm(armed)


async def test_posts_arrive_in_order_within_discords_limits(tmp_path: Path) -> None:
    async with scene(tmp_path, rules=Rules(identify_interval_s=0.0)) as stage:
        posts = (Post(f"number {n}") for n in range(6))
        await asyncio.gather(*(stage.chat.send(stage.general, post) for post in posts))
        assert stage.director.places["general"].texts == [f"number {n}" for n in range(6)]
        assert not stage.director.journal.refusals[429]


async def test_a_long_post_with_code_and_a_file(stage: Scene) -> None:
    text = "Look:\n```py\n" + "print('hello')\n" * 300 + "```\ndone"
    ids = await stage.chat.send(
        stage.general, Post(text, buttons=(Button("Leave", "leave"),), files=(File("a.txt", b"hi"),))
    )
    messages = stage.director.places["general"].messages
    assert [one.id for one in messages] == ids
    assert all(len(one.content) <= 2_000 and one.content.count("```") == 2 for one in messages)
    assert [(len(one.components), len(one.attachments)) for one in messages] == [(0, 0), (0, 0), (1, 1)]
    assert messages[-1].attachments[0].content == b"hi"


async def test_a_webhook_that_was_deleted_is_made_anew(stage: Scene) -> None:
    await stage.chat.send_masked(
        stage.general, Mask("Evil Discord", "https://example.org/a.png"), Post("one")
    )
    stage.director.discord.world.webhooks.clear()
    await stage.chat.send_masked(stage.general, Mask("Evil"), Post("two"))
    messages = stage.director.places["general"].messages
    assert [(one.author.name, one.content) for one in messages] == [("Evil", "one"), ("Evil", "two")]
    await stage.chat.send_masked(stage.general, Mask("Evil"), Post("three"))
    assert len(stage.director.discord.world.webhooks) == 1


async def test_a_hidden_answer_to_an_open_command_and_the_other_way_round(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    ann.uses("miku join", "general")
    await stage.chat.answer(await stage.next(Invoked), Post("secret", is_hidden=True))
    assert stage.director.places["general"].texts == []
    ann.uses("miku doctor", "general")
    assert stage.director.places["general"].texts == []
    await stage.chat.answer(await stage.next(Invoked), Post("for all"))
    assert stage.director.places["general"].texts == ["for all"]
    assert "secret" in stage.director.bot("Miku").texts


async def test_an_answer_that_comes_too_late_is_posted_in_the_channel(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    ann.uses("miku join", "general")
    invoked = await stage.next(Invoked)
    ann.uses("miku doctor", "general")
    hidden = await stage.next(Invoked)
    stage.director.rules.interaction_token_s = 0.0
    await stage.chat.answer(invoked, Post("at last"))
    await stage.chat.answer(hidden, Post("secret", is_hidden=True))
    assert stage.director.places["general"].texts[-1] == "at last"
    assert "secret" not in stage.director.bot("Miku").texts


async def test_a_long_answer_has_all_its_pages(stage: Scene) -> None:
    stage.director.person("Ann").uses("miku say", "general", text="much")
    invoked = await stage.next(Invoked)
    assert invoked.arguments == {"text": "much"}
    await stage.chat.answer(invoked, Post("word " * 900))
    assert "".join(stage.director.places["general"].texts).count("word") == 900


async def test_commands_are_acknowledged_within_a_second_while_a_handler_is_slow(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    used = [ann.uses("miku join", "general") for _ in range(10)]
    await until(lambda: len(stage.of(Invoked)) == 10)
    assert all(one.answered_after_ms is not None and one.answered_after_ms < 1_000 for one in used)
    await stage.chat.answer(stage.of(Invoked)[0], Post("the first is answered last"))
    assert stage.director.places["general"].texts.count("the first is answered last") == 1


async def test_one_who_takes_no_direct_messages_is_an_error_with_a_code(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    await stage.chat.send_dm(ann.user.id, Post("psst"))
    assert [one.content for one in ann.inbox()] == ["psst"]
    ann.takes_dms(False)
    with pytest.raises(BackendError) as failed:
        await stage.chat.send_dm(ann.user.id, Post("psst"))
    assert failed.value.code == "discord_forbidden"


async def test_herself(stage: Scene) -> None:
    await stage.chat.set_presence("🎤 In Voice Chat")
    await stage.chat.set_nickname(stage.guild_id, "Evil Miku")
    await stage.chat.set_avatar(b"\x89PNG\r\n\x1a\n" + b"x" * 20)
    await stage.chat.typing(stage.general)
    bot = stage.director.bot("Miku")
    await until(lambda: bot.presence.get("activities"))
    assert bot.presence["activities"][0]["state"] == "🎤 In Voice Chat"
    assert (bot.nick, bool(bot.user.avatar), list(stage.director.journal.typing)) == (
        "Evil Miku",
        True,
        [stage.general],
    )
    with pytest.raises(BackendError):
        await stage.chat.set_avatar(b"no picture")


async def test_too_many_posts_for_one_channel_are_refused(tmp_path: Path) -> None:
    async with scene(tmp_path, patience=replace(HURRIED, call_s=0.3)) as stage:
        stage.director.faults.arm(Point.REST, POST, times=None, do="hang")
        sends = (stage.chat.send(stage.general, Post("x")) for _ in range(WAITING + 10))
        tasks = [asyncio.create_task(one) for one in sends]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        codes = [one.exception().code for one in done]  # type: ignore[union-attr]
        assert codes == ["discord_unreachable"] * len(done)
        stage.director.faults.disarm()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert len(stage.director.places["general"].texts) >= WAITING - 1


async def test_before_she_is_online_writing_fails_with_a_code(stage: Scene, tmp_path: Path) -> None:
    other = make_chat(stage.director.discord, tmp_path, "x")
    with pytest.raises(BackendError) as failed:
        await other.send(stage.general, Post("hello"))
    assert failed.value.code == "discord_unreachable"
    assert (other.guild_ids(), other.channel_name(3)) == ([], "")


async def test_a_token_that_is_reset_says_nothing_about_the_request(stage: Scene) -> None:
    stage.director.bot("Miku").application.token = "another"
    with pytest.raises(BackendError) as failed:
        await stage.chat.send(stage.general, Post("hello"))
    assert failed.value.code == "discord_token_invalid", "not forbidden: it may be tried again"


async def test_half_a_character_in_a_message_comes_as_text_that_can_be_kept(stage: Scene) -> None:
    stage.director.person("Ann").says("general", "half \ud83d a face")
    told = await stage.next(Incoming)
    assert (told.text.encode(), told.source) == ("half \ufffd a face".encode(), told.text)


async def test_a_login_that_is_closed_meanwhile_is_an_error_with_a_code(stage: Scene) -> None:
    session = stage.chat._gateway.session
    assert session is not None
    await session.http.close()
    for writing in (stage.chat.send(stage.general, Post("hello")), stage.chat.history(stage.general, 0, 5)):
        with pytest.raises(BackendError) as failed:
            await writing
        assert failed.value.code == "discord_unreachable"


async def test_people_are_found_behind_many_messages_of_bots(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("procs.bot_main.backends.discord_bot.HISTORY_LOOKED_AT", 2)
    begun = stage.director.person("Ann").says("general", "one").id
    for text in ("mine", "mine too", "and this"):
        await stage.chat.send(stage.general, Post(text))
    stage.director.person("Ann").says("general", "two")
    assert [one.text for one in await stage.chat.history(stage.general, begun, 10)] == ["two"]


async def test_a_direct_message_is_found_as_it_is_now_also_by_a_life_that_never_heard_of_its_channel(
    stage: Scene, tmp_path: Path
) -> None:
    ann = stage.director.person("Ann")
    ann.writes_to("Miku", "frist")
    told = await stage.next(Incoming)
    ann.edits(told.id, "first")
    heir, events = (
        make_chat(stage.director.discord, tmp_path, stage.director.bot("Miku").token),
        list[ChatEvent](),
    )
    async with running(heir, events):
        await until(lambda: any(isinstance(event, Online) for event in events))
        found = await heir.message(told.channel_id, told.id)
        assert found is not None
        assert (found.text, found.guild_id, found.author.id) == ("first", DM, told.author.id)
        ann.deletes(told.id)
        assert await heir.message(told.channel_id, told.id) is None


async def test_only_discords_own_word_says_that_a_message_is_gone(stage: Scene) -> None:
    asked = stage.director.person("Ann").says("general", "one").id
    reading = "GET /channels/{channel}/messages/{message}"
    armed = stage.director.faults.arm(Point.REST, reading, times=None, status=404)
    with pytest.raises(BackendError) as failed:
        await stage.chat.message(stage.general, asked)
    assert failed.value.code == "discord_forbidden"
    stage.director.faults.disarm(armed)
    stage.director.faults.arm(Point.REST, reading, status=503)
    message = await stage.chat.message(stage.general, asked)
    assert message is not None
    assert message.text == "one"
    assert await stage.chat.message(1, asked) is None, "a channel that is gone takes its messages with it"


async def test_only_discords_own_word_says_that_somebody_has_left(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    asking = "GET /guilds/{guild}/members/{user}"
    armed = stage.director.faults.arm(Point.REST, asking, times=None, status=404)
    with pytest.raises(BackendError) as failed:
        await stage.chat.person(stage.guild_id, ann.user.id)
    assert failed.value.code == "discord_forbidden"
    stage.director.faults.disarm(armed)
    stage.director.faults.arm(Point.REST, asking, status=503)
    person = await stage.chat.person(stage.guild_id, ann.user.id)
    assert person is not None
    assert (person.id, person.name) == (ann.user.id, "Ann")
    assert await stage.chat.person(stage.guild_id, 1) is None, "nobody at all"


async def test_replies_of_an_earlier_life_are_found(stage: Scene) -> None:
    ann = stage.director.person("Ann")
    asked, other = ann.says("general", "one").id, ann.says("general", "two").id
    hers = await stage.chat.send(stage.general, Post("to one", reply_to=asked))
    await stage.chat.send(stage.general, Post("to two", reply_to=other))
    assert await stage.chat.replies(stage.general, asked) == hers
    ann.says("general", "thanks", reply_to=hers[0])
    thanks = await stage.next(Incoming, lambda one: one.text == "thanks")
    assert (thanks.is_addressed, thanks.reply_to_id, thanks.reply_to_text) == (True, hers[0], "to one")
