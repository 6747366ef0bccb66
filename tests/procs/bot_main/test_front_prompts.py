"""What people write and say to her in a session, and what becomes of it when they change their mind."""

import pytest

from bus.errors import sentence
from bus.messages import TurnKind
from tests.procs.bot_main.evening import Evening
from tests.procs.bot_main.hand_chat import (
    BERT,
    BOSS,
    DM,
    SECRET,
)

pytestmark = pytest.mark.unit
DM_CHANNEL = 900


async def test_a_message_in_the_prompt_channel_is_a_prompt_with_the_writers_name(evening: Evening):
    await evening.joins()
    first, second = await evening.says("hello"), await evening.says("and I", by=BERT)
    assert evening.world.prompts[0][1].messages[-1].content == "Anna: hello"
    assert evening.chat.reactions[first.id] == ["🎤"]
    assert evening.chat.reactions[second.id] == ["🎤", "1️⃣"]
    await evening.world.speak(evening.session, evening.world.prompts[0][0], "Hi.")
    await evening.settle()
    assert evening.chat.reactions[second.id] == ["🎤"]
    assert evening.house.offered == []


async def test_other_channels_and_other_times_are_the_houses(evening: Evening):
    before = await evening.says("hello")
    await evening.joins()
    elsewhere = await evening.says("hello", channel_id=SECRET)
    directly = await evening.says("hello", guild_id=DM, channel_id=77)
    assert evening.house.offered == [before, elsewhere, directly]


async def test_what_she_can_only_do_afterwards_is_no_prompt(evening: Evening):
    await evening.joins()
    await evening.says("draw a cat")
    assert [(one.text, one.is_addressed) for one in evening.house.offered] == [("draw a cat", True)]
    assert evening.world.prompts == []


async def test_a_repeated_message_is_one_prompt(evening: Evening):
    await evening.joins()
    message = await evening.says("hello")
    evening.chat.tell(message)
    await evening.settle()
    await evening.world.speak(evening.session, evening.world.prompts[0][0], "Hi.")
    assert len(evening.world.prompts) == 1


async def test_too_many_prompts_of_one_person_and_of_all_are_refused_clearly(evening: Evening):
    await evening.joins()
    await evening.says("!miku settings max_waiting 6", by=BOSS)
    for n in range(7):
        await evening.says(f"number {n}")
    assert evening.texts[-1].startswith("❌ 5 of your prompts wait already.")
    for n in range(2):
        await evening.says(f"number {n}", by=BERT)
    assert evening.texts[-1] == f"❌ {sentence('busy')}"


async def test_an_endless_prompt_is_refused_politely(evening: Evening):
    await evening.joins()
    await evening.says("a" * 4_001)
    assert evening.texts[-1].startswith("❌ That is too long for me: 4,001 characters")
    assert evening.world.prompts == []


async def test_waiting_prompts_follow_edits_and_deletions_and_a_running_one_is_cut(evening: Evening):
    session = await evening.joins()
    running, gone, changed = [await evening.says(text) for text in ("one", "two", "three")]
    evening.chat.edits(changed, "drei")
    evening.chat.deletes(gone)
    await evening.settle()
    first = evening.world.prompts[0][0]
    evening.chat.deletes(running)
    await evening.settle()
    assert evening.world.milestones(first)[-1] == (TurnKind.CUT, "")
    assert evening.world.turns(session).floor == first + 1
    said = [prompt.messages[-1].content for _, prompt in evening.world.prompts]
    assert [text.splitlines()[-1] for text in said] == ["Anna: one", "Anna: drei"]


async def test_a_waiting_say_that_is_edited_is_read_out_in_its_new_words(evening: Evening):
    await evening.joins()
    running = await evening.says("one")
    fixed = await evening.says("!miku say Good evning.")
    other = await evening.says("!miku say Stay.")
    evening.chat.edits(fixed, "!miku say Good evening.")
    evening.chat.edits(other, "!miku queue")
    evening.chat.deletes(running)
    await evening.settle()
    assert evening.world.prompts[-1][1].verbatim == "Good evening."
    evening.chat.deletes(fixed)
    await evening.settle()
    assert evening.world.prompts[-1][1].verbatim == "Stay.", "what became another command stays as it was"


async def test_a_waiting_prompt_may_become_a_say_and_back(evening: Evening):
    await evening.joins()
    running = await evening.says("one")
    question = await evening.says("two")
    reading = await evening.says("!miku say three")
    evening.chat.edits(question, "!miku say zwei")
    evening.chat.edits(reading, "drei")
    evening.chat.deletes(running)
    await evening.settle()
    assert evening.world.prompts[-1][1].verbatim == "zwei"
    evening.chat.deletes(question)
    await evening.settle()
    assert evening.world.prompts[-1][1].messages[-1].content.splitlines()[-1] == "Anna: drei"


async def test_edits_and_deletions_that_come_in_one_burst_with_their_messages_count(evening: Evening):
    await evening.joins()
    running = await evening.says("one")
    evening.chat.deletes(evening.chat.says("gone"))
    evening.chat.edits(evening.chat.says("mistyped"), "well typed")
    await evening.settle()
    evening.chat.deletes(running)
    await evening.settle()
    said = [prompt.messages[-1].content.splitlines()[-1] for _, prompt in evening.world.prompts]
    assert said == ["Anna: one", "Anna: well typed"]


async def test_say_is_read_out_and_stop_silences(evening: Evening):
    await evening.joins()
    message = await evening.says("!miku say Good evening.")
    assert evening.world.prompts[0][1].verbatim == "Good evening."
    assert evening.chat.reactions[message.id] == ["🎤"]
    stop = await evening.says("!miku stop", by=BERT)
    assert evening.chat.reactions[stop.id] == ["🤫"]
    assert evening.world.turns(evening.session).active == 0


async def test_who_is_blocked_may_only_look(evening: Evening):
    await evening.joins()
    await evening.says(f"!miku settings blocked <@{BERT.id}>", by=BOSS)
    message = await evening.says("hello", by=BERT)
    await evening.says("!miku stop", by=BERT)
    assert evening.chat.reactions[message.id] == ["🚫"]
    assert evening.texts[-1].startswith("❌ That is for listeners")
    assert evening.world.prompts == []
