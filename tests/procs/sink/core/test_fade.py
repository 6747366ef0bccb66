import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.audio import FRAME_BYTES, FRAME_SAMPLES, SILENCE
from procs.sink.core.fade import CLICK, FADE_SAMPLES, join
from tests.procs.sink.sound import pcm

pytestmark = pytest.mark.unit

LOUDEST = st.integers(-32_768, 32_767)


def samples(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{FRAME_SAMPLES}h", data)


@given(LOUDEST, LOUDEST)
def test_a_join_leads_from_one_level_to_the_other_without_a_jump(before, after):
    heard = (before, *samples(join(pcm(before), pcm(after))))
    steepest = max(abs(a - b) for a, b in pairwise(heard))
    assert steepest < max(CLICK, abs(after - before) / FADE_SAMPLES + 1)
    assert set(heard[FADE_SAMPLES + 1 :]) == {after}


def test_a_join_that_does_not_click_is_left_as_it_is():
    quiet_end = pcm(9000)[:-2] + struct.pack("<h", CLICK - 1)
    assert join(quiet_end, SILENCE) == SILENCE
    assert join(pcm(CLICK), SILENCE) != SILENCE


def test_behind_the_fade_the_frame_is_untouched():
    joined = join(pcm(1000), bytes(range(256)) * 8)
    assert len(joined) == 2048
    assert joined[FADE_SAMPLES * 2 :] == (bytes(range(256)) * 8)[FADE_SAMPLES * 2 :]


def test_sound_falls_silent_and_rises_from_silence():
    falling, rising = samples(join(pcm(9000), SILENCE)), samples(join(b"", pcm(9000)))
    assert falling[0] == 9000
    assert rising[0] == 0
    assert list(falling) == sorted(falling, reverse=True)
    assert list(rising) == sorted(rising)
    assert falling[-1] == 0
    assert rising[-1] == 9000


def test_the_fade_mirrors_what_was_heard_and_reveals_nothing_new():
    ramp = struct.pack(f"<{FRAME_SAMPLES}h", *range(FRAME_SAMPLES))
    falling = samples(join(ramp, SILENCE))
    assert len(falling) * 2 == FRAME_BYTES
    assert falling[:3] == (
        FRAME_SAMPLES - 1,
        (FRAME_SAMPLES - 2) * 239 // 240,
        (FRAME_SAMPLES - 3) * 238 // 240,
    )
