"""Features, gate and sink together: what starts, what is explained and what is taken back."""

import random
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import SimpleNamespace

import pytest

from bus.errors import BackendError, sentence
from bus.messages import Phase
from procs.bot_main.core.chat import DM, Attachment, Invoked
from procs.bot_main.core.gate import FEATURES, Action
from procs.bot_main.features import drawing, vision
from procs.bot_main.features.base import Call
from procs.bot_main.inbox import MARK
from procs.bot_main.standing_back import RESTS
from tests.procs.bot_main.hand_chat import ANNA, GENERAL, HOME, HandChat
from tests.procs.bot_main.home import TEXT, living
from tests.waiting import until

pytestmark = pytest.mark.unit


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


async def test_a_typed_command_is_marked_as_the_typed_wish_is(tmp_path, probes):
    async with living(tmp_path, (*probes(Action.BLOCKED, Action.PAUSED), *TEXT)) as home:
        await home.sink(Phase.ACTIVE)
        home.chat.fails("react")
        for name, said in (("blocked", "🎤 Not now!"), ("blocked", ""), ("paused", RESTS), ("blocked", "")):
            typed = home.chat.says("!miku probe")
            call = Call(f"probe_{name}", "", HOME, GENERAL, typed.id, ANNA)
            assert await home.house.command(call) == said.format(title="probe_paused")
        assert list(home.chat.reactions.values()) == [[MARK], [MARK]], "a failed one, and a paused one"


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
        assert home.chat.texts() == ["🎤 Not now!"], "once"


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
        assert home.chat.texts() == [], "nothing is explained to who took it back"


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
        await until(lambda: sentence("drawing_unavailable") in home.chat.texts())
        assert home.chat.texts() == ["🎤 Not now!", sentence("drawing_unavailable")]


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
