import asyncio

import pytest

from bus.messages import (
    Mark,
    Phase,
    PlayoutState,
    ReplyState,
    SessionState,
    SpokenState,
    TurnEvent,
    TurnKind,
    TurnState,
)
from bus.testing import MemoryNode
from cli import speech
from cli.link import READS, Link
from cli.refusal import Refusal
from cli.speech import Outcome, TurnWatch, check
from tests.waiting import until

pytestmark = pytest.mark.unit

SESSION, TURN = "20261120-173000-a1b2", 1_000
TEXT = "Hello dear world."
MARKS = (Mark(0, 0, 5), Mark(400, 6, 10), Mark(700, 11, 17))


class Heard:
    """A turn that is being watched."""

    def __init__(self) -> None:
        self.node = MemoryNode("cli", READS)
        self.words: list[str] = []
        self.waits: list[str] = []
        self.watching: asyncio.Task[Outcome] | None = None

    async def begin(self) -> None:
        await self.session(Phase.ACTIVE)
        watch = TurnWatch(
            Link(self.node),
            SESSION,
            TURN,
            asyncio.get_running_loop().time(),
            self.words.append,
            self.waits.append,
        )
        self.watching = asyncio.create_task(watch.run())
        await until(lambda: len(self.waits) > 1)

    async def session(self, phase: Phase, reason: str = "") -> None:
        state = SessionState("discord_voice", phase, since_ms=1, revision=1, reason=reason)
        await self.node.deliver("control.session.discord_voice", state, SESSION)

    async def reply(self, text: str = TEXT, reason: str = "stop", turn: int = TURN) -> None:
        await self.node.deliver("report.reply", ReplyState(turn, text, True, reason), SESSION)
        await self.node.deliver("report.spoken", SpokenState(turn, 1_000, True, MARKS), SESSION)

    async def play(self, played_ms: int, *, finished: bool = False, turn: int = TURN) -> None:
        state = PlayoutState(
            turn, played_ms, 0, turn if finished else 0, recording="a.wav" if finished else ""
        )
        await self.node.deliver("report.playout.discord_voice", state, SESSION)

    async def event(self, kind: TurnKind, code: str = "") -> None:
        await self.node.deliver(
            "report.turn.llm_streamer", TurnEvent(kind, code=code), SESSION, TURN, src="llm_streamer"
        )

    async def outcome(self) -> Outcome:
        assert self.watching is not None
        return await asyncio.wait_for(self.watching, 5)

    @property
    def text(self) -> str:
        return "".join(self.words)


@pytest.fixture
async def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    monkeypatch.setattr(speech, "LOOK_S", 0.001)
    monkeypatch.setattr(speech, "LAST_WORDS_S", 0.01)
    heard = Heard()
    await heard.begin()
    return heard


async def test_words_appear_as_they_begin_to_sound(heard: Heard) -> None:
    await heard.reply()
    await heard.play(20)
    await until(lambda: heard.text == "Hello")
    await heard.play(500)
    await until(lambda: heard.text == "Hello dear")
    await heard.play(1_000, finished=True)
    outcome = await heard.outcome()
    assert heard.text == TEXT
    assert (outcome.code, outcome.cut, outcome.recording) == ("", False, "a.wav")
    assert outcome.first_sound_s is not None


async def test_another_turn_is_not_shown(heard: Heard) -> None:
    await heard.reply("Somebody else's reply.", turn=TURN - 1)
    await heard.play(5_000, turn=TURN - 1, finished=True)
    await asyncio.sleep(0.01)
    assert heard.text == ""
    await heard.reply()
    await heard.play(1_000, finished=True)
    await heard.outcome()
    assert heard.text == TEXT


async def test_what_was_not_heard_before_a_stop_is_not_shown(heard: Heard) -> None:
    await heard.reply()
    await heard.play(100)
    await until(lambda: heard.text == "Hello")
    await heard.node.deliver("control.turn", TurnState(floor=TURN + 1, active=0), SESSION)
    await heard.play(120, finished=True)
    outcome = await heard.outcome()
    assert outcome.cut
    assert heard.text == "Hello"


async def test_a_turn_that_died_before_its_first_sound_ends_too(heard: Heard) -> None:
    await heard.node.deliver("control.turn", TurnState(floor=TURN + 1, active=0), SESSION)
    outcome = await heard.outcome()
    assert (outcome.cut, outcome.code) == (True, "")


async def test_a_failed_model_is_named_even_if_its_milestone_was_lost(heard: Heard) -> None:
    await heard.reply("", reason="llm_unreachable")
    await heard.play(0, finished=True)
    outcome = await heard.outcome()
    assert outcome.code == "llm_unreachable"
    with pytest.raises(Refusal, match="does not answer"):
        check(outcome)


async def test_a_failed_stage_ends_the_wait_though_nothing_is_played(heard: Heard) -> None:
    await heard.event(TurnKind.FAILED, "tts_failed")
    assert (await heard.outcome()).code == "tts_failed"


async def test_a_lost_session_ends_the_wait(heard: Heard) -> None:
    await heard.session(Phase.STOPPING, reason="sink_failed")
    outcome = await heard.outcome()
    assert (outcome.code, outcome.cut) == ("sink_failed", False)


async def test_a_turn_that_stands_still_is_given_up(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "STILLNESS_S", 0.02)
    assert (await heard.outcome()).code == "turn_timeout"


async def test_milestones_give_times_before_any_level_does(heard: Heard) -> None:
    await heard.event(TurnKind.FIRST_TOKEN)
    await heard.event(TurnKind.FIRST_FRAME)
    n_waits = len(heard.waits)
    await asyncio.sleep(0.02)
    assert len(heard.waits) <= n_waits + 1, "nothing is waited for once it sounds"
    await heard.play(1_000, finished=True)
    assert (await heard.outcome()).timings().startswith("first text 0.")


@pytest.mark.parametrize(
    ("outcome", "was_silent"),
    [
        (Outcome(), True),
        (Outcome(first_sound_s=0.1), False),
        (Outcome(cut=True), False),
        (Outcome(code="llm_empty"), False),
    ],
)
def test_a_reply_without_anything_to_speak_is_named(outcome: Outcome, was_silent: bool) -> None:
    assert outcome.was_silent is was_silent
