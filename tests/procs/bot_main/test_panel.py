"""The panel beside what `test_front.py` shows of it."""

import pytest

from bus.messages import HouseState
from procs.bot_main.core.pages import PAGE_UNITS, units
from tests.procs.bot_main.evening import Evening

pytestmark = pytest.mark.unit


async def test_a_panel_with_too_much_to_show_shows_what_fits_in_a_message(evening: Evening):
    await evening.joins()
    cards = {f"http://127.0.0.1:{port}": "unloaded " + "m" * 300 for port in range(8_090, 8_100)}
    await evening.world.level("report.house", HouseState(gpu=cards))
    await evening.pass_ms(6_000)
    panel = next(one for one in evening.chat.posted if one.post.buttons)
    assert "http://127.0.0.1:8090" in panel.post.text
    assert units(panel.post.text) <= PAGE_UNITS
