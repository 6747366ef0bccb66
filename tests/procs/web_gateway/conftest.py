import pytest

from tests.procs.web_gateway.house import House, running


@pytest.fixture
async def house(tmp_path):
    async with running(House(tmp_path)) as house:
        yield house
