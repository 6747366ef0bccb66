"""The long form: every model-like reply cut at every possible point."""

import pytest

from tests.procs.tts_bridge.core.corpus.replies import reply
from tests.procs.tts_bridge.core.test_speakable import N_REPLIES, filtered

pytestmark = [pytest.mark.unit, pytest.mark.campaign]

SHARES = 20


@pytest.mark.parametrize("share", range(SHARES))
def test_every_reply_sounds_the_same_cut_at_every_possible_point(share):
    for seed in range(share, N_REPLIES, SHARES):
        raw = reply(seed).raw
        whole = filtered([raw])
        assert [i for i in range(len(raw)) if filtered([raw[:i], raw[i:]]) != whole] == [], raw
