"""A kill at every boundary of the queue's path, one after the other, and a slice of the random ones."""

import pytest

from tests.procs.bot_main.crashes import Crashes, play
from tests.procs.bot_main.hand_chat import ANNA, GENERAL

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_kill_at_each_boundary_loses_and_doubles_nothing(tmp_path, monkeypatch, forgets):
    for boundary in range(1, 100):
        folder = tmp_path / str(boundary)
        run = Crashes(folder, monkeypatch)
        message = run.chat.says("hello", ANNA, GENERAL, is_addressed=True)
        ended = await run.life([message], boundary)
        if forgets:
            run.chat.forget_nonces()
        assert await run.life([] if message.id in run.promised else [message], 0)
        run.check()
        if ended:
            break
    assert 12 < boundary < 99


@pytest.mark.parametrize("seed", range(10))
async def test_any_number_of_kills(tmp_path, monkeypatch, seed):
    await play(tmp_path, monkeypatch, seed)
