import pytest

from bus.messages import Phase
from tests.procs.sink.core.session_model import Trial

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("first_seed", range(0, 300, 100))
def test_levels_lost_doubled_and_reordered_lead_where_the_model_says(first_seed):
    trials = [Trial(seed) for seed in range(first_seed, first_seed + 100)]
    for trial in trials:
        trial.run(40)
    assert {trial.session.phase for trial in trials} == {Phase.ACTIVE, Phase.IDLE}, "healed, both ways"
