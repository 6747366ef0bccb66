"""Features that stand back while she speaks: attempts on real stacks; many sessions and words in one process.

F29 plays in a Discord of our own what people and a shop can set off. The scheduler, whose events come due by
the clock, and the sessions of U25 play in the real house behind the real gate, by a clock of the tests.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bus.messages import Phase
from bus.testing import FakeClock
from procs.bot_main import gate as gate_module
from procs.bot_main import outbox as outbox_module
from procs.bot_main.core.gate import FEATURES, NOTICE_MS, Action, row
from tests.campaign.campaign import Run
from tests.campaign.visit import LOUNGE, MARK, PATIENCE_S, Visit, visiting
from tests.e2e.house import SEEN, SONG
from tests.procs.bot_main.features.full_house import CAT, QUARREL, WALL_MS, Home, living
from tests.procs.bot_main.features.hands import HandModel, call
from tests.procs.bot_main.hand_chat import ANNA, HandChat
from tests.waiting import until, wait_until

# --- F29 ------------------------------------------------------------------------------------------------

EACH = 20
"""Attempts of each feature in one run."""
EARLY_EVERY_S = 0.02
"""Between their wishes."""
POLL_S = 6.0
"""The shop is looked at each 5 s."""
GUESTS = 20
"""People who wish for something while she is called: one after the other."""
N_WRITERS = 3


async def f29_attempts(run: Run) -> None:
    """Attempts of all kinds in one session; none begins, and all do afterwards."""
    async with visiting(await run.world.house()) as visit:
        await asyncio.to_thread(_attempts, visit, run)


def _attempts(visit: Visit, run: Run) -> None:
    visit.well()
    _switch_on(visit)
    _call_while_people_wish(visit, run)
    used, before = visit.house.services, _begun(visit)
    writers = [f"Writer {n} in {visit.study}" for n in range(N_WRITERS)]
    for name in writers:
        visit.home.remote.director.person(name=name)
    for n in range(EACH):
        who = writers[n % len(writers)]
        visit.house.shows(f"what is this, {n}?", who, visit.study)
        visit.says(f"draw a cat of {n} colours", who)
        visit.home.says(QUARREL, who, visit.study)
        visit.home.says("!miku avatar portrait", "Owner", visit.study)
        visit.home.says(f"chatter {n}", who, visit.study)
        used.shop.add(f"Figure {visit.study} {n}")
    last = visit.says("are you there?")
    wait_until(lambda: visit.is_marked(last), PATIENCE_S)
    time.sleep(POLL_S)
    assert _begun(visit) == before, "something has begun"
    for name in ("vision", "drawing"):
        wait_until(lambda name=name: sorted(_told(visit, name)) == writers, PATIENCE_S)
    visit.calls("leave")
    wait_until(lambda: visit.is_out, PATIENCE_S)
    _work_again(visit, run)


def _switch_on(visit: Visit) -> None:
    """Whatever has to be asked for once."""
    visit.home.says("!miku mood happy", "Owner", visit.study)
    visit.home.says("!miku autonomous on", "Owner", visit.study)
    asked = visit.home.says("!miku figurines on", "Ann", visit.study)
    visit.answer(asked)


def _call_while_people_wish(visit: Visit, run: Run) -> None:
    """She is called; notes how long after the session's first word a wish was still taken up."""
    visit.home.remote.person("Ann").joins(place=LOUNGE)
    people, porch = [f"Guest {n}" for n in range(GUESTS)], visit.room("porch")
    for name in people:
        visit.home.remote.director.person(name=name)
    told = visit.calls("join")
    wait_until(lambda: visit.watch.phase is not None, PATIENCE_S)
    starting_s, written_s = visit.watch.starting_s, {}
    for name in people:
        written_s[name] = time.monotonic()
        visit.says(f"draw a cat for {name} of {porch}", name, porch)
        time.sleep(EARLY_EVERY_S)
    assert visit.answer(told, visit.hall).startswith("🎤 Joined")
    wait_until(lambda: visit.watch.phase is Phase.ACTIVE, PATIENCE_S)
    prompts = str(visit.house.services.comfy.prompts)
    begun = [name for name in people if f"a cat for {name} of {porch}" in prompts]
    run.note("block seen, ms", max([0.0, *(1_000 * (written_s[name] - starting_s) for name in begun)]))


def _begun(visit: Visit) -> tuple[object, ...]:
    """Everything by which a feature's work shows."""
    used, written = visit.house.services, visit.written()
    hers = {emoji for one in written for emoji, people in one["reactions"].items() if "Miku" in people}
    return (
        len(used.swap.chats),
        len(used.comfy.prompts),
        used.shop.n_requests,
        visit.home.bot.avatar(),
        sorted(hers - {MARK}),
        sum(one["author"] == "Evil Miku" for one in written),
        len(visit.home.remote.person("Ann").inbox()),
    )


def _told(visit: Visit, feature: str) -> list[str]:
    """Who has read a feature's sentence, as often as they have."""
    written = visit.written()
    authors = {int(one["id"]): one["author"] for one in written}
    return [authors[int(one["reply_to"] or 0)] for one in written if one["content"] == row(feature).sentence]


def _work_again(visit: Visit, run: Run) -> None:
    """Every feature is set off once more, and works."""
    ended_s = time.monotonic()
    used = visit.house.services
    n_polls = used.shop.n_requests
    picture, drawing = visit.house.shows("what is this?", "Eve", visit.study), visit.says("draw a cat", "Dan")
    visit.home.says(QUARREL, "Eve", visit.study)
    avatar = visit.home.says("!miku avatar portrait", "Owner", visit.study)
    hello = visit.says("hello", "Dan", visit.hall)
    done: dict[str, Callable[[], object]] = {
        "vision": lambda: SEEN in visit.replies(picture),
        "drawing": lambda: len(visit.replies(drawing)) == 2,
        "bipolar": lambda: any(one["author"] == "Evil Miku" for one in visit.written()),
        "profile_picture": lambda: visit.replies(avatar) and "not while" not in visit.replies(avatar)[0],
        "text_chat": lambda: visit.replies(hello, visit.hall) == [SONG],
        "figurines": lambda: used.shop.n_requests > n_polls,
        "autonomous": lambda: "autonomous" not in visit.watch.closed,
    }
    while done:
        for name in [name for name, is_done in done.items() if is_done()]:
            run.note("ended to each works again, s", time.monotonic() - ended_s)
            del done[name]
        assert time.monotonic() - ended_s < PATIENCE_S, f"do not work again: {', '.join(done)}"
        time.sleep(0.02)


# --- U25 ------------------------------------------------------------------------------------------------

SESSIONS = 20
"""In one run."""
RETURN_MS = 6_100
"""Six seconds, and the tenth of a second after which a lost level is noticed."""
BETWEEN_MS = 30 * 60_000
"""Between sessions: longer than any feature spares itself."""
STANDING_BACK = tuple(each.name for each in FEATURES if each.action is not Action.QUEUED)


def keep_pace(chat: HandChat, clock: FakeClock) -> None:
    """What is written from now on is written now: ids of the hand-played chat are seconds since it began."""
    chat._n = max(chat._n, (clock.wall_ns() // 1_000_000 - WALL_MS) // 1_000)


@contextmanager
def quick() -> Iterator[None]:
    """Waits that are for people are none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gate_module, "TICK_S", 0.002)
        patch.setattr(outbox_module, "PAUSE_S", 0)
        yield


async def u25_sessions(run: Run) -> None:
    """Sessions that end in order or whose sink dies; every feature works afterwards."""
    with quick():
        async with living(run.world.new_folder()) as home:
            for _ in range(SESSIONS):
                await _session(home, run)


async def _session(home: Home, run: Run) -> None:
    dice, topic = run.dice, "control.session.discord_voice"
    home.node.fake_clock.advance_ms(BETWEEN_MS)
    keep_pace(home.chat, home.node.fake_clock)
    await home.house.command(call("mood", "happy"))  # asleep she would react to nothing
    before = {name: home.n_begun(name) for name in STANDING_BACK}
    for phase in (Phase.STARTING, Phase.ACTIVE)[: dice.randint(1, 2)]:
        await home.sink(phase)
        for _ in range(dice.randrange(4)):
            home.node.fake_clock.advance_ms(900)
            await home.sink(phase)
            await _attempt(home, dice.choice(STANDING_BACK))
    waiting = await home.says("hello", is_addressed=True)
    await until(lambda: MARK in home.chat.reactions[waiting.id])
    assert {name: home.n_begun(name) for name in STANDING_BACK} == before, "begun in a session"
    if dice.random() < 0.5:
        await home.sink(Phase.STOPPING)
        await home.sink(Phase.IDLE)
        home.node.fake_clock.advance_ms(RETURN_MS)
    else:
        home.node.lose(topic)
        await asyncio.sleep(0.01)
        home.node.fake_clock.advance_ms(RETURN_MS - 3_001)
        home.phase = Phase.IDLE  # what the sink says once it is back, which is after this
    for name in STANDING_BACK:
        await _begins(home, name)
    answers = [HandModel().answer]
    await until(
        lambda: [p.post.text for p in home.chat.posted if p.post.reply_to == waiting.id] == answers, 20
    )


async def _attempt(home: Home, name: str) -> None:
    attempt: Callable[[], Awaitable[None]] = getattr(home, name)
    await attempt()


async def _begins(home: Home, name: str) -> None:
    before, deadline_s = home.n_begun(name), time.monotonic() + PATIENCE_S
    while home.n_begun(name) == before:
        assert time.monotonic() < deadline_s, f"{name} does not work again"
        await _attempt(home, name)
        await asyncio.sleep(0.002)


# --- U24 ------------------------------------------------------------------------------------------------

SENTENCES = 50
"""In one run."""
STARTS = (
    "the drawer is", "I will withdraw", "see https://a.example/picture.png", "a drawing of mine is",
    "what a vision", "the image of", "I love figurines and", "my schedule is", "argue about", "he drew",
    "a luck of the draw is", "it was a draw", "sketchy people are", "the painter was", "imagine",
    "https://tenor.example/cat.gif", "a redrawn line is", "withdrawing is", "pictures are",
    "draw tonight between Italy and Spain", "paint the town red",
)  # fmt: skip
ENDS = ("stuck", "from the bank", "nice, isn't it?", "gone", "here", "very good today", "on the wall", "")


async def u24_words(run: Run) -> None:
    """Sentences that only sound like wishes, among real wishes by the same people."""
    with quick():
        async with living(run.world.new_folder()) as home:
            await _words(home, run)


async def _words(home: Home, run: Run) -> None:
    people = [replace(ANNA, id=1_000 + n, name=f"P{n}") for n in range(5)]
    innocent = []
    await home.sink(Phase.ACTIVE)
    for n in range(SENTENCES):
        text = f"{run.dice.choice(STARTS)} {run.dice.choice(ENDS)} {n}"
        innocent.append(await home.says(text, by=run.dice.choice(people), is_addressed=True))
        if run.dice.random() < 0.5:
            who = run.dice.choice(people)
            await home.says("draw a cat", by=who, is_addressed=True)
            await home.says("look", by=who, is_addressed=True, attachments=(CAT,))
        home.node.fake_clock.advance_ms(run.dice.choice((10, 500, 900)))
        await home.sink(Phase.ACTIVE)
    await until(lambda: all(MARK in home.chat.reactions[each.id] for each in innocent[-20:]), 20)
    lines = [posted for posted in home.chat.posted if posted.post.text in _sentences()]
    assert not {posted.post.reply_to for posted in lines} & {each.id for each in innocent}, "a false block"
    assert lines, "wishes are explained"
    authors = {each.id: each.author.id for kept in home.chat.heard.values() for each in kept}
    told = [(posted.post.text, authors[posted.post.reply_to]) for posted in lines]
    assert len(told) == len(set(told)), f"told twice within {NOTICE_MS // 1_000} s"


def _sentences() -> list[str]:
    return [each.sentence for each in FEATURES if each.sentence]
