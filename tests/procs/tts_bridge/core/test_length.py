"""How long a reply is spoken, and where a voice that is sent all text can be stopped."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_bridge.core.length import GRACE_MS, is_spent
from procs.tts_bridge.core.speakable import Spoken
from procs.tts_bridge.core.straight import Straight

pytestmark = pytest.mark.unit

REPLY = "Dr. Ann lives here. She has 3.5 cats, and a dog! So it goes"


@pytest.mark.parametrize(
    ("made_ms", "limit_ms", "ends_sentence", "expected"),
    [
        (999_999, 0, True, False),
        (4_999, 5_000, True, False),
        (5_000, 5_000, True, True),
        (5_000, 5_000, False, False),
        (5_000 + GRACE_MS, 5_000, False, True),
    ],
)
def test_speech_ends_with_the_sentence_that_reaches_the_limit(made_ms, limit_ms, ends_sentence, expected):
    assert is_spent(made_ms, limit_ms, ends_sentence=ends_sentence) is expected


@given(st.lists(st.integers(0, len(REPLY)), max_size=8))
def test_a_straight_voice_gets_all_text_at_once_with_the_sentence_ends_known_by_then(cuts: list[int]):
    edges = [0, *sorted(cuts), len(REPLY)]
    straight, handed = Straight(), ""
    for begin, end in pairwise(edges):
        for piece in straight.feed(Spoken(REPLY[begin:end], tuple(range(begin, end))), 0):
            handed += piece.text
            assert "".join(REPLY[offset] for offset in piece.offsets) == piece.text
            if piece.ends_sentence:
                assert handed.rstrip()[-1] in ".!"
                assert not handed.endswith(("Dr.", "3."))
        assert handed == REPLY[:end]


def test_whole_text_is_parted_behind_each_sentence():
    parts = Straight().feed(Spoken(REPLY, tuple(range(len(REPLY)))), 0)
    assert [part.text for part in parts if part.ends_sentence] == [
        "Dr. Ann lives here.",
        " She has 3.5 cats, and a dog!",
    ]
