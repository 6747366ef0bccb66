"""The panel beside what `test_front.py` shows of it."""

import pytest

from bus.messages import HouseState, Phase
from procs.bot_main.core.chat import Person, Post
from procs.bot_main.core.pages import PAGE_UNITS, units
from procs.bot_main.core.status import NONE
from tests.procs.bot_main.evening import Evening
from tests.procs.bot_main.hand_chat import ANNA, BERT, LOUNGE, Posted

pytestmark = pytest.mark.unit


def panels(evening: Evening) -> list[Posted]:
    """All that were ever posted."""
    return [one for one in evening.chat.posted if one.post.buttons]


async def clicks(evening: Evening, label: str, who: Person = ANNA) -> list[Post]:
    """Somebody clicks a button of the newest panel."""
    button = next(one for one in panels(evening)[-1].post.buttons if one.label == label)
    clicked = evening.chat.invokes(button.command, who, **button.arguments)
    await evening.settle()
    return evening.chat.answers(clicked)


async def changes(evening: Evening, text: str) -> None:
    """Something happens that the panel shows, and it is time for it."""
    await evening.says(text)
    await evening.pass_ms(6_000)


async def ends(evening: Evening) -> None:
    await evening.says("!miku leave")
    await evening.world.sink(evening.session, Phase.IDLE)
    await evening.pass_ms(1_000)


async def test_queue_and_help_are_answered_to_who_clicks_alone(evening: Evening):
    await evening.joins()
    await evening.pass_ms(6_000)
    (queue,) = await clicks(evening, "Queue")
    (help_text,) = await clicks(evening, "Help", BERT)
    assert (queue.is_hidden, help_text.is_hidden) == (True, True)
    assert "2 of your messages wait." in queue.text
    assert "`!miku join [channel]`" in help_text.text


async def test_a_closed_panel_calls_her_to_who_clicks(evening: Evening):
    await evening.joins()
    await evening.pass_ms(6_000)
    await ends(evening)
    assert [post.text for post in await clicks(evening, "Join me", BERT)] == [
        "❌ You must be in a voice channel!"
    ]
    evening.chat.enters(BERT, LOUNGE)
    await clicks(evening, "Join me", BERT)
    assert (evening.intent.voice_channel_id, evening.intent.requested_by) == (LOUNGE, str(BERT.id))


async def test_a_deleted_panel_comes_back_once_in_a_session(evening: Evening):
    await evening.joins()
    await evening.pass_ms(6_000)
    panels(evening)[0].is_deleted = True
    await changes(evening, "one")
    assert len(panels(evening)) == 2
    assert "State: thinking" in panels(evening)[1].post.text
    await changes(evening, "two")
    assert "1 waiting" in panels(evening)[1].post.text
    panels(evening)[1].is_deleted = True
    await changes(evening, "three")
    evening.chat.fails("edit", times=None)
    await changes(evening, "four")
    await ends(evening)
    assert len(panels(evening)) == 2, "whoever deletes it again does not want it"
    assert "not delivered" not in repr(evening.world.node.log.lines), "nothing more is asked of Discord"
    await evening.joins()
    await evening.pass_ms(6_000)
    assert len(panels(evening)) == 3


async def test_a_panel_that_discord_is_too_busy_to_edit_is_not_posted_again(evening: Evening):
    await evening.joins()
    await evening.pass_ms(6_000)
    evening.chat.fails("edit", "discord_unreachable")
    await changes(evening, "one")
    await changes(evening, "two")
    (panel,) = panels(evening)
    assert "1 waiting" in panel.post.text


async def test_a_panel_says_that_the_session_is_over_once_discord_takes_it(evening: Evening):
    await evening.joins()
    await evening.pass_ms(6_000)
    (panel,) = panels(evening)
    evening.chat.fails("edit", times=2)
    await ends(evening)
    await evening.pass_ms(5_000)
    assert panel.post.text == NONE
    assert [button.label for button in panel.post.buttons] == ["Join me"]


async def test_a_panel_with_too_much_to_show_shows_what_fits_in_a_message(evening: Evening):
    await evening.joins()
    cards = {f"http://127.0.0.1:{port}": "unloaded " + "m" * 300 for port in range(8_090, 8_100)}
    await evening.world.level("report.house", HouseState(gpu=cards))
    await evening.pass_ms(6_000)
    panel = next(one for one in evening.chat.posted if one.post.buttons)
    assert "http://127.0.0.1:8090" in panel.post.text
    assert units(panel.post.text) <= PAGE_UNITS
