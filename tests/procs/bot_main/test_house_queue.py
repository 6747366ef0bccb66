"""What people wrote while she spoke, or while nobody lived, is answered once and in order."""

import asyncio
from contextlib import closing
from dataclasses import replace

import pytest

from bus.errors import BackendError, sentence
from bus.messages import Phase
from procs.bot_main import gate, outbox
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.queue import ATTEMPTS
from procs.bot_main.core.queue_rows import Changes
from procs.bot_main.core.queue_rows import Row as Item
from procs.bot_main.inbox import MARK
from tests.procs.bot_main.features.hands import HandModel
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL, HOME, HandChat
from tests.procs.bot_main.home import TEXT, living
from tests.waiting import until

pytestmark = pytest.mark.unit


class HangingModel(HandModel):
    """Takes its time for the first answer."""

    def __init__(self):
        super().__init__()
        self.goes_on = asyncio.Event()
        self.fails_once = False

    async def complete(self, messages, **more):
        answer = await super().complete(messages, **more)
        await self.goes_on.wait()
        if self.fails_once:
            self.fails_once = False
            raise BackendError("llm_unreachable", "by hand")
        return answer


async def test_messages_of_a_session_are_marked_kept_and_answered_in_order_after_it(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        await home.sink(Phase.ACTIVE)
        messages = [await home.says(f"hello {n}", is_addressed=True) for n in range(5)]
        await until(lambda: all(home.chat.reactions[m.id] == [MARK] for m in messages))
        assert home.chat.posted == []
        assert home.house.state().queued == 5
        assert "yours: place 1 (0 min)" in home.house.queue_text(ANNA, HOME)
        assert home.house.queue_text(BERT, HOME) == "5 messages wait, none of yours."
        await home.sink(Phase.IDLE)
        await until(lambda: home.answered() == [m.id for m in messages])
        await until(lambda: home.house.queue_text(ANNA, HOME) == "No message waits for an answer.")
        await until(lambda: not any(home.chat.reactions[m.id] for m in messages))


async def test_what_waits_behind_an_answer_when_a_session_begins_is_kept_like_what_comes_in_it(
    tmp_path, probes, monkeypatch
):
    monkeypatch.setattr("procs.bot_main.gate.FINISH_S", 60)
    monkeypatch.setattr(gate, "FINISH_S", 60)
    model = HangingModel()
    async with living(tmp_path, TEXT, model=model) as home:
        answered, waits = [await home.says(text, is_addressed=True) for text in ("first", "second")]
        await until(lambda: len(model.asked) == 1 and home.house.state().queued == 2)
        await home.sink(Phase.ACTIVE)
        await until(lambda: home.chat.reactions[waits.id] == [MARK])
        with closing(SqliteQueue(tmp_path / "queue.db")) as store:
            assert store.load().rows[waits.id].is_marked
        model.goes_on.set()
        await until(lambda: home.answered() == [answered.id])
        assert home.chat.reactions[answered.id] == [], "it is being answered"
        monkeypatch.setattr("procs.bot_main.core.queue.PAUSES_MS", (0, 0))
        model.fails_once = True
        await home.sink(Phase.IDLE)
        await until(lambda: home.answered() == [answered.id, waits.id])
        assert (home.chat.texts(), len(model.asked)) == (["La la la!"] * 2, 3), "tried again"
        await until(lambda: home.chat.reactions[waits.id] == [])


async def test_edits_and_deletions_of_waiting_messages_count(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        await home.sink(Phase.ACTIVE)
        first, second = [await home.says(text, is_addressed=True) for text in ("first", "second")]
        await until(lambda: home.house.state().queued == 2)
        home.house.edited(home.chat.edits(first, "corrected"))
        home.chat.deletes(second)
        home.house.deleted((second.id,))
        await until(lambda: home.house.state().queued == 1)
        await home.sink(Phase.IDLE)
        await until(lambda: home.answered() == [first.id])
        assert home.model.asked[0][-1].content == "Anna: corrected"


async def test_500_messages_of_a_session_are_all_answered_or_noticed_once(tmp_path, probes):
    async with living(tmp_path, TEXT, limit=20) as home:
        await home.sink(Phase.ACTIVE)
        people = [replace(ANNA, id=1_000 + n, name=f"P{n}") for n in range(25)]
        for n in range(500):
            await home.says("hello", by=people[n % 25], channel_id=GENERAL + n % 2, is_addressed=True)
        await until(lambda: len(home.log("queued")) == 500)
        await home.sink(Phase.IDLE)
        await until(lambda: not home.inbox.queue.rows)
        answers = [posted for posted in home.chat.posted if posted.post.text == "La la la!"]
        notices = [posted for posted in home.chat.posted if posted not in answers]
        assert len(answers) == 20
        assert len(notices) == 2
        assert all("240 messages" in notice.post.text for notice in notices)


async def test_whoever_writes_after_the_session_does_not_wait_for_all_who_wrote_during_it(
    tmp_path, probes, monkeypatch
):
    monkeypatch.setattr(outbox, "PAUSE_S", 60)
    async with living(tmp_path, TEXT) as home:
        await home.sink(Phase.ACTIVE)
        waiting = [await home.says("hello", channel_id=100 + n, is_addressed=True) for n in range(10)]
        await until(lambda: home.house.state().queued == 10)
        await home.sink(Phase.IDLE)
        await until(lambda: home.answered() == [waiting[0].id])
        fresh = await home.says("hello", is_addressed=True)
        await until(lambda: fresh.id in home.answered())
        assert home.answered() == [waiting[0].id, fresh.id]


async def test_an_answer_that_discord_does_not_take_is_posted_later(tmp_path, probes, monkeypatch):
    monkeypatch.setattr(outbox, "POST_RETRY_S", 0.01)
    async with living(tmp_path, TEXT) as home:
        home.chat.fails("send", "discord_unreachable", times=3)
        message = await home.says("hello", is_addressed=True)
        await until(lambda: home.answered() == [message.id])
        assert len(home.model.asked) == 1, "the model is not asked again"


async def test_a_message_over_which_the_process_died_three_times_is_given_up_with_a_word(tmp_path, probes):
    chat = HandChat()
    message = chat.says("poison", is_addressed=True)
    store = SqliteQueue(tmp_path / "queue.db")
    store.write(Changes({message.id: Item(message, True, attempts=ATTEMPTS)}))
    store.close()
    chat.fails("replies", "discord_forbidden")
    async with living(tmp_path, TEXT, chat) as home:
        await until(lambda: home.chat.texts() == [sentence("peer_lost")])
        assert home.model.asked == []


async def test_what_was_deleted_or_edited_while_nobody_lived_counts(tmp_path, probes):
    chat = HandChat()
    kept, gone, changed = [chat.says(text, is_addressed=True) for text in ("kept", "gone", "mistyped")]
    store = SqliteQueue(tmp_path / "queue.db")
    answered = Item(gone, True, pages=("an answer that was never posted",))
    store.write(Changes({kept.id: Item(kept, True), gone.id: answered, changed.id: Item(changed, True)}))
    store.close()
    chat.deletes(gone, is_told=False)
    chat.edits(changed, "well typed", is_told=False)
    async with living(tmp_path, TEXT, chat) as home:
        await until(lambda: home.answered() == [kept.id, changed.id])
        assert [asked[-1].content for asked in home.model.asked] == ["Anna: kept", "Anna: well typed"]
        await until(lambda: not home.inbox.queue.rows)
    assert SqliteQueue(tmp_path / "queue.db").load().rows == {}


async def test_what_was_deleted_while_the_gateway_was_away_is_not_answered(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        await home.sink(Phase.ACTIVE)
        kept, gone = [await home.says(text, is_addressed=True) for text in ("kept", "gone")]
        await until(lambda: home.house.state().queued == 2)
        home.house.offline()
        home.chat.deletes(gone, is_told=False)
        home.house.online()
        await home.sink(Phase.IDLE)
        fresh = await home.says("fresh", is_addressed=True)
        await until(lambda: fresh.id in home.answered() and not home.inbox.queue.rows)
        assert home.answered() == [kept.id, fresh.id]


async def test_an_edit_that_is_told_while_discord_answers_is_the_newer_one(tmp_path, probes, monkeypatch):
    async with living(tmp_path, TEXT) as home:
        await home.sink(Phase.ACTIVE)
        message = await home.says("mistyped", is_addressed=True)
        await until(lambda: home.house.state().queued == 1)
        read = home.chat.message

        async def overtaken(channel_id, message_id):
            found = await read(channel_id, message_id)
            home.house.edited(replace(message, text="well typed"))
            await until(lambda: home.inbox.queue.rows[message.id].message.text == "well typed")
            return found

        monkeypatch.setattr(home.chat, "message", overtaken)
        home.house.offline()
        await home.sink(Phase.IDLE)
        await until(lambda: home.answered() == [message.id])
        assert "well typed" in home.model.asked[-1][-1].content


@pytest.mark.parametrize("code", ["discord_unreachable", "discord_forbidden"])
async def test_a_message_that_can_not_be_looked_at_is_answered_as_it_was(tmp_path, probes, code):
    chat = HandChat()
    message = chat.says("hello", is_addressed=True)
    store = SqliteQueue(tmp_path / "queue.db")
    store.write(Changes({message.id: Item(message, True)}))
    store.close()
    chat.fails("message", code, times=None)
    async with living(tmp_path, TEXT, chat) as home:
        await until(home.answered)
        assert home.answered() == [message.id]


async def test_a_full_disk_costs_the_mark_but_no_answer(tmp_path, probes, monkeypatch):
    async with living(tmp_path, TEXT) as home:

        def full(self, changes):
            raise BackendError("store_failed", "by hand")

        with monkeypatch.context() as patch:
            patch.setattr(SqliteQueue, "write", full)
            await home.sink(Phase.ACTIVE)
            message = await home.says("hello", is_addressed=True)
            await until(lambda: home.house.state().queued == 1)
            await until(lambda: home.inbox.code == "store_failed")
            await home.sink(Phase.IDLE)
            await until(lambda: home.answered() == [message.id])
            assert home.chat.reactions[message.id] == []
        await home.inbox.commit()
        assert SqliteQueue(tmp_path / "queue.db").load().settled == {message.id}
