"""Prompts that were written, changed or deleted while nobody told of it."""

import asyncio
from dataclasses import replace

import pytest

from bus.messages import Phase
from procs.bot_main import prompting
from procs.bot_main.core.chat import Incoming
from tests.procs.bot_main.evening import Evening, Evenings
from tests.procs.bot_main.hand_chat import ANNA, BERT, BOSS, DM, SECRET
from tests.procs.bot_main.test_app_restarts import levels
from tests.waiting import until

pytestmark = pytest.mark.unit


async def answers_all(evening: Evening, session: str) -> list[str]:
    """She answers whatever is asked, one after the other; what the model was asked last in each turn."""
    asked: list[str] = []
    while len(evening.world.prompts) > len(asked):
        turn, prompt = evening.world.prompts[len(asked)]
        asked.append(prompt.verbatim or prompt.messages[-1].content)
        await evening.world.speak(session, turn, "Yes.")
        await evening.settle()
    return asked


async def test_what_waited_while_she_was_dead_is_asked_as_it_stands_now(evenings: Evenings):
    chat = evenings.chat
    async with evenings.begin() as before:
        session = await before.joins()
        running = await before.says("one")
        edited, gone = await before.says("two"), await before.says("three", by=BERT)
        read_out, same = await before.says("!miku say four"), await before.says("five")
        await before.world.reply(session, before.world.prompts[-1][0], "Yes", complete=False)
        on_the_bus = levels(before.world, "control.session", "report")
    chat.edits(running, "too late")
    chat.edits(edited, "2", is_told=False)
    chat.deletes(gone, is_told=False)
    chat.edits(read_out, "!miku say 4", is_told=False)
    async with evenings.begin(*on_the_bus) as after:
        assert after.world.prompts == []
        await after.world.speak(session, after.world.turns(session).active, "Yes.")
        await after.settle()
        assert await answers_all(after, session) == ["Anna: 2", "4", "Anna: five"]
        assert "🎤" in chat.reactions[same.id]


async def test_what_waited_while_the_gateway_was_away_is_looked_at_before_it_is_asked(evening: Evening):
    session = await evening.joins()
    await evening.says("one")
    edited, gone = await evening.says("two"), await evening.says("three", by=BERT)
    evening.chat.goes_offline()
    evening.chat.edits(edited, "2", is_told=False)
    evening.chat.deletes(gone, is_told=False)
    evening.chat.comes_online()
    await evening.settle()
    assert await answers_all(evening, session) == ["Anna: one", "Anna: 2"]


async def test_words_of_a_slash_command_are_certain(evening: Evening):
    session = await evening.joins()
    await evening.says("one")
    evening.chat.invokes("ask", text="two")
    await evening.settle()
    evening.chat.goes_offline()
    evening.chat.fails("message", times=None)
    assert await answers_all(evening, session) == ["Anna: one", "Anna: two"]


@pytest.mark.parametrize("code", ["discord_forbidden", "discord_unreachable"])
async def test_where_a_message_cannot_be_looked_at_its_old_words_count(
    evening: Evening, monkeypatch: pytest.MonkeyPatch, code: str
):
    monkeypatch.setattr(prompting, "REREAD_S", 0.05)
    session = await evening.joins()
    await evening.says("one")
    await evening.says("two", by=ANNA)
    evening.chat.goes_offline()
    evening.chat.fails("message", code, times=None)
    await evening.world.speak(session, evening.world.turns(session).active, "Yes.")
    await until(lambda: len(evening.world.prompts) == 2)
    assert evening.world.told(-1)[-1] == "Anna: two"


async def test_a_discord_that_answers_late_is_asked_again(evening: Evening, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(prompting, "RETRY_S", 0.0)
    session = await evening.joins()
    await evening.says("one")
    edited = await evening.says("two")
    evening.chat.goes_offline()
    evening.chat.edits(edited, "2", is_told=False)
    evening.chat.fails("message", times=2)
    assert await answers_all(evening, session) == ["Anna: one", "Anna: 2"]


async def test_an_edit_that_is_told_while_discord_answers_is_the_newer_one(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
):
    read = evening.chat.message

    async def overtaken(channel_id: int, message_id: int) -> Incoming | None:
        found = await read(channel_id, message_id)
        evening.chat.edits(edited, "2")
        await evening.world.settle()
        return found

    monkeypatch.setattr(evening.chat, "message", overtaken)
    session = await evening.joins()
    await evening.says("one")
    edited = await evening.says("two")
    evening.chat.goes_offline()
    assert await answers_all(evening, session) == ["Anna: one", "Anna: 2"]


async def test_a_session_that_is_over_when_discord_answers_stays_over(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
):
    answered = asyncio.Event()

    async def late(channel_id: int, message_id: int) -> None:
        await answered.wait()

    monkeypatch.setattr(evening.chat, "message", late)
    session = await evening.joins()
    await evening.says("one")
    await evening.says("two")
    evening.chat.goes_offline()
    await evening.world.speak(session, evening.world.turns(session).active, "Yes.")
    await evening.says("!miku leave")
    await evening.world.sink(session, Phase.IDLE)
    await evening.pass_ms(60_000)
    assert evening.world.sessions == []
    answered.set()
    await evening.settle()
    assert evening.world.sessions == []
    assert len(evening.world.prompts) == 1


async def test_a_prompt_written_while_she_was_away_is_taken_up_once(evening: Evening):
    session = await evening.joins()
    heard = await evening.says("one")
    missed = evening.chat.says("two", by=BERT)
    for message in (heard, missed, missed):
        assert evening.house.sift(message) is None
    await evening.settle()
    assert await answers_all(evening, session) == ["Anna: one", "Bert: two"]
    assert "🎤" in evening.chat.reactions[missed.id]
    join, *prompts = (message.id for message in evening.house.passed_over)
    assert join < heard.id
    assert set(prompts) == {heard.id, missed.id}


async def test_the_place_that_an_earlier_life_showed_is_taken_away_with_the_answer_or_the_end(
    evenings: Evenings,
):
    chat = evenings.chat
    async with evenings.begin() as before:
        session = await before.joins()
        _, two, three, _ = messages = [await before.says(text) for text in ("one", "two", "3", "4")]
        shown = ["🎤", "1️⃣"], ["🎤", "2️⃣"], ["🎤", "3️⃣"]
        assert tuple(chat.reactions[each.id] for each in messages[1:]) == shown
        chat.fails("unreact", times=None)
        await before.world.speak(session, before.world.prompts[-1][0], "Yes.")
        await before.settle()
        assert len(before.world.prompts) == 2, "it is being answered, and its place is still shown"
        on_the_bus = levels(before.world, "control.session", "report")
    assert tuple(chat.reactions[each.id] for each in messages[1:]) == shown
    chat.mend("unreact")
    async with evenings.begin(*on_the_bus) as after:
        assert after.house.sift(three) is None, "fetched once more"
        await after.settle()
        await after.world.speak(session, after.world.turns(session).active, "Yes.")
        await after.settle()
        assert [chat.reactions[each.id] for each in (two, three)] == [["🎤"]] * 2
        await after.says("!miku leave")
        assert [chat.reactions[each.id] for each in messages] == [["🎤"]] * 4


async def test_what_is_no_prompt_is_left_to_the_others(evening: Evening):
    said = evening.chat.says("hello", is_addressed=True)
    assert evening.house.sift(said) == said, "no session"
    await evening.joins()
    wish = evening.chat.says("draw a cat")
    assert evening.house.sift(wish) is None
    assert evening.house.offered[-1].id == wish.id, "its sentence is the house's"
    for message in (
        evening.chat.says("hello", channel_id=SECRET),
        evening.chat.says("hello", guild_id=DM),
        evening.chat.says(" "),
    ):
        assert evening.house.sift(message) == message


async def test_a_missed_mention_is_none_where_mentions_are_not_answered(evening: Evening):
    await evening.says("!miku settings reply_by_mention off", by=BOSS)
    said = evening.chat.says("hello", is_addressed=True)
    assert evening.house.sift(said) == replace(said, is_addressed=False)
