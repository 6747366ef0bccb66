"""Requests are allowed, refused by name, or left for their repetition; each has one answer for good."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import CODES
from bus.messages import Request, RequestAnswer, RequestKind
from procs.bot_main.core.requests import ANSWERS_KEPT, REFUSALS, Answers, Situation, Step, Verdict, judge

pytestmark = pytest.mark.unit

QUIET = Situation(is_sink=True, is_wanted=False, n_wanted=0, n_leaving=0, max_sessions=1, degraded={})
IN_SESSION = dataclasses.replace(QUIET, is_wanted=True, n_wanted=1)
ACT = Verdict(Step.ACT)


def request(kind: RequestKind, text: str = "hello") -> Request:
    return Request("id", kind, text=text)


def refused(code: str) -> Verdict:
    return Verdict(Step.REFUSE, code)


def test_a_join_into_an_empty_place_is_allowed():
    assert judge(request(RequestKind.JOIN), QUIET) == ACT


def test_a_join_where_she_is_already_is_allowed_too():
    assert judge(request(RequestKind.JOIN), IN_SESSION) == ACT


def test_a_join_elsewhere_is_refused_when_all_places_are_taken():
    elsewhere = dataclasses.replace(QUIET, n_wanted=1)
    assert judge(request(RequestKind.JOIN), elsewhere) == refused("session_active")
    roomy = dataclasses.replace(elsewhere, max_sessions=2)
    assert judge(request(RequestKind.JOIN), roomy) == ACT


def test_a_join_waits_for_a_session_that_is_leaving():
    leaving = dataclasses.replace(QUIET, n_leaving=1)
    assert judge(request(RequestKind.JOIN), leaving) == Verdict(Step.LATER)


@pytest.mark.parametrize("kind", [RequestKind.LEAVE, RequestKind.PROMPT, RequestKind.SPEAK, RequestKind.STOP])
def test_without_a_session_there_is_nothing_to_do(kind: RequestKind):
    assert judge(request(kind), QUIET) == refused("session_none")
    assert judge(request(kind), IN_SESSION) == ACT


@pytest.mark.parametrize("kind", list(RequestKind))
def test_a_place_that_is_none_is_a_bad_request(kind: RequestKind):
    nowhere = dataclasses.replace(IN_SESSION, is_sink=False)
    assert judge(request(kind), nowhere) == refused("bad_request")


@pytest.mark.parametrize("kind", [RequestKind.PROMPT, RequestKind.SPEAK])
def test_nothing_can_not_be_said(kind: RequestKind):
    assert judge(request(kind, text=" \n"), IN_SESSION) == refused("bad_request")


def test_a_prompt_is_refused_at_once_with_the_reason_why_the_model_is_missing():
    broken = dataclasses.replace(IN_SESSION, degraded={"llm_streamer": "llm_unreachable"})
    assert judge(request(RequestKind.PROMPT), broken) == refused("llm_unreachable")
    assert judge(request(RequestKind.SPEAK), broken) == ACT


def test_a_text_to_read_out_needs_a_voice_and_a_prompt_does_not():
    mute = dataclasses.replace(IN_SESSION, degraded={"tts_bridge": "tts_unreachable"})
    assert judge(request(RequestKind.SPEAK), mute) == refused("tts_unreachable")
    assert judge(request(RequestKind.PROMPT), mute) == ACT


def test_every_refusal_has_words_for_the_user():
    assert {code for _, _, code in REFUSALS} <= CODES.keys()


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans()), max_size=60))
def test_a_request_has_one_answer_however_often_and_in_whatever_order_it_comes(arrivals):
    answers, given_first = Answers(), {}
    for name, accepted in arrivals:
        if answers.get(name) is None:
            given_first[name] = RequestAnswer(name, accepted)
        answers.keep(RequestAnswer(name, accepted))
        assert answers.get(name) == given_first[name]


def test_the_oldest_answers_are_forgotten():
    answers = Answers()
    for n in range(ANSWERS_KEPT + 1):
        answers.keep(RequestAnswer(str(n), True))
    assert answers.get("0") is None
    assert answers.get("1") is not None
    assert answers.get(str(ANSWERS_KEPT)) is not None
