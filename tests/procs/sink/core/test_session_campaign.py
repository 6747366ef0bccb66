import pytest

from bus.messages import Phase
from tests.procs.sink.core.session_model import Trial

pytestmark = [pytest.mark.unit, pytest.mark.campaign]


def test_ten_thousand_sequences_without_a_divergence():
    trials = [Trial(seed) for seed in range(1_000, 11_000)]
    for trial in trials:
        trial.run(40)
    assert {trial.session.phase for trial in trials} == {Phase.ACTIVE, Phase.IDLE}, "healed, both ways"
