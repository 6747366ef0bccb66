"""What the tests of bot_main share."""

from collections.abc import AsyncIterator

import pytest

from tests.procs.bot_main.evening import Evening, Evenings
from tests.procs.bot_main.world import Lives, World


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Lives:
    return Lives(monkeypatch)


@pytest.fixture
async def world(lives: Lives) -> AsyncIterator[World]:
    async with lives.begin() as world:
        yield world


@pytest.fixture
def evenings(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> Evenings:
    return Evenings(lives, monkeypatch)


@pytest.fixture
async def evening(evenings: Evenings) -> AsyncIterator[Evening]:
    async with evenings.begin() as evening:
        yield evening
