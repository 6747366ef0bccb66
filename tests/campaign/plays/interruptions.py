"""F21: somebody stops her, at any time; she is silent at once, and the next text is heard alone."""

import asyncio
import time

from bus.messages import PlayoutState
from tests.campaign.campaign import Run
from tests.campaign.home import Home
from tests.campaign.tones import heard, letters
from tests.campaign.world import Kind
from tests.waiting import until

LONG = "this is a text which somebody is going to stop while it is being said, number"
LONGEST_S = 2.0
"""The long text sounds for about so long."""

UNSTARTED_S = 0.1
"""A turn that the sink does not know so long after the stop will never be known."""


async def f21_barge_in(run: Run) -> None:
    """Stop once, at a random time."""
    home = await run.world.home(Kind.SOPRANO)
    session = await home.session()
    cut = await home.ask(f"{LONG} {run.index}.")
    await asyncio.sleep(run.dice.uniform(0, LONGEST_S))
    began_s = time.monotonic()
    await home.stop()
    sent = await _silent(home, session, cut.turn)
    run.note("stop to silence, ms", (time.monotonic() - began_s) * 1000)
    following = f"next {run.index}."
    said = await home.speaks(following)
    after = home.playout(session)
    file = await home.recorded(said.answer)
    next_heard = heard(file)
    assert (next_heard.text, next_heard.n_slips) == (letters(following), 0)
    assert after
    assert after.sent - sent == next_heard.n_frames, (
        f"{after.sent - sent} frames left, {next_heard.n_frames} are due"
    )
    cut_text = heard(home.recording(cut)).text
    assert letters(f"{LONG} {run.index}").startswith(cut_text[:-1]), f"{cut_text!r} was heard of the cut text"


async def _silent(home: Home, session: str, turn: int) -> int:
    """Wait until the sink has finished the turn, or shows that it never got it; the frames sent so far."""
    deadline_s = time.monotonic() + UNSTARTED_S

    def state() -> PlayoutState | None:
        found = home.playout(session)
        assert found
        unstarted = found.turn < turn and time.monotonic() > deadline_s
        return found if found.finished_turn >= turn or unstarted else None

    found = await until(state)
    assert found
    return found.sent
