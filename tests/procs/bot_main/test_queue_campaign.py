"""1,200 runs of lives that end anywhere."""

import pytest

from tests.procs.bot_main.crashes import play

pytestmark = pytest.mark.campaign

RUNS = 1_200


async def test_kills_at_random_boundaries(tmp_path, monkeypatch):
    n_kills = 0
    for seed in range(1_000, 1_000 + RUNS):
        n_kills += await play(tmp_path / str(seed), monkeypatch, seed)
    assert n_kills > RUNS
