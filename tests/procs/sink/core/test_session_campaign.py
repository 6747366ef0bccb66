import pytest

from tests.procs.sink.core.session_model import Trial

pytestmark = [pytest.mark.unit, pytest.mark.campaign]


def test_ten_thousand_sequences_without_a_divergence():
    for seed in range(1_000, 11_000):
        Trial(seed).run(40)
