"""What the tests of bot_main share."""

from collections.abc import AsyncIterator

import pytest

import procs.bot_main.features as feature_package
from procs.bot_main import catching_up, gate, outbox
from procs.bot_main.core.gate import Action, Row, Running
from tests.procs.bot_main.evening import Evening, Evenings
from tests.procs.bot_main.home import PROBE
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


@pytest.fixture
def probes(tmp_path, monkeypatch):
    """Features that only count, as files of a second folder of the package, and their rows."""
    monkeypatch.setattr(feature_package, "__path__", [*feature_package.__path__, str(tmp_path)])
    monkeypatch.setattr(gate, "TICK_S", 0.005)
    monkeypatch.setattr(outbox, "PAUSE_S", 0)
    monkeypatch.setattr(catching_up, "RETRY_S", 0.01)

    def make(*actions: Action) -> tuple[Row, ...]:
        rows = []
        for action in actions:
            name = f"probe_{action.value}"
            (tmp_path / f"{name}.py").write_text(PROBE.format(name=name))
            said = "🎤 Not now!" if action is Action.BLOCKED else ""
            rows.append(Row(name, name, action, Running.CANCEL, said, is_marked=action is Action.BLOCKED))
        return tuple(rows)

    return make
