"""A little of each campaign, with the same seed every time; the rest is `make campaign`."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from tests.campaign.campaign import Campaign
from tests.campaign.results import Result, Results
from tests.campaign.runner import Portion, Runner
from tests.campaign.table import CAMPAIGNS
from tests.campaign.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MINUTES = 0.03

RUNS: dict[str, tuple[int, ...]] = {
    "S6": (0, 3, 4, 5),
    "F1": (3,),
    "F2": (17,),
    "F4": (),
    "F6": (9,),
    "F7": (8,),
    "F10": (4,),
    "F14": (0, 3, 12),
    "F15": (5, 8),
    "F16": (3,),
    "F18": (0, 4),
    "F20": (0, 1, 2),
    "F21": (0, 1, 2, 3),
    "F23": (2,),
    "F29": (),
    "F36": (2,),
    "D1": (5,),
    "D2": (7,),
    "D3": (1,),
    "U3": (1,),
    "U21": (),
}
"""Which runs are played: those that are quick and have no like among the other tests; else the first.

F4, F29 and U21 take half a minute and more; their likes are `test_gate.py`, `test_blocked_attempts.py` and
`test_house_queue.py` in the room of bot_main, and `test_features.py` among the end-to-end tests.
"""


def _slices() -> Iterator[object]:
    for campaign in CAMPAIGNS:
        for index in RUNS.get(campaign.id, (0,)):
            yield pytest.param(campaign, index, id=f"{campaign.id}-{index}")


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Campaign, int], Result]]:
    results = Results(tmp_path_factory.mktemp("campaigns"), seed=1)
    with asyncio.Runner() as loop:
        world = World()
        runner = Runner(Portion(minutes=MINUTES), results, world, tell=lambda result: None)
        yield lambda campaign, index: loop.run(runner.play(campaign, index))
        loop.run(world.close())


@pytest.mark.parametrize(("campaign", "index"), list(_slices()))
def test_a_slice_of_each_campaign_passes(play, campaign, index):
    result = play(campaign, index)
    assert not result.error, result.error
