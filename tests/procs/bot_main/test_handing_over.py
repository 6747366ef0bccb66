"""Prompts that could not be answered aloud, and the answers in writing that people get instead."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from bus.errors import sentence
from bus.messages import Phase, RequestKind
from procs.bot_main import gate, outbox
from procs.bot_main import inbox as inbox_module
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.commands import words_of
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import TextSettings
from procs.bot_main.features.base import Kit
from procs.bot_main.gate import SessionGate
from procs.bot_main.house import House
from procs.bot_main.inbox import Inbox
from tests.procs.bot_main.evening import Evening, Evenings
from tests.procs.bot_main.features.hands import HandModel
from tests.procs.bot_main.hand_chat import ANNA, BERT, BOSS
from tests.procs.bot_main.home import TEXT
from tests.procs.bot_main.world import SINK
from tests.waiting import until

pytestmark = pytest.mark.unit

WRITTEN = "La la la!"
"""What the model of the text features answers."""


class WritingEvenings(Evenings):
    """Evenings with the text chat that people really get, and a model played by hand."""

    def __init__(self, lives, monkeypatch, tmp_path) -> None:
        super().__init__(lives, monkeypatch)
        monkeypatch.setattr(gate, "TICK_S", 0.005)
        monkeypatch.setattr(outbox, "PAUSE_S", 0)
        self.path = tmp_path / "queue.db"
        self.model = HandModel()
        self.is_open = False
        self.limit_per_user = 50

    @asynccontextmanager
    async def begin(self, *levels: tuple[str, object, str]) -> AsyncIterator[Evening]:
        self.is_open = False
        async with super().begin(*levels) as evening:
            await until(lambda: self.is_open)
            await evening.settle()
            yield evening

    def _side(self, node):
        self.node, self.side = node, super()._side(node)
        return self.side

    async def _open_house(self, tasks, gate: SessionGate) -> House:
        inbox = Inbox(self.node, self.chat, SqliteQueue(self.path), 100, self.limit_per_user)
        await inbox.load()
        sections = {TextSettings: TextSettings(), Personas: Personas()}
        kit = Kit(self.node, self.chat, gate, self.side.shelf, self.model, {}, sections)
        self.is_open = True
        words = partial(words_of, prefix="!miku")
        return House(kit, inbox, lambda command: command, lambda message: False, words=words, rows=TEXT)

    @property
    def asked(self) -> list[str]:
        """What the text chat's model was asked."""
        return [messages[-1].content for messages in self.model.asked]


@pytest.fixture
def evenings(lives, monkeypatch: pytest.MonkeyPatch, tmp_path) -> WritingEvenings:
    return WritingEvenings(lives, monkeypatch, tmp_path)


def replies(evening: Evening, *messages) -> list[list[str]]:
    """What she wrote in reply to each message."""
    posts = [posted.post for posted in evening.chat.posted]
    return [[post.text for post in posts if post.reply_to == message.id] for message in messages]


async def ends(evening: Evening, session: str, reason: str) -> None:
    """The sink gives the session up."""
    await evening.world.sink(session, Phase.STOPPING, reason=reason)
    await evening.world.sink(session, Phase.IDLE, reason=reason)
    await evening.pass_ms(3_000)


@pytest.mark.parametrize("reason", ["voice_lost", "voice_kicked", "sink_failed"])
async def test_prompts_of_a_session_that_is_lost_are_answered_in_writing_once_and_in_order(
    evening: Evening, evenings: WritingEvenings, reason: str
):
    session = await evening.joins()
    asked = [await evening.says(f"question {n}", by=(ANNA, BERT)[n % 2]) for n in range(3)]
    await ends(evening, session, reason)
    assert f"❌ {sentence(reason)}" in evening.texts
    await until(lambda: all(replies(evening, *asked)))
    assert replies(evening, *asked) == [[WRITTEN]] * 3
    assert evenings.asked == ["Anna: question 0", "Bert: question 1", "Anna: question 2"]
    assert evening.texts[-1] == WRITTEN, "nothing is told to be left over"
    await until(lambda: evening.world.store.records[session].owed == ())
    assert [evening.chat.reactions[each.id] for each in asked] == [[]] * 3


async def test_more_than_the_queue_takes_of_one_person_is_told_and_unmarked(
    evenings: WritingEvenings, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(inbox_module, "MARK_RETRY_S", 0.01)
    evenings.limit_per_user = 2
    async with evenings.begin() as evening:
        session = await evening.joins()
        asked = [await evening.says(f"question {n}") for n in range(4)]
        await ends(evening, session, "voice_lost")
        await until(lambda: any("Too much came at once" in text for text in evening.texts))
        await until(lambda: not any(evening.chat.reactions[each.id] for each in asked))
        assert replies(evening, *asked)[:2] == [[WRITTEN]] * 2


async def test_a_prompt_deleted_while_the_disk_is_slow_leaves_nothing_behind(
    evening: Evening, monkeypatch: pytest.MonkeyPatch
):
    take_over, go, is_done = House.take_over, asyncio.Event(), asyncio.Event()

    async def slow(self: House, messages: Sequence[Incoming]) -> bool:
        await go.wait()
        is_kept = await take_over(self, messages)
        is_done.set()
        return is_kept

    monkeypatch.setattr(House, "take_over", slow)
    session = await evening.joins()
    message = await evening.says("one")
    await ends(evening, session, "voice_lost")
    await evening.pass_ms(20_000)
    evening.chat.deletes(message)
    await evening.pass_ms(2_000)
    assert session not in evening.world.store.records
    go.set()
    await is_done.wait()
    await evening.settle()
    assert session not in evening.world.store.records
    assert not [key for key in evening.world.node.states if key[1] == session]


async def test_quiet_hours_end_her_voice_and_not_the_answers(evening: Evening):
    session = await evening.joins()
    message = await evening.says("question")
    await evening.says("!miku settings quiet_hours 00:00-23:59", by=BOSS)
    await evening.pass_ms(1_000)
    await evening.world.sink(session, Phase.IDLE)
    await evening.pass_ms(3_000)
    await until(lambda: replies(evening, message) == [[WRITTEN]])
    assert evening.texts.count(WRITTEN) == 1


async def test_an_answer_that_was_written_to_its_end_is_not_made_again(
    evening: Evening, evenings: WritingEvenings
):
    session = await evening.joins()
    written, waiting = await evening.says("one"), await evening.says("two")
    turn = evening.world.turns(session).active
    await evening.world.reply(session, turn, "It is late.")
    await ends(evening, session, "voice_lost")
    await until(lambda: replies(evening, waiting) == [[WRITTEN]])
    assert replies(evening, written) == [["⚠️ (Voice failed, text mode): It is late."]]
    assert evenings.asked == ["Anna: two"]


async def test_what_is_deleted_or_edited_after_the_session_counts(
    evening: Evening, evenings: WritingEvenings
):
    session = await evening.joins()
    said = [await evening.says(text) for text in ("one", "two", "three", "!miku ask four")]
    _, edited, gone, _ = said
    await evening.world.sink(session, Phase.STOPPING, reason="voice_lost")
    evening.chat.edits(edited, "2", is_told=False)
    evening.chat.deletes(gone)
    await ends(evening, session, "voice_lost")
    await until(lambda: replies(evening, *said) == [[WRITTEN], [WRITTEN], [], [WRITTEN]])
    assert evenings.asked == ["Anna: one", "Anna: 2", "Anna: four"]


async def test_prompts_by_slash_have_nothing_to_reply_to_and_are_counted(evening: Evening):
    session = await evening.joins()
    for n in range(2):
        evening.chat.invokes("ask", text=f"question {n}")
        await evening.settle()
    message = await evening.says("question")
    await ends(evening, session, "voice_lost")
    await until(lambda: replies(evening, message) == [[WRITTEN]])
    assert evening.texts.count("⚠️ 2 prompts are without an answer. Ask me again.") == 1


async def test_whoever_sends_her_away_learns_how_many_got_no_answer(
    evening: Evening, evenings: WritingEvenings
):
    session = await evening.joins()
    for n in range(3):
        await evening.says(f"question {n}")
    await evening.world.speak(session, evening.world.turns(session).active, "I begin.", heard_ms=100)
    await evening.says("!miku leave")
    await evening.world.sink(session, Phase.IDLE)
    await evening.pass_ms(20_000)
    assert evening.texts.count("⚠️ 2 prompts are without an answer. Ask me again.") == 1
    assert evenings.asked == []


async def test_nobody_waits_nobody_is_told(evening: Evening):
    session = await evening.joins()
    await evening.says("!miku leave")
    await evening.world.sink(session, Phase.IDLE)
    assert not any("without an answer" in text for text in evening.texts)


# --- a sink that is away ------------------------------------------------------------------------------


async def test_while_the_sink_is_away_answers_come_in_writing_and_nothing_is_promised_in_vain(
    evening: Evening, evenings: WritingEvenings
):
    session = await evening.joins()
    running, waiting = await evening.says("one"), await evening.says("two")
    await evening.world.silence(f"control.session.{SINK}", session)
    await evening.pass_ms(6_000)
    await until(lambda: all(replies(evening, running, waiting)))
    later = await evening.says("three")
    await evening.pass_ms(1_000)
    await until(lambda: all(replies(evening, later)))
    assert replies(evening, running, waiting, later) == [[WRITTEN]] * 3
    assert evenings.asked == ["Anna: one", "Anna: two", "Anna: three"]
    assert not any("could not answer" in text for text in evening.texts)
    assert evening.intent.wanted


async def test_a_sink_that_is_back_at_once_speaks_the_answer_that_was_lost(
    evening: Evening, evenings: WritingEvenings
):
    session = await evening.joins()
    await evening.says("one")
    await evening.pass_ms(1_000)
    await evening.says("two")
    await evening.world.silence(f"control.session.{SINK}", session)
    await evening.world.sink(session, Phase.STARTING)
    await evening.world.sink(session, Phase.ACTIVE)
    for _ in range(2):
        await evening.world.speak(session, evening.world.prompts[-1][0], "Yes.")
        await evening.settle()
    asked = [prompt.messages[-1].content.splitlines()[-1] for _, prompt in evening.world.prompts]
    assert asked == ["Anna: one", "Anna: one", "Anna: two"]
    assert evenings.asked == []
    assert evening.texts[1:] == [], "nobody is told of what nobody has noticed"


# --- a process that is killed -------------------------------------------------------------------------


async def test_what_is_owed_when_she_is_killed_is_answered_by_the_next_life(
    evenings: WritingEvenings, monkeypatch: pytest.MonkeyPatch
):
    async def hangs(self, messages) -> bool:
        return await asyncio.Event().wait()

    chat = evenings.chat
    with monkeypatch.context() as killed:
        killed.setattr(House, "take_over", hangs)
        async with evenings.begin() as before:
            session = await before.joins()
            kept, edited, gone = [await before.says(text) for text in ("one", "two", "three")]
            await ends(before, session, "voice_lost")
    chat.edits(edited, "2", is_told=False)
    chat.deletes(gone, is_told=False)
    evenings.lives.clock.advance_ms(600_000)
    async with evenings.begin() as after:
        await after.pass_ms(3_000)
        await until(lambda: all(replies(after, kept, edited)))
        assert evenings.asked == ["Anna: one", "Anna: 2"]
        await after.pass_ms(20_000)
        await until(lambda: evenings.lives.store.records == {})


async def test_what_the_inbox_has_already_is_not_answered_twice(
    evenings: WritingEvenings, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as killed:
        killed.setattr("procs.bot_main.sessions.Sessions.repay", lambda *_: None)
        async with evenings.begin() as before:
            session = await before.joins()
            message = await before.says("one")
            await ends(before, session, "voice_lost")
            await until(lambda: all(replies(before, message)))
    async with evenings.begin() as after:
        await after.pass_ms(20_000)
        await until(lambda: evenings.lives.store.records == {})
        assert replies(after, message) == [[WRITTEN]]


async def test_prompts_of_a_life_long_over_are_not_forgotten(evenings: WritingEvenings):
    async with evenings.begin() as before:
        await before.joins()
        asked = [await before.says(text) for text in ("one", "two")]
    evenings.lives.clock.advance_ms(120_000)
    async with evenings.begin() as after:
        assert not after.intent.wanted
        await after.pass_ms(3_000)
        await until(lambda: all(replies(after, *asked)))
        assert evenings.asked == ["Anna: one", "Anna: two"]


async def test_a_prompt_over_the_bus_is_told_of_over_the_bus_alone(evening: Evening):
    session = await evening.joins()
    answer = await evening.world.ask(RequestKind.PROMPT, "hello", session=session)
    await ends(evening, session, "voice_lost")
    assert answer is not None
    assert evening.world.milestones(answer.turn)[-1][1] == "voice_lost"
    assert evening.texts[-1] == f"❌ {sentence('voice_lost')}"
