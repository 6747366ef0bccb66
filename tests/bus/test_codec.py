import dataclasses
import random
from pathlib import Path

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import codec
from bus.errors import BadMessage, DecodeError
from bus.messages import AudioFrame, Health, NodeState, Prompt, SpokenState, Token, TurnEvent, TurnState
from bus.topics import AUDIO_LIMIT_BYTES, TOPICS
from tests.bus.samples import SAMPLES

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden"
LIMIT = 64 * 1024


def name(message: object) -> str:
    return type(message).__name__


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_a_message_survives_the_wire(sample):
    assert codec.decode(codec.encode(sample), type(sample), LIMIT) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_the_bytes_of_version_1_never_change(sample):
    golden = (GOLDEN / f"{name(sample)}.bin").read_bytes()
    assert codec.encode(sample) == golden
    assert codec.decode(golden, type(sample), LIMIT) == sample


def test_every_message_of_the_list_has_a_sample():
    assert {row.message for row in TOPICS.values()} <= {type(sample) for sample in SAMPLES}


@pytest.mark.parametrize("sample", SAMPLES, ids=name)
def test_a_reader_ignores_fields_it_does_not_know(sample):
    fields = msgpack.unpackb(codec.encode(sample))
    body = msgpack.packb({**fields, "from_the_future": [1, {"a": 2}]})
    assert codec.decode(body, type(sample), LIMIT) == sample


def test_a_missing_field_takes_its_default():
    assert codec.decode(msgpack.packb({"index": 1, "text": "a"}), Token, LIMIT) == Token(1, "a")


def test_a_missing_field_without_default_is_refused():
    with pytest.raises(DecodeError, match="text"):
        codec.decode(msgpack.packb({"index": 1}), Token, LIMIT)


WRONG = [
    ("text for a number", TurnState, {"floor": "1", "active": 0}),
    ("a float for a number", TurnState, {"floor": 1.0, "active": 0}),
    ("true for a number", TurnState, {"floor": True, "active": 0}),
    ("nil for a number", TurnState, {"floor": None, "active": 0}),
    ("bytes for text", Token, {"index": 0, "text": b"a"}),
    ("a number for a flag", Token, {"index": 0, "text": "", "final": 1}),
    ("text for bytes", AudioFrame, {"index": 0, "sentence": 0, "pcm": "x"}),
    ("a short frame", AudioFrame, {"index": 0, "sentence": 0, "pcm": bytes(1919)}),
    ("float32 mono, as long as int16 stereo", AudioFrame, {"index": 0, "sentence": 0, "pcm": bytes(3840)}),
    ("an empty frame that is not final", AudioFrame, {"index": 0, "sentence": 0, "pcm": b""}),
    ("an unknown state", Health, {"state": "splendid", "pid": 1}),
    ("a map for text", Health, {"state": {}, "pid": 1}),
    ("a list for a map", Health, {"state": "ready", "pid": 1, "applied": []}),
    ("a number as a key", Health, {"state": "ready", "pid": 1, "applied": {1: 1}}),
    ("a number in a list of messages", Prompt, {"messages": [1]}),
    ("a map for a list", SpokenState, {"turn": 1, "duration_ms": 1, "complete": True, "marks": {}}),
    ("not a number", TurnEvent, {"kind": "done", "elapsed_ms": float("nan")}),
    ("infinity", TurnEvent, {"kind": "done", "elapsed_ms": float("inf")}),
    ("a list", TurnState, [1, 2]),
]


@pytest.mark.parametrize(("message", "fields"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_types_are_refused(message, fields):
    with pytest.raises(DecodeError):
        codec.decode(msgpack.packb(fields), message, LIMIT)


HOSTILE = {
    "claims four billion elements": b"\xdd\xff\xff\xff\xff",
    "claims a map of four billion": b"\xdf\xff\xff\xff\xff",
    "claims four gigabytes": b"\xc6\xff\xff\xff\xff",
    "nested 1,000 deep": b"\x91" * 1000 + b"\xc0",
    "nested 9 deep": msgpack.packb([[[[[[[[[1]]]]]]]]]),
    "duplicate keys": b"\x82\xa1a\x01\xa1a\x02",
    "keys that are no text": msgpack.packb({b"mood": 1}),
    "numbers as keys": msgpack.packb({1: 2}),
    "an extension type": msgpack.packb(msgpack.ExtType(5, b"cos\nsystem\n")),
    "a timestamp": msgpack.packb(msgpack.Timestamp(1)),
    "text that is not UTF-8": b"\xa2\xff\xfe",
    "cut short": b"\x92\x01",
    "two values": b"\x01\x02",
    "nothing": b"",
    "an unhashable key": b"\x81\x90\x01",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_are_refused(body):
    with pytest.raises(DecodeError):
        codec.decode_any(body, LIMIT)


def test_a_body_beyond_its_limit_is_refused_before_it_is_read():
    with pytest.raises(DecodeError, match="limit"):
        codec.decode_any(bytes(AUDIO_LIMIT_BYTES + 1), AUDIO_LIMIT_BYTES)


def test_only_declared_kinds_of_fields_travel():
    @dataclasses.dataclass
    class Odd:
        when: complex

    with pytest.raises(BadMessage):
        codec.decode(b"\x81\xa4when\x01", Odd, LIMIT)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(body):
    for message in (Health, AudioFrame, Prompt):
        with pytest.raises(DecodeError):
            codec.decode(body, message, LIMIT)


FIELDS = {
    "state": st.sampled_from([*NodeState, "asleep"]),
    "pid": st.integers(-(2**63), 2**64 - 1),
    "detail": st.text() | st.binary(),
    "applied": st.dictionaries(st.text(), st.integers(0, 9) | st.none()),
    "unheard of": st.lists(st.none()),
}


@given(st.fixed_dictionaries({}, optional=FIELDS))
def test_well_formed_maps_are_refused_or_become_a_message_that_travels_on(fields):
    try:
        health = codec.decode(msgpack.packb(fields), Health, LIMIT)
    except DecodeError:
        return
    assert codec.decode(codec.encode(health), Health, LIMIT) == health
    assert isinstance(health.detail, str)
    assert all(isinstance(floor, int) for floor in health.applied.values())
    assert all(getattr(health, key) == value for key, value in fields.items() if key != "unheard of")


def mutated(rng: random.Random, body: bytes) -> bytes:
    """The body with a few bytes changed, removed, doubled or cut."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(4):
            case 0 if data:
                data[at] = rng.randrange(256)
            case 1 if data:
                del data[at]
            case 2:
                data[at:at] = data[at : at + rng.randint(1, 8)]
            case _:
                del data[at:]
    return bytes(data)


def decode_mutations(seed: int, n_frames: int) -> tuple[int, int]:
    """Feed mutated samples to every decoder; returns (accepted, refused). Anything else raises."""
    rng = random.Random(seed)
    bodies = [(codec.encode(sample), type(sample)) for sample in SAMPLES]
    accepted = refused = 0
    for _ in range(n_frames):
        body, message = rng.choice(bodies)
        try:
            codec.decode(mutated(rng, body), message, AUDIO_LIMIT_BYTES)
            accepted += 1
        except DecodeError:
            refused += 1
    return accepted, refused


def test_mutated_messages_are_accepted_or_refused_and_nothing_else():
    accepted, refused = decode_mutations(seed=1, n_frames=20_000)
    assert accepted + refused == 20_000
    assert refused > accepted > 0


def test_every_state_of_a_node_travels_as_its_text():
    assert msgpack.unpackb(codec.encode(Health(NodeState.LOADING, 1)))["state"] == "loading"
