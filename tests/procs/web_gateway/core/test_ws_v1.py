import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.web_gateway.core.chat import ChatProtocol
from procs.web_gateway.core.dialect import Chat
from procs.web_gateway.core.intake import State
from procs.web_gateway.core.steps import Acknowledge, Ask, Cancel, Close, Fault, Sound, Start, Stop
from procs.web_gateway.core.ws_v1 import MESSAGES, V1Protocol, filled

pytestmark = pytest.mark.unit


def protocol(*, is_known=True):
    return V1Protocol(lambda key, token: "" if key == "key" else "auth.required", is_known=is_known)


def feed(machine, kind, now_ms=0, **fields):
    return machine.take_text(json.dumps({"type": kind, **fields}), now_ms)


def active():
    machine = protocol()
    feed(machine, "hello", version="v1")
    feed(machine, "session.start")
    machine.started()
    return machine


def test_the_order_of_a_session():
    machine = protocol()
    assert feed(machine, "hello", version="v1", last_seq=3) == [Acknowledge(last_seq=3)]
    assert feed(machine, "session.start", metadata={"output": {"mode": "text"}}) == [Start(is_text=True)]
    assert machine.state is State.STARTING
    machine.started()
    assert feed(machine, "input.text", text="Hi", id="a") == [Ask("Hi", "a")]
    assert feed(machine, "response.cancel", graceful=True) == [Cancel(graceful=True)]
    assert machine.take_sound(1_280, 0) == [Sound(2)]
    assert feed(machine, "session.stop") == [Stop("client_requested")]
    assert feed(machine, "input.text", text="Hi") == []


SOUND = {
    "hello": {"version": "v1"},
    "input.text": {"text": "Hi"},
    "output.audio.played": {"turn_id": 1, "position_ms": 0},
}
"""What a message of each type must have to be sound."""


def in_state(state):
    machine = protocol()
    steps = {
        State.WAIT_START: lambda: feed(machine, "hello", version="v1"),
        State.STARTING: lambda: feed(machine, "session.start"),
        State.ACTIVE: machine.started,
    }
    for reached, step in steps.items():
        if machine.state is not state:
            step()
            assert machine.state is reached
    return machine


@pytest.mark.parametrize("state", [s for s in State if s is not State.STOPPED])
@pytest.mark.parametrize("kind", MESSAGES)
def test_each_message_in_each_state_is_understood_or_out_of_order_and_changes_nothing(kind, state):
    machine = in_state(state)
    steps = feed(machine, kind, **SOUND.get(kind, {}))
    faults = [step.code for step in steps if isinstance(step, Fault)]
    if state in MESSAGES[kind].states:
        assert faults == []
    else:
        assert faults == ["protocol.order"]
        assert len(steps) == 1
        assert machine.state is state


@pytest.mark.parametrize("state", [State.WAIT_HELLO, State.WAIT_START, State.STARTING])
def test_sound_before_the_session_is_out_of_order(state):
    machine = in_state(state)
    assert [step.code for step in machine.take_sound(640, 0)] == ["protocol.order"]
    assert machine.state is state


def test_a_refused_start_may_be_tried_again():
    machine = protocol()
    feed(machine, "hello", version="v1")
    feed(machine, "session.start")
    machine.refused()
    assert feed(machine, "session.start") == [Start()]


def test_a_credential_in_hello_is_asked_for_where_none_came_before():
    for auth, code in (({"apiKey": "key"}, ""), ({"apiKey": "no"}, "auth.required"), ({}, "auth.required")):
        steps = feed(protocol(is_known=False), "hello", version="v1", auth=auth)
        if code:
            assert isinstance(steps[0], Fault)
            assert (steps[0].code, steps[0].sender, steps[1]) == (code, "auth", Close(1008))
        else:
            assert steps == [Acknowledge()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["version", "auth", "audio", "metadata", "text", "graceful", "turn_id", "ts", "x"])
WORDS = st.dictionaries(NAMES, JSON, max_size=4)
INPUT = st.one_of(
    st.text(),
    st.binary(max_size=3_000),
    st.builds(lambda k, f: json.dumps({**f, "type": k}), st.sampled_from([*MESSAGES, "dance"]), WORDS),
)


@given(st.lists(INPUT, max_size=30), st.booleans())
def test_nothing_that_comes_in_breaks_the_machine(inputs, is_chat):
    machines = (protocol(), active(), ChatProtocol(Chat()))
    for machine in machines:
        for now_ms, raw in enumerate(inputs):
            was_stopped = machine.state is State.STOPPED
            if isinstance(raw, bytes):
                steps = machine.take_sound(len(raw), now_ms)
            else:
                steps = machine.take_text(raw, now_ms)
            assert not (was_stopped and steps)
            assert all(step.message for step in steps if isinstance(step, Fault))


@given(st.text(max_size=50), st.dictionaries(st.text("ab{}", min_size=1, max_size=3), st.text(max_size=5)))
def test_filling_a_template_is_done_once(template, variables):
    text = filled(template, {"a": "{{b}}", "b": "x", **variables})
    assert filled("{{a}}", {"a": "{{b}}", "b": "x"}) == "{{b}}"
    assert isinstance(text, str)
