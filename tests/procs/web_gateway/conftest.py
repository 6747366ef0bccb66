import pytest

from procs.web_gateway.backends import visit
from tests.procs.web_gateway.house import House, running


@pytest.fixture(autouse=True)
def _life_is_looked_at_often(monkeypatch):
    """Tests set the clock forward; nobody should have to wait until somebody looks at it."""
    monkeypatch.setattr(visit, "TICK_S", 0.02)


@pytest.fixture
async def house(tmp_path):
    async with running(House(tmp_path)) as house:
        yield house
