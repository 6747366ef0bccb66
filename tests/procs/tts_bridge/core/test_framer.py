import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.audio import FRAME_BYTES
from procs.tts_bridge.core.framer import Framer

pytestmark = pytest.mark.unit

SOUND = bytes(range(1, 252)) * 1200


@given(st.lists(st.integers(1, 100_000), max_size=6))
def test_samples_in_are_samples_out_plus_padding(sizes):
    framer, frames, at = Framer(), [], 0
    for size in sizes:
        frames += framer.push(SOUND[at : at + size])
        at += size
    sound = SOUND[:at]
    frames += framer.flush()
    joined = b"".join(frames)
    whole = sound[: len(sound) // 2 * 2]
    assert all(len(frame) == FRAME_BYTES for frame in frames)
    assert joined[: len(whole)] == whole
    assert joined[len(whole) :].strip(b"\0") == b""
    assert len(joined) - len(whole) < FRAME_BYTES


def test_a_frame_leaves_as_soon_as_it_is_full():
    framer = Framer()
    assert framer.push(SOUND[: FRAME_BYTES - 1]) == []
    assert framer.push(SOUND[FRAME_BYTES - 1 : FRAME_BYTES]) == [SOUND[:FRAME_BYTES]]


def test_a_rest_is_padded_once_and_then_gone():
    framer = Framer()
    framer.push(b"\x01\x02\x03")
    assert framer.flush() == [b"\x01\x02" + bytes(FRAME_BYTES - 2)]
    assert framer.flush() == []


def test_nothing_is_padded_where_nothing_is_left():
    framer = Framer()
    assert framer.push(SOUND[: 3 * FRAME_BYTES]) == [
        SOUND[at : at + FRAME_BYTES] for at in range(0, 3 * FRAME_BYTES, FRAME_BYTES)
    ]
    assert framer.flush() == []
