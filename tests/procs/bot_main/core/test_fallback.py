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


def test_a_prompt_without_any_answer_is_not_passed_over():
    assert Fallback().texts(ended("sink_failed", ""))[-1] == UNANSWERED


@pytest.mark.parametrize(
    ("code", "texts"), [("voice_lost", [ANSWER]), ("voice_kicked", []), ("voice_channel_gone", [])]
)
def test_at_the_end_of_a_session_the_answer_is_kept_unless_she_was_put_out(code: str, texts: list[str]):
    assert Fallback().texts(ended(code), is_over=True) == texts


def test_what_was_stopped_is_not_written():
    cut = Ended(1, Outcome(TurnKind.CUT), text="It is late.")
    assert Fallback().texts(cut) == []


def test_an_answer_in_which_nothing_can_be_spoken_is_written():
    silent = replace(ended(text="🙂 <https://example.org>"), was_heard=False)
    assert Fallback().texts(silent) == ["💬 (Nothing in it can be spoken): 🙂 <https://example.org>"]
    assert Fallback().texts(replace(silent, text=" ")) == []
