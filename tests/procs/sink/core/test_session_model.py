import pytest

from tests.procs.sink.core.session_model import Trial

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("first_seed", range(0, 300, 100))
def test_levels_lost_doubled_and_reordered_lead_where_the_model_says(first_seed):
    for seed in range(first_seed, first_seed + 100):
        Trial(seed).run(40)
