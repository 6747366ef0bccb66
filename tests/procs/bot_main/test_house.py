"""The house with all its features, a gate of the real kind, and a sink played by the test."""

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from types import SimpleNamespace

import pytest

import procs.bot_main.features as feature_package
from bus.errors import BackendError, sentence
from bus.messages import Phase, SessionState
from bus.testing import FakeClock, MemoryNode
from procs.bot_main import catching_up, gate, outbox
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.core.chat import DM, Attachment, Invoked
from procs.bot_main.core.gate import FEATURES, Action, Row, Running, row
from procs.bot_main.core.personas import Personas
from procs.bot_main.core.queue import ATTEMPTS, Changes
from procs.bot_main.core.queue import Row as Item
from procs.bot_main.feature_settings import TextSettings
from procs.bot_main.features import drawing, vision
from procs.bot_main.features.base import Call, Kit
from procs.bot_main.gate import SessionGate
from procs.bot_main.house import House
from procs.bot_main.inbox import MARK, Inbox
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.features.hands import DictDocuments, HandModel
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL, HOME, HandChat
from tests.waiting import until

pytestmark = pytest.mark.unit

WALL_MS = 1_700_000_000_000
"""When the hand-played chat begins."""

PROBE = """
from procs.bot_main.core.chat import Post

class Probe:
    name = "{name}"
    code = ""

    def __init__(self, kit):
        self.kit, self.started, self.hangs = kit, 0, False

    async def run(self):
        pass

    def wants(self, message):
        return message.text.startswith("{name} ")

    async def take(self, message):
        self.started += 1
        if self.hangs:
            import asyncio
            await asyncio.Event().wait()
        await self.kit.chat.send(message.channel_id, Post("done", reply_to=message.id))

    async def command(self, call):
        self.started += 1
        return "carried out"

def make(kit):
    return Probe(kit)
"""


@dataclass
class Home:
    """What a test moves and sees."""

    house: House
    chat: HandChat
    model: HandModel
    node: MemoryNode
    gate: SessionGate
    inbox: Inbox
    shelf: Shelf

    async def sink(self, phase: Phase) -> None:
        await self.node.deliver(
            "control.session.discord_voice", SessionState("discord_voice", phase, 1, 1), "s"
        )
        await asyncio.sleep(0)

    async def says(self, text: str, **more):
        message = self.chat.says(text, **more)
        self.house.offer(message)
        await asyncio.sleep(0)
        return message

    def answered(self) -> list[int]:
        return [posted.post.reply_to for posted in self.chat.posted]

    def log(self, event: str) -> list[dict[str, object]]:
        return [fields for _, what, fields in self.node.log.lines if what == event]


@pytest.fixture
def probes(tmp_path, monkeypatch):
    """Features that only count, as files of a second folder of the package, and their rows."""
    monkeypatch.setattr(feature_package, "__path__", [*feature_package.__path__, str(tmp_path)])
    monkeypatch.setattr(gate, "TICK_S", 0.005)
    monkeypatch.setattr(outbox, "PAUSE_S", 0)
    monkeypatch.setattr(catching_up, "RETRY_S", 0.01)

    def make(*actions: Action) -> tuple[Row, ...]:
        rows = []
        for action in actions:
            name = f"probe_{action.value}"
            (tmp_path / f"{name}.py").write_text(PROBE.format(name=name))
            said = "🎤 Not now!" if action is Action.BLOCKED else ""
            rows.append(Row(name, name, action, Running.CANCEL, said, is_marked=action is Action.BLOCKED))
        return tuple(rows)

    return make


@asynccontextmanager
async def living(tmp_path, rows, chat=None, model=None, **limits):
    node = MemoryNode("bot_main", ("control.session.",), FakeClock(wall_ms=WALL_MS))
    chat, model = chat or HandChat(), model or HandModel()
    shelf, closed = Shelf(node, DictDocuments()), SessionGate(node, rows=rows)
    node.fake_clock.advance_ms(2_000)
    sections = {TextSettings: TextSettings(), Personas: Personas()}
    kit = Kit(node, chat, closed, shelf, model, {}, sections)
    inbox = Inbox(node, chat, SqliteQueue(tmp_path / "queue.db"), limits.get("limit", 100), 50)
    await inbox.load()
    house = House(
        kit, inbox, lambda command: command, lambda message: message.text.startswith("!miku"), rows=rows
    )
    tasks = [asyncio.create_task(each()) for each in (closed.run, shelf.run, house.run)]
    await asyncio.sleep(0.01)
    try:
        yield Home(house, chat, model, node, closed, inbox, shelf)
        assert not tasks[2].done(), tasks[2].exception()
    finally:
        for task in reversed(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


TEXT = (row("text_chat"),)


async def test_a_ninth_feature_is_one_file_and_one_row(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED), *TEXT)) as home:
        await home.says("probe_blocked please")
        await until(lambda: home.chat.texts() == ["done"])
        await home.sink(Phase.ACTIVE)
        message = await home.says("probe_blocked please")
        await until(lambda: home.chat.reactions[message.id] == [MARK])
        assert home.chat.texts() == ["done", "🎤 Not now!"]
        await home.sink(Phase.IDLE)
        await home.says("probe_blocked please")
        await until(lambda: home.chat.texts()[-1] == "done")


@pytest.mark.parametrize("action", [Action.BLOCKED, Action.SILENT, Action.PAUSED])
async def test_of_200_attempts_while_closed_none_starts_and_all_do_afterwards(tmp_path, probes, action):
    async with living(tmp_path, (*probes(action), *TEXT)) as home:
        name = f"probe_{action.value}"
        probe = home.house.features[name]
        await home.sink(Phase.STARTING)
        people = [replace(ANNA, id=1_000 + n) for n in range(4)]
        for number in range(200):
            await home.says(f"{name} now", by=people[number % 4])
        await until(lambda: len(home.log("feature stands back")) == 200)
        await until(lambda: not home.house._asked)
        assert probe.started == 0
        said = 4 if action is Action.BLOCKED else 0
        assert home.chat.texts() == ["🎤 Not now!"] * said, "once for each of four people in a minute"
        await home.sink(Phase.IDLE)
        for _ in range(5):
            await home.says(f"{name} now")
        await until(lambda: probe.started == 5)


async def test_commands_of_closed_features_are_answered_and_not_carried_out(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED, Action.PAUSED), *TEXT)) as home:
        slash = Invoked(1, "x", {}, HOME, GENERAL, ANNA)
        blocked, paused = (Call(f"probe_{a}", "", HOME, GENERAL, 1, ANNA) for a in ("blocked", "paused"))
        assert await home.house.command(blocked) == "carried out"
        await home.sink(Phase.ACTIVE)
        assert await home.house.command(blocked) == "🎤 Not now!"
        assert await home.house.command(blocked) == "", "once in a minute"
        assert await home.house.command(replace(blocked, invoked=slash)) == "🎤 Not now!", (
            "a slash needs an answer"
        )
        assert "not while I'm talking" in await home.house.command(paused)
        assert home.house.features["probe_blocked"].started == 1
        assert home.house.features["probe_paused"].started == 0


async def test_where_notices_are_off_a_mark_is_all_that_is_seen(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED), *TEXT)) as home:
        home.shelf.put("guild", str(HOME), {"notices": {"value": False, "by": 1, "at_ms": 1}})
        await home.sink(Phase.ACTIVE)
        message = await home.says("probe_blocked please")
        await until(lambda: home.chat.reactions[message.id] == [MARK])
        typed = Call("probe_blocked", "", HOME, GENERAL, home.chat.says("!miku probe").id, ANNA)
        assert await home.house.command(typed) == ""
        assert home.chat.reactions[typed.message_id] == [MARK]
        clicked = replace(typed, invoked=Invoked(1, "x", {}, HOME, GENERAL, ANNA))
        assert await home.house.command(clicked) == "🎤 Not now!", "Discord wants an answer to a click"
        home.shelf.put("guild", str(HOME), None)
        await home.says("probe_blocked please")
        await until(lambda: home.chat.texts() == ["🎤 Not now!"])


async def test_work_that_a_session_cuts_off_is_explained_to_who_asked(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED), *TEXT)) as home:
        home.house.features["probe_blocked"].hangs = True
        await home.says("probe_blocked please")
        await until(lambda: home.house.features["probe_blocked"].started)
        await home.sink(Phase.STARTING)
        await until(lambda: home.chat.texts() == ["🎤 Not now!"])
        await until(lambda: home.node.applied() == {"s": 1})


async def test_what_is_silent_swallows_no_message_to_her(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.SILENT), *TEXT)) as home:
        probe = home.house.features["probe_silent"]
        await home.sink(Phase.ACTIVE)
        to_her = await home.says("probe_silent and you, Miku?", is_addressed=True)
        await home.says("probe_silent among ourselves")
        await until(lambda: len(home.log("feature stands back")) == 2)
        await until(lambda: home.chat.reactions[to_her.id] == [MARK])
        await home.sink(Phase.IDLE)
        await until(lambda: home.answered() == [to_her.id])
        assert probe.started == 0
        await home.says("probe_silent and you, Miku?", is_addressed=True)
        await until(lambda: probe.started == 1)


async def test_a_session_that_begins_just_then_swallows_none_either(tmp_path, probes, monkeypatch):
    async with living(tmp_path, (*probes(Action.SILENT), *TEXT)) as home:
        await home.sink(Phase.ACTIVE)
        seen_open, is_open = iter((True, True)), home.gate.is_open
        monkeypatch.setattr(home.gate, "is_open", lambda name: next(seen_open, False) or is_open(name))
        message = await home.says("probe_silent and you, Miku?", is_addressed=True)
        await until(lambda: home.chat.reactions[message.id] == [MARK])
        assert next(seen_open, None) is None, "it was offered while the gate was seen open"
        assert home.house.features["probe_silent"].started == 0


async def test_whoever_deletes_a_request_takes_it_back(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED), *TEXT)) as home:
        home.house.features["probe_blocked"].hangs = True
        gone, kept = [await home.says(f"probe_blocked {n}") for n in range(2)]
        await until(lambda: home.house.features["probe_blocked"].started == 2)
        home.chat.deletes(gone)
        home.house.deleted((gone.id,))
        await until(lambda: list(home.house._asked.values()) == [kept.id])


async def test_another_sentence_within_the_minute_is_told(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED), *TEXT)) as home:

        async def down(message):
            raise BackendError("drawing_unavailable", "by hand")

        home.house.features["probe_blocked"].take = down
        await home.sink(Phase.ACTIVE)
        await home.says("probe_blocked please")
        await until(lambda: home.chat.texts() == ["🎤 Not now!"])
        await home.sink(Phase.IDLE)
        for _ in range(2):
            await home.says("probe_blocked please")
        await until(lambda: home.chat.texts() == ["🎤 Not now!", sentence("drawing_unavailable")])


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
        await until(lambda: home.answered() == [waiting[0].id, fresh.id])


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
        await until(lambda: home.answered() == [message.id])


async def test_a_model_that_is_down_is_told_to_who_asked_and_seen_in_the_state(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        home.model.code = "llm_unreachable"
        await home.says("hello", is_addressed=True)
        await until(lambda: home.chat.texts() == [sentence("llm_unreachable")])
        assert home.house.state().features[0].code == "llm_unreachable"
        home.model.code = ""
        await home.says("hello", is_addressed=True)
        await until(lambda: home.chat.texts()[1:] == ["La la la!"])
        assert home.house.state().features[0].code == ""


async def test_missed_messages_are_fetched_once_and_commands_among_them_are_not_carried_out(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        home.house.online()
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        missed = home.chat.says("missed", is_addressed=True)
        home.chat.says("!miku join", is_addressed=True)
        home.chat.says("chatter")
        home.house.online()
        home.house.online()
        await until(lambda: home.answered() == [known.id, missed.id])
        home.house.online()
        last = await home.says("after", is_addressed=True)
        await until(lambda: home.answered() == [known.id, missed.id, last.id])


async def test_what_is_a_prompt_is_neither_missed_nor_answered_in_writing(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        spoken = home.chat.says("answered aloud", is_addressed=True)
        home.house.dealt_with(spoken)
        await until(lambda: home.inbox.queue.seen == {GENERAL: spoken.id})
        prompt, missed = [home.chat.says(text, is_addressed=True) for text in ("prompt", "missed")]
        home.chat.says("!miku join", is_addressed=True)
        offered = []

        def sift(message):
            offered.append(message.id)
            return None if message == prompt else message

        home.house.online(sift)
        await until(lambda: home.answered() == [known.id, missed.id])
        assert offered == [prompt.id, missed.id]
    assert SqliteQueue(tmp_path / "queue.db").load().seen[GENERAL] > missed.id


async def test_a_channel_never_seen_before_replays_nothing(tmp_path, probes):
    chat = HandChat()
    chat.says("long ago", is_addressed=True)
    async with living(tmp_path, TEXT, chat) as home:
        home.house.online()
        last = await home.says("now", is_addressed=True)
        await until(lambda: home.answered() == [last.id])


async def test_very_many_missed_messages_become_one_notice(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        for _ in range(60):
            home.chat.says("missed", is_addressed=True)
        home.house.online()
        await until(lambda: len(home.chat.posted) == 2)
        assert "60 messages" in home.chat.texts()[1]


async def test_a_missed_message_is_found_behind_much_chatter(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        for _ in range(catching_up.FETCHED + 1):
            home.chat.says("chatter")
        missed = home.chat.says("missed", is_addressed=True)
        home.house.online()
        await until(lambda: home.answered() == [known.id, missed.id])


async def test_a_chat_that_does_not_answer_is_asked_again(tmp_path, probes):
    async with living(tmp_path, TEXT) as home:
        known = await home.says("before", is_addressed=True)
        await until(lambda: home.answered() == [known.id])
        missed = home.chat.says("missed", is_addressed=True)
        home.chat.fails("history", times=3)
        home.house.online()
        await until(lambda: home.answered() == [known.id, missed.id])


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


def innocent(n: int) -> list[str]:
    chance = random.Random(4)
    starts = (
        "the drawer is",
        "I will withdraw",
        "see https://a.example/picture.png",
        "a drawing of mine is",
        "he drew",
        "what a vision",
        "the image of",
        "I love figurines and",
        "my schedule is",
        "argue about",
    )
    ends = ("stuck", "from the bank", "nice, isn't it?", "gone", "here", "very good today", "on the wall")
    return [f"{chance.choice(starts)} {chance.choice(ends)} {number}" for number in range(n)]


def test_500_innocent_sentences_meet_no_block():
    """What merely sounds like a wish goes to the text chat, which refuses nothing."""
    her = SimpleNamespace(_kit=SimpleNamespace(name="Miku"))
    asks = [partial(each.wants, her) for each in (drawing.Drawing, vision.Vision)]
    chat = HandChat()
    for text in innocent(500):
        message = chat.says(text, is_addressed=True)
        assert not any(wants(message) for wants in asks), text
    picture = Attachment(1, "a.png", "https://cdn.discordapp.com/a.png", "image/png", 10)
    assert [wants(chat.says("draw a cat", guild_id=DM)) for wants in asks] == [True, False]
    assert [wants(chat.says("look", guild_id=DM, attachments=(picture,))) for wants in asks] == [False, True]


def test_the_table_names_files_that_exist():
    for each in FEATURES:
        assert callable(import_module(f"procs.bot_main.features.{each.name}").make)
