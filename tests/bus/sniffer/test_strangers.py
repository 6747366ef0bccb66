"""Bodies of any shape, from a newer protocol or an enemy: every verb survives them and shows no content."""

import dataclasses
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.sniffer.screen import Screen
from bus.sniffer.taps import Tapped
from bus.sniffer.watch import Watch
from bus.topics import TOPICS
from tests.bus.sniffer.hearing import SESSION, TURN, PaperBus, verb_of

pytestmark = pytest.mark.unit

CANARY = "canary\x1b[2J"

FIELDS = sorted({f.name for row in TOPICS.values() for f in dataclasses.fields(row.message)} | {"newer"})

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6)
HEARD = st.lists(st.tuples(st.sampled_from([*TOPICS, "flow.newer"]), BODIES), min_size=1, max_size=8)


def stranger(bus: PaperBus, topic: str, body: dict[str, object]) -> Tapped:
    known = bus.token(0, "")
    header = dataclasses.replace(known.header, session=SESSION, turn=TURN)
    times = (known.received_mono_ns, known.received_wall_ns)
    return Tapped(
        topic, header, b"", 100, *times, plain={**body, "unknown": CANARY, "text": CANARY, "kind": CANARY}
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("echo",), ("echo", "--full"), ("echo", "--field", "text", "--field", "newer.0"), ("list",), ("hz",),
        ("turn", "--follow"), ("top",), ("watch-control",), ("record",), ("listen", "--show-content"),
    ],
    ids=" ".join,
)  # fmt: skip
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(heard=HEARD)
def test_every_verb_survives_bodies_of_any_shape_and_shows_no_content(arguments, heard, tmp_path_factory):
    bus, name = PaperBus(), arguments[0]
    file = [tmp_path_factory.mktemp("out") / "file"] if name in ("record", "listen") else []
    verb = verb_of(name, *file, *arguments[1:])
    watch, printed = Watch(verb, verb.options), io.StringIO()
    for as_json in (False, True):
        screen = Screen(as_json=as_json, stream=printed)
        for topic, body in heard:
            screen.show(watch.hear(stranger(bus, topic, body)))
        screen.show_report(watch.tick(bus.now_ns), repeats=True)
    screen.show(watch.end(bus.now_ns + 10**10).outputs)
    assert "canary" not in printed.getvalue()
    assert "\x1b" not in printed.getvalue()
