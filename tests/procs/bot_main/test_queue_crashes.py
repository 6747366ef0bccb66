"""A kill at every boundary of the queue's path, one after the other, and a slice of the random ones."""

import pytest

from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.core.queue import OLD_MS
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


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_kill_at_each_boundary_doubles_no_digest_and_no_notice(tmp_path, monkeypatch, forgets):
    for boundary in range(1, 100):
        run = Crashes(tmp_path / str(boundary), monkeypatch)
        run.node.fake_clock.advance_ms(OLD_MS + 60_000)
        old, dropped = told_of(run, "Ada", "Bob", "Cem"), told_of(run, "Dan", "Eva", "Fay")
        ended = await run.life(old[:2], boundary, dropped[:2])
        if forgets:
            run.chat.forget_nonces()
        left = [[each for each in messages if each.id not in run.promised] for messages in (old, dropped)]
        assert await run.life(left[0], 0, left[1])
        run.check_told(old + dropped)
        if ended:
            break
    assert 12 < boundary < 99


def told_of(run: Crashes, *names: str) -> list[Incoming]:
    return [run.chat.says("hello", Person(200 + n, name)) for n, name in enumerate(names)]


@pytest.mark.parametrize("seed", range(10))
async def test_any_number_of_kills(tmp_path, monkeypatch, seed):
    await play(tmp_path, monkeypatch, seed)
