"""The queue of written messages: bot_main is killed at random moments while five people write.

A session begins and ends meanwhile, so the kills fall before it, into it, and into the answering of what
waited.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable

from tests.campaign.campaign import Run
from tests.e2e.discord_home import ANSWER, DiscordHome
from tests.waiting import wait_until

PEOPLE = ("Ann", "Bob", "Cem", "Dan", "Eve")
PLACES = ("north", "south", "west")
"""Text channels; the session's prompt channel is another one."""
WRITING_S = 6.0
PLAYED_S = 14.0
"""Kills fall into this time; the session ends in the middle of it."""
PATIENCE_S = 90.0

Event = tuple[float, Callable[[], object]]
"""Seconds from the beginning, and what happens."""


async def q1_kills(run: Run) -> None:
    """Every message is answered, and none twice."""
    home = await run.world.discord_home()
    await asyncio.to_thread(_play, home, run)


def _play(home: DiscordHome, run: Run) -> None:
    _ready(home)
    asked: list[int] = []
    dice, bot = run.dice, home.bot.mention()

    def writes() -> None:
        asked.append(home.says(f"{bot} hello", dice.choice(PEOPLE), dice.choice(PLACES)))

    events: list[Event] = [(dice.uniform(0, WRITING_S), writes) for _ in range(dice.randint(5, 10))]
    events += [(dice.uniform(0, PLAYED_S), lambda: _kill(home)) for _ in range(dice.randint(1, 2))]
    events += [(dice.uniform(0, 2), lambda: home.says("!miku join"))]
    events += [(dice.uniform(4, 7), lambda: home.says("!miku leave"))]
    _happen(events)
    wait_until(lambda: _is_out(home), PATIENCE_S)
    began_s = time.monotonic()
    wait_until(lambda: all(home.replies(message) for message in asked), PATIENCE_S)
    run.note("session over to all answered, s", time.monotonic() - began_s)
    wait_until(lambda: not any(_marks(home)), PATIENCE_S)
    wrong = [told for message in asked if (told := home.replies(message)) != [ANSWER]]
    assert not wrong, wrong


def _happen(events: list[Event]) -> None:
    """Each at its time; what comes late does not wait longer for it."""
    began_s = time.monotonic()
    for at_s, happens in sorted(events, key=lambda event: event[0]):
        time.sleep(max(0.0, began_s + at_s - time.monotonic()))
        happens()


def _kill(home: DiscordHome) -> None:
    """kill -9 of bot_main, if it is there: it may just be coming back from an earlier one."""
    if pid := home.stack.pids().get("bot_main"):
        os.kill(pid, signal.SIGKILL)


def _is_out(home: DiscordHome) -> bool:
    """Ask her to leave until she has, as a person would whose words fell on deaf ears."""
    if not home.session() and home.bot.voice() is None and home.bot.is_online():
        return True
    home.says("!miku leave")
    time.sleep(1)
    return False


def _marks(home: DiscordHome) -> list[str]:
    """Reactions of hers that still say that a message waits."""
    return [
        emoji
        for place in PLACES
        for message in home.remote.place(place).messages()
        for emoji, people in message["reactions"].items()
        if "Miku" in people
    ]


def _ready(home: DiscordHome) -> None:
    """As each run finds it: nobody in a session, all channels known to her, Ann in voice."""
    for name in PEOPLE:
        home.remote.director.person(name=name)
    wait_until(lambda: _is_out(home), PATIENCE_S)
    for place in PLACES:
        home.remote.director.place(name=place)
        if not home.texts(place):  # what was written in a channel she has never looked at, she need not fetch
            home.answer(f"{home.bot.mention()} hello", place=place)
    home.remote.person("Ann").joins(place="Lounge")
