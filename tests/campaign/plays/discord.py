"""Discord: life at random with moves and kicks, every way in which voice breaks, kills in mid-sentence.

A home in a Discord of our own serves all runs; what it does is synchronous, so each run has a thread.
"""

import asyncio
import time

from tests.campaign.campaign import Run
from tests.discord.tone_reader import letters
from tests.e2e.discord_home import DiscordHome
from tests.waiting import wait_until

PLACES = ("Lounge", "Attic", "Cellar")
SENTENCE = "She is here again."
LONG = "She says this sentence, and then another one follows."
"""Under the 8 s for which sound waits for a connection."""
END = letters(LONG)[-10:]
FEW = 10
"""Frames after which she is heard for certain: more than those that are under way."""
QUIET_S = 30.0
"""Discord's own waits (5 s after a lost session) and ours lie far below."""

CLOSE_CODES = (
    1000, 1001, 1006, 4001, 4002, 4003, 4005, 4006, 4009, 4011, 4012, 4014, 4015, 4016, 4020, 4022,
)  # fmt: skip
"""Codes after which she is heard again by herself."""
FAULTS = ("cut", "server", "server without null", "gateway cut", "gateway session lost", "gateway reconnect")
ENDINGS = {4017: "end-to-end encryption", 4021: "limits how often"}
"""Codes that end the session, and what people are told."""
BREAKS = (*CLOSE_CODES, *FAULTS, *ENDINGS)


async def d1_life(run: Run) -> None:
    """Join, speak, leave, rejoin, moved and kicked; when it is quiet she is where she should be."""
    home = await run.world.discord_home()
    await asyncio.to_thread(_life, home, run)


async def d2_breaks(run: Run) -> None:
    """The voice connection breaks in one of the known ways while she speaks."""
    home = await run.world.discord_home()
    await asyncio.to_thread(_break, home, run, BREAKS[run.index % len(BREAKS)])


async def d3_kills(run: Run) -> None:
    """kill -9 of the process that speaks, or of the one that decides, in mid-sentence."""
    home = await run.world.discord_home()
    await asyncio.to_thread(_kill, home, run, ("discord_voice", "bot_main")[run.index % 2])


def _life(home: DiscordHome, run: Run) -> None:
    _ready(home)
    for _ in range(run.dice.randint(2, 6)):
        run.dice.choice((_join, _speak, _leave, _move, _kick))(home, run)
        time.sleep(run.dice.uniform(0, 0.5))
    home.says("!miku leave")
    wait_until(lambda: home.bot.voice() is None, QUIET_S)
    wait_until(lambda: not home.session(), QUIET_S)
    _joined(home)
    home.says(f"!miku say {SENTENCE}")
    wait_until(lambda: home.words() == letters(SENTENCE), QUIET_S)
    home.leaves()
    assert not any(set(home.remote.place(place).voices()) - {"Ann"} for place in PLACES), "a ghost"


def _join(home: DiscordHome, run: Run) -> None:
    home.remote.person("Ann").joins(place=run.dice.choice(PLACES))
    home.says("!miku join")


def _speak(home: DiscordHome, run: Run) -> None:
    home.says(f"!miku say {LONG}")


def _leave(home: DiscordHome, run: Run) -> None:
    home.says("!miku leave")


def _move(home: DiscordHome, run: Run) -> None:
    if home.bot.voice():
        home.bot.is_moved(place=run.dice.choice(PLACES))


def _kick(home: DiscordHome, run: Run) -> None:
    if home.bot.voice():
        home.bot.is_kicked()


def _break(home: DiscordHome, run: Run, what: int | str) -> None:
    _ready(home)
    _joined(home)
    n_told = len(home.bot.texts())
    home.says(f"!miku say {LONG}")
    wait_until(lambda: _n_heard(home) > FEW, QUIET_S)
    _strike(home, what)
    began_s, n_heard = time.monotonic(), _n_heard(home)
    if isinstance(what, int) and what in ENDINGS:
        wait_until(lambda: any(ENDINGS[what] in text for text in home.bot.texts()[n_told:]), QUIET_S)
        wait_until(lambda: not home.session() and home.bot.voice() is None, QUIET_S)
        return
    wait_until(lambda: _n_heard(home) > n_heard + FEW, QUIET_S)
    run.note("broken to heard again, s", time.monotonic() - began_s)
    home.says(f"!miku say {SENTENCE}")
    wait_until(lambda: home.words().endswith(END + letters(SENTENCE)), QUIET_S)
    written = [text for text in home.bot.texts()[n_told:] if text.startswith(("❌", "⚠️"))]
    assert not written, "she spoke, so nothing is to be told"
    home.leaves()


def _strike(home: DiscordHome, what: int | str) -> None:
    bot = home.bot
    match what:
        case 1006 | "cut":
            bot.voice_is_cut()
        case int():
            bot.voice_closes(code=what)
        case "server":
            bot.changes_server()
        case "server without null":
            bot.changes_server(null_first=False)
        case "gateway cut":
            bot.gateway_is_cut()
        case "gateway session lost":
            bot.loses_session()
        case "gateway reconnect":
            bot.is_told_to_reconnect()


def _kill(home: DiscordHome, run: Run, node: str) -> None:
    _ready(home)
    _joined(home)
    home.says(f"!miku say {LONG}")
    n_frames = run.dice.randint(FEW, 80)
    wait_until(lambda: _n_heard(home) > n_frames, QUIET_S)
    pid = home.stack.kill(node)
    began_s = time.monotonic()
    if node == "bot_main":
        wait_until(lambda: home.words_of_one_turn(0) == letters(LONG), QUIET_S)
    wait_until(lambda: home.stack.pids()[node] not in (0, pid), QUIET_S)
    wait_until(lambda: _says_until_heard(home), QUIET_S)
    run.note("killed to heard again, s", time.monotonic() - began_s)
    home.leaves()


def _n_heard(home: DiscordHome) -> int:
    """Frames that were heard of her in the first channel since she came."""
    return int(home.remote.place(PLACES[0]).n_heard())


def _says_until_heard(home: DiscordHome) -> bool:
    """Say a sentence; while nobody takes commands it is said again, as a person would."""
    home.says(f"!miku say {SENTENCE}")
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s:
        if home.words().endswith(letters(SENTENCE)):
            return True
        time.sleep(0.05)
    return False


def _ready(home: DiscordHome) -> None:
    """As each run finds it: nobody speaks, three voice channels, Ann in the first."""
    for place in PLACES:
        home.remote.director.voice_place(name=place)
    if home.session() or home.bot.voice():
        home.leaves()
    home.remote.person("Ann").joins(place=PLACES[0])


def _joined(home: DiscordHome) -> None:
    home.remote.person("Ann").joins(place=PLACES[0])
    home.says("!miku join")
    wait_until(lambda: home.bot.voice() == PLACES[0] and home.bot.is_connected(), QUIET_S)
    wait_until(lambda: home.session().get("phase") == "active", QUIET_S)
    home.remote.place(PLACES[0]).forgets()
