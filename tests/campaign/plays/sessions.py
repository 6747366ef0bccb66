"""Sessions that go wrong: their owner dies for good; each step of a start and of an end fails or hangs.

People see one clear message, and the features come back by themselves. All on real stacks with every feature
and its services, in a Discord of our own; each run writes in rooms of its own.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from bus.errors import CODES, sentence
from procs.bot_main.core.gate import row
from tests.campaign.campaign import Run
from tests.campaign.visit import LOUNGE, PATIENCE_S, SINK, Visit, visiting
from tests.e2e.house import SONG
from tests.e2e.services import TEXT
from tests.waiting import wait_until

SENTENCES = tuple(sentence(code) for code in CODES)
ENDINGS = ("🎤 Joined", "❌")
"""How a clear message about a call begins."""
FREE_S = 2.0
"""After a start that failed nothing is blocked any longer."""
LONG = "She says this sentence, and then another one follows."
CARD = "0, 16384, 12000\n"

# --- F4 -------------------------------------------------------------------------------------------------


async def f4_owner_gone(run: Run) -> None:
    """The process that holds the session is killed and never comes back."""
    async with visiting(await run.world.house()) as visit:
        await asyncio.to_thread(_owner_gone, visit, run)


def _owner_gone(visit: Visit, run: Run) -> None:
    visit.well()
    visit.join()
    waiting = [visit.says(f"question {n}", who) for n, who in enumerate(("Ann", "Bob"))]
    wait_until(lambda: all(visit.is_marked(message) for message in waiting), PATIENCE_S)
    wait_until(lambda: visit.watch.closed, PATIENCE_S)
    time.sleep(run.dice.uniform(0, 1.0))  # anywhere between two renewals of its level
    swap = visit.house.services.swap
    n_asked = len(swap.chats)
    with visit.dead(SINK):
        killed_s = time.monotonic()
        wait_until(lambda: len(swap.chats) > n_asked, PATIENCE_S)
        run.note("killed to first answer, s", time.monotonic() - killed_s)
        wait_until(visit.is_free, PATIENCE_S)
        run.note("killed to all lifted, s", time.monotonic() - killed_s)
        wait_until(lambda: all(visit.replies(message) for message in waiting), PATIENCE_S)
        assert [visit.replies(message) for message in waiting] == [[SONG]] * 2
        assert swap.states == {TEXT: "ready"}, "written answers come from their server again"
        check_features(visit)
    visit.well()


def check_features(visit: Visit) -> None:
    """What people can ask for is done, not refused."""
    picture, drawing = visit.house.shows("what is this?", "Cem", visit.study), visit.says("draw a cat", "Dan")
    assert visit.answer(picture) == "A teal square."
    assert row("drawing").sentence not in visit.answer(drawing)
    wait_until(lambda: len(visit.replies(drawing)) == 2, PATIENCE_S)


# --- F6 -------------------------------------------------------------------------------------------------

Trouble = Callable[[Visit], AbstractContextManager[object]]
"""Something fails or hangs while the body runs."""


def armed(**fault: object) -> Trouble:
    """A fault of Discord's."""

    @contextmanager
    def trouble(visit: Visit) -> Iterator[None]:
        visit.home.remote.faults.arm(**fault)
        try:
            yield
        finally:
            visit.home.remote.faults.disarm()

    return trouble


def killed(node: str) -> Trouble:
    """A process is killed once; the supervisor starts it again."""

    @contextmanager
    def trouble(visit: Visit) -> Iterator[None]:
        visit.kill(node)
        yield

    return trouble


def frozen(node: str) -> Trouble:
    """A process stands still."""
    return lambda visit: visit.frozen(node)


@contextmanager
def server_gone(visit: Visit) -> Iterator[None]:
    """The server that should make room is away."""
    used = visit.house.services
    used.do(used.swap.stop())
    try:
        yield
    finally:
        used.do(used.swap.start())


@contextmanager
def server_hangs(visit: Visit) -> Iterator[None]:
    """The server that should make room says nothing."""
    visit.house.services.swap.hangs = True
    try:
        yield
    finally:
        visit.house.services.swap.hangs = False


@contextmanager
def server_is_stuck(visit: Visit) -> Iterator[None]:
    """The server that should make room keeps its models."""
    swap = visit.house.services.swap
    swap.is_stuck, swap.states = True, {TEXT: "ready"}
    try:
        yield
    finally:
        swap.is_stuck = False


def card(text: str | None) -> Trouble:
    """What the tool tells of the graphics card: this, or nothing at all and for ever."""

    @contextmanager
    def trouble(visit: Visit) -> Iterator[None]:
        file = visit.house.card
        file.unlink()
        os.mkfifo(file) if text is None else file.write_text(text)
        try:
            yield
        finally:
            file.unlink()
            file.write_text(CARD)

    return trouble


POSTING = "POST /channels/{channel}/messages"
STARTS: dict[str, Trouble] = {
    "making room: no server": server_gone,
    "making room: hangs": server_hangs,
    "making room: stuck": server_is_stuck,
    "card: nonsense": card("what?"),
    "card: hangs": card(None),
    "card: short": card("0, 16384, 4000\n"),
    "asking Discord: no answer": armed(point="op4", do="swallow", times=None),
    "asking Discord: no server": armed(point="op4", do="no_server", times=None),
    "asking Discord: no endpoint": armed(point="op4", do="no_endpoint", times=None),
    "voice login: refused": armed(point="voice_identify", code=4006, times=None),
    "voice login: not encrypted": armed(point="voice_identify", code=4017, times=None),
    "voice login: hangs": armed(point="voice_identify", do="silence", times=None),
    "UDP: no answer": armed(point="discovery", times=None),
    "UDP: blocked": armed(point="udp_in", times=None),
    "model: killed": killed("llm_streamer"),
    "model: frozen": frozen("llm_streamer"),
    "voice: killed": killed("tts_bridge"),
    "voice: frozen": frozen("tts_bridge"),
    "sink: killed": killed(SINK),
    "sink: frozen": frozen(SINK),
    "telling: fails": armed(point="rest", at=POSTING, status=500),
    "telling: hangs": armed(point="rest", at=POSTING, do="hang"),
}
"""Step of a start: what becomes of it → how."""


async def f6_start(run: Run) -> None:
    """A step of a session's start fails or hangs."""
    async with visiting(await run.world.house()) as visit:
        await asyncio.to_thread(_start, visit, run, list(STARTS)[run.index % len(STARTS)])


def _start(visit: Visit, run: Run, what: str) -> None:
    visit.well()
    visit.home.remote.person("Ann").joins(place=LOUNGE)
    with STARTS[what](visit):
        called_s = time.monotonic()
        call = visit.calls("join")
        told = visit.answer(call, visit.hall)
        run.note("called to told, s", time.monotonic() - called_s)
        assert told.startswith(ENDINGS), told
        if told.startswith("❌"):
            assert any(each in told for each in SENTENCES), told
            time.sleep(FREE_S)
            drawn = visit.answer(visit.says("draw a cat", "Bob"))
            assert drawn != row("drawing").sentence, f"blocked {FREE_S:g} s after {told}"
    visit.well()
    hello = visit.says("hello", "Cem")
    assert visit.answer(hello) == SONG
    assert len(visit.replies(call, visit.hall)) == 1, "one message"


# --- F7 -------------------------------------------------------------------------------------------------


@contextmanager
def gateway_cut(visit: Visit) -> Iterator[None]:
    """The connection by which Discord is asked breaks."""
    visit.home.bot.gateway_is_cut()
    yield


@contextmanager
def voice_cut(visit: Visit) -> Iterator[None]:
    """The voice connection breaks."""
    visit.home.bot.voice_is_cut()
    yield


DEAF = "deciding: killed"
"""Nobody hears the leave, so it is said again."""
STOPS: dict[str, Trouble] = {
    "asking Discord: no answer": armed(point="op4", do="swallow"),
    "asking Discord: cut": gateway_cut,
    "voice connection: cut": voice_cut,
    "model: killed": killed("llm_streamer"),
    "model: frozen": frozen("llm_streamer"),
    "voice: killed": killed("tts_bridge"),
    "voice: frozen": frozen("tts_bridge"),
    "sink: killed": killed(SINK),
    "sink: frozen": frozen(SINK),
    DEAF: killed("bot_main"),
    "telling: fails": armed(point="rest", at=POSTING, status=500),
    "telling: hangs": armed(point="rest", at=POSTING, do="hang"),
}
"""Step of an end: what becomes of it → how."""


def says_leave(visit: Visit) -> None:
    """By a command."""
    visit.calls("leave")


def leaves_by_console(visit: Visit) -> None:
    """By the command line."""
    visit.stack.miku("leave")


def is_kicked(visit: Visit) -> None:
    """A moderator disconnects her."""
    visit.home.bot.is_kicked()


def is_left_alone(visit: Visit) -> None:
    """Everybody leaves; she notices, and follows them."""
    visit.home.remote.person("Ann").leaves()
    wait_until(lambda: visit.home.bot.voice() is None, PATIENCE_S)


EXITS: dict[str, Callable[[Visit], None]] = {
    "command": says_leave,
    "console": leaves_by_console,
    "kicked": is_kicked,
    "alone": is_left_alone,
}
"""Ways out, in good order."""

ENDS = (*STOPS, *EXITS)
PATIENT_S = 2.0
"""Until then a word is thought to have been heard."""


async def f7_stop(run: Run) -> None:
    """A session ends, by one of its ways out or while a step of the end fails or hangs."""
    async with visiting(await run.world.house()) as visit:
        await asyncio.to_thread(_stop, visit, run, ENDS[run.index % len(ENDS)])


def _stop(visit: Visit, run: Run, what: str) -> None:
    visit.well()
    visit.answer(visit.home.says("!miku settings leave_when_alone_s 1", "Owner", visit.hall), visit.hall)
    visit.join()
    waiting = visit.says("hello", "Bob")
    wait_until(lambda: visit.is_marked(waiting) and visit.watch.closed, PATIENCE_S)
    visit.calls(f"say {LONG}")
    time.sleep(run.dice.uniform(0, 1.5))
    if what in EXITS:
        _end(visit, run, EXITS[what], repeats=False)
    else:
        with STOPS[what](visit):
            _end(visit, run, says_leave, repeats=what == DEAF)
    hello = visit.says("hello", "Cem")
    assert visit.answer(hello) == SONG
    assert visit.replies(waiting) == [SONG]
    visit.well()
    visit.join()
    visit.ask_out()


def _end(visit: Visit, run: Run, leave: Callable[[Visit], None], *, repeats: bool) -> None:
    """Out, twice; the second time harms nothing."""
    leave(visit)
    left_s = time.monotonic()
    deadline_s = left_s + PATIENCE_S
    while not visit.is_free():
        now_s = time.monotonic()
        assert now_s < deadline_s, f"still blocked: {visit.watch.closed}, {visit.watch.phase}"
        if repeats and now_s - left_s > PATIENT_S:
            leave(visit)
            left_s = now_s
        time.sleep(0.02)
    run.note("left to all lifted, s", time.monotonic() - left_s)
    for _ in range(2):
        assert visit.answer(visit.calls("leave"), visit.hall).startswith(("👋", "❌"))
