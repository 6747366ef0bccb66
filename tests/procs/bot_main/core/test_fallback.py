"""What is written when something could not be said."""

from dataclasses import replace

import pytest

from bus.errors import sentence
from bus.messages import TurnKind
from procs.bot_main.core.fallback import CONFUSED, RESTORED, UNANSWERED, Fallback
from procs.bot_main.core.record import Ended
from procs.bot_main.core.running import Asked, Outcome

pytestmark = pytest.mark.unit

ANSWER = "⚠️ (Voice failed, text mode): It is late."


def ended(code: str = "", text: str = "It is late.", *, model: bool = False) -> Ended:
    outcome = Outcome(TurnKind.FAILED, code) if code else Outcome(TurnKind.DONE)
    return Ended(1, outcome, asked=Asked(1), text=text, received=text, is_model_at_fault=model)


def test_one_notice_per_outage_and_one_line_when_it_is_over():
    fallback = Fallback()
    first = fallback.texts(ended("tts_failed"))
    assert sentence("tts_failed") in first[0]
    assert first[1] == ANSWER
    assert fallback.texts(ended("tts_failed")) == [ANSWER]
    assert len(fallback.texts(ended("voice_udp_blocked"))) == 2
    assert fallback.texts(ended()) == [RESTORED]
    assert fallback.texts(ended()) == []
    assert len(fallback.texts(ended("tts_failed"))) == 2


def test_a_model_that_fails_is_no_outage_of_the_voice():
    fallback = Fallback()
    assert fallback.texts(ended("llm_timeout", "", model=True)) == [f"{CONFUSED}\n{sentence('llm_timeout')}"]
    assert fallback.texts(ended()) == []


def test_a_prompt_without_any_answer_is_not_passed_over_and_promised_nothing():
    fallback = Fallback()
    for _ in range(2):
        assert fallback.texts(ended("sink_failed", "")) == [f"⚠️ {sentence('sink_failed')}", UNANSWERED]
    assert "Until then I write" in fallback.texts(ended("sink_failed"))[0]


def test_of_what_is_answered_later_nothing_is_said_now():
    owed = replace(ended("sink_failed", "It i"), is_owed=True)
    assert Fallback().texts(owed) == []
    assert Fallback().texts(owed, is_over=True) == []


@pytest.mark.parametrize(
    ("code", "was_heard", "texts"),
    [
        ("voice_lost", True, [ANSWER]),
        ("voice_kicked", True, []),
        ("voice_channel_gone", True, []),
        ("voice_kicked", False, [ANSWER]),
    ],
)
def test_at_the_end_of_a_session_the_answer_is_kept_unless_she_was_put_out_speaking_it(
    code: str, was_heard: bool, texts: list[str]
):
    assert Fallback().texts(replace(ended(code), was_heard=was_heard), is_over=True) == texts


def test_prompts_that_an_end_leaves_over_are_counted_once():
    fallback = Fallback()
    assert fallback.left_over() == []
    waited = Ended(1, Outcome(TurnKind.CUT), asked=Asked(1, person=7), was_heard=False)
    heard, of_the_bus = replace(waited, was_heard=True), replace(waited, asked=Asked(1))
    for each in (waited, heard, of_the_bus):
        assert fallback.texts(each, is_over=True) == []
    assert fallback.left_over() == ["⚠️ 1 prompt is without an answer. Ask me again."]
    assert fallback.left_over() == []
    for code in ("voice_lost", "voice_kicked"):
        assert fallback.texts(replace(waited, outcome=Outcome(TurnKind.FAILED, code)), is_over=True) == []
    assert fallback.left_over() == ["⚠️ 2 prompts are without an answer. Ask me again."]


def test_a_mute_is_told_once_and_a_voice_that_nobody_may_hear_is_not_back():
    fallback = Fallback()
    assert len(fallback.silenced("voice_muted")) == 1
    assert fallback.silenced("voice_muted") == []
    assert fallback.texts(ended("voice_muted")) == [ANSWER], "what is wrong was told"
    assert fallback.texts(ended()) == [], "played to nobody"
    assert fallback.silenced("") == [RESTORED]
    assert fallback.silenced("") == []


def test_another_outage_outlasts_a_mute():
    fallback = Fallback()
    fallback.silenced("voice_muted")
    assert len(fallback.texts(ended("tts_failed"))) == 2
    assert fallback.silenced("") == []
    assert fallback.texts(ended()) == [RESTORED]


def test_what_was_stopped_is_not_written():
    cut = Ended(1, Outcome(TurnKind.CUT), text="It is late.")
    assert Fallback().texts(cut) == []


def test_an_answer_in_which_nothing_can_be_spoken_is_written():
    silent = replace(ended(text="🙂 <https://example.org>"), was_heard=False)
    assert Fallback().texts(silent) == ["💬 (Nothing in it can be spoken): 🙂 <https://example.org>"]
    assert Fallback().texts(replace(silent, text=" ")) == []
