"""F1 to F3, F23, F24: processes are killed, frozen, crash in loops, end in order, or are there twice."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import numpy as np

from bus.errors import CODES
from bus.topics import NODES
from cli.refusal import Refusal
from tests.campaign.campaign import Run
from tests.campaign.home import SINK, Home, Said
from tests.campaign.world import Kind
from tests.e2e.sound import samples
from tests.waiting import until

KEEPER = "supervisord"

TEXTS = ("The sea is wide.", "The mountains are high.", "A house stands in the woods.", "Sleep well.")

PERIOD_S = 0.5
"""Texts arrive twice a second."""

LAST_MOMENT_S = 2.5
"""After the first text; all of them together take about five seconds to say."""

LOUDNESS = 0.02
"""Relative difference of two recordings of one text: what a joint or a fade makes."""

IN_SOUND = (SINK, "tts_bridge", "tts_server", "llm_streamer", KEEPER)
"""Whose death may cost sound; with the others gone what is being said goes on."""


class Crowd:
    """Somebody who sends text after text, whatever happens meanwhile."""

    def __init__(self, home: Home) -> None:
        self.said: list[Said] = []
        self._home = home
        self._hearing: list[asyncio.Task[Said]] = []

    async def speak(self) -> None:
        """Send texts; what is refused was not promised."""
        for text in TEXTS:
            with suppress(Refusal):
                answer = await self._home.ask(text)
                self._hearing.append(asyncio.create_task(self._home.heard(text, answer)))
            await asyncio.sleep(PERIOD_S)

    async def end(self) -> None:
        """Every accepted text ends: it was spoken, or there is a reason that people are told."""
        self.said = list(await asyncio.gather(*self._hearing))
        for said in self.said:
            ends = await self._home.ends_of(said.answer.turn)
            assert ends, f"turn {said.answer.turn} has no end; told: {said.told}"
            assert set(ends) == {ends[0]}, f"turn {said.answer.turn} ended as {ends}"
            kind, code = ends[0]
            assert kind == "done" or code in CODES, f"turn {said.answer.turn} ended as {ends[0]}"


async def loudness(home: Home) -> dict[str, float]:
    """How much sound each text makes when nothing happens; measured once for each stack."""
    if not home.notes:
        for text in TEXTS:
            said = await home.speaks(text)
            home.notes[text] = _sum(await home.recorded(said.answer))
    return home.notes


def _sum(file: Path) -> float:
    return float(np.abs(samples(file).astype(np.int32)).sum())


def check_sound(home: Home, said: list[Said], *, whole: bool) -> None:
    """Nothing was said twice; with `whole`, what was said to its end was said whole."""
    for each in said:
        file = home.recording(each.answer)
        if not file.exists() or each.text not in home.notes:
            continue
        ratio = _sum(file) / home.notes[each.text]
        assert ratio < 1 + LOUDNESS, f"{each.text!r} was heard {ratio:.2f} times"
        if whole and each.is_whole:
            assert ratio > 1 - LOUDNESS, f"{each.text!r} was heard {ratio:.2f} times only"


@asynccontextmanager
async def speech(run: Run, home: Home) -> AsyncIterator[Crowd]:
    """Texts that come while the body runs, from its random moment on; then everything is as before."""
    await home.session()
    await loudness(home)
    crowd = Crowd(home)
    async with home.listening() as ear:
        speaking = asyncio.create_task(crowd.speak())
        await asyncio.sleep(run.dice.uniform(0.2, LAST_MOMENT_S))
        yield crowd
        await speaking
        await crowd.end()
    run.note("longest silence, s", ear.longest_silence_s)
    await home.speaks_again()
    await home.well()
    await home.leave()
    check_leftovers(home)


def check_leftovers(home: Home) -> None:
    """No process is there that should not be: seven nodes, a model server, supervisord, `miku up`."""
    names = sorted(" ".join(process.cmdline())[-60:] for process in home.stack.processes())
    assert len(names) == len(NODES) + 3, f"{len(names)} processes: {names}"


# --- F1 -------------------------------------------------------------------------------------------------


async def f1_kill(run: Run) -> None:
    """kill -9 of one process at a random moment of speech, while texts arrive."""
    home = await run.world.home(Kind.EMBEDDED)
    victim = (*NODES, KEEPER)[run.index % (len(NODES) + 1)]
    async with speech(run, home) as crowd:
        began_s = time.monotonic()
        if victim == KEEPER:
            await _restart_all(home)
        else:
            await _replaced(home, victim, signal.SIGKILL)
        run.note("kill to a new process, s", time.monotonic() - began_s)
    check_sound(home, crowd.said, whole=victim not in IN_SOUND)


async def _replaced(home: Home, node: str, number: int) -> None:
    pid = home.pid(node)
    assert pid, f"{node} can't be heard"
    os.kill(pid, number)
    await until(lambda: home.pid(node) not in (0, pid), 60)


async def _restart_all(home: Home) -> None:
    """Nobody is left without supervisord; a new start takes up what was accepted."""
    for process in home.stack.processes():
        if KEEPER in " ".join(process.cmdline()):
            process.kill()
    await until(lambda: not home.stack.processes(), 20)
    await asyncio.to_thread(home.stack.start)


# --- F2 -------------------------------------------------------------------------------------------------

SHORT_FREEZE_S = 2.0
"""Less than the guardian's patience, so the process wakes up as itself."""


async def f2_freeze(run: Run) -> None:
    """SIGSTOP of one process; every third time it wakes before it is replaced."""
    home = await run.world.home(Kind.EMBEDDED)
    victim = NODES[run.index % len(NODES)]
    wakes = run.index // len(NODES) % 3 == 2
    async with speech(run, home) as crowd:
        began_s = time.monotonic()
        if wakes:
            pid = home.pid(victim)
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(run.dice.uniform(0.1, SHORT_FREEZE_S))
            os.kill(pid, signal.SIGCONT)
        else:
            await _replaced(home, victim, signal.SIGSTOP)
            run.note("freeze to a new process, s", time.monotonic() - began_s)
    check_sound(home, crowd.said, whole=False)
    home.take_lags()  # what a frozen process says of its loop is not the loop's fault
    if wakes:
        assert home.pid(victim) == pid, f"{victim} was replaced although it woke up"


# --- F3 -------------------------------------------------------------------------------------------------

STARTS = 5
"""Within a minute, by the guardian's default."""

CRASHING = tuple(node for node in NODES if node != "guardian")
"""The guardian itself is supervisord's alone."""


async def f3_crash_loop(run: Run) -> None:
    """A process dies as soon as it is there; it comes to rest, the others go on, and it heals at once."""
    home = await run.world.home(Kind.EMBEDDED)
    node = CRASHING[run.index % len(CRASHING)]
    n_before = _starts(home, node)
    others = {other: home.pid(other) for other in NODES if other != node}
    crashing = asyncio.create_task(_crash_for_ever(home, node))
    try:
        await until(lambda: _starts(home, node) - n_before >= STARTS - 1 or _is_alarmed(home, node), 60)
        began_s = time.monotonic()
        await until(lambda: _is_alarmed(home, node), 60)
        run.note("last start to alarm, s", time.monotonic() - began_s)
        await asyncio.sleep(2)
        n_starts = _starts(home, node) - n_before
        assert n_starts <= STARTS, f"{n_starts} starts"
        assert {other: home.pid(other) for other in others} == others, "another process suffered"
    finally:
        crashing.cancel()
    mended_s = time.monotonic()
    os.utime(home.settings_file)
    await until(lambda: home.pid(node), 30)
    await home.well()
    run.note("mended to well, s", time.monotonic() - mended_s)
    await home.speaks_again()


def _is_alarmed(home: Home, node: str) -> bool:
    health = home.health("guardian")
    return health is not None and node in health.detail


async def _crash_for_ever(home: Home, node: str) -> None:
    while True:
        info = (await home.programs()).get(node)
        if info and info.program.pid:
            with suppress(ProcessLookupError):
                os.kill(info.program.pid, signal.SIGKILL)
        await asyncio.sleep(0.01)


def _starts(home: Home, node: str) -> int:
    """How often supervisord has started a program, by its log."""
    log = (home.stack.state_path / "logs" / "supervisord.log").read_text(errors="replace")
    return log.count(f"spawned: '{node}'")


# --- F23 ------------------------------------------------------------------------------------------------

ENDS = (*NODES, "up: SIGINT", "up: SIGTERM")


async def f23_end(run: Run) -> None:
    """A process, or everything, is asked to end in mid-sentence; accepted texts are answered all the same."""
    home = await run.world.home(Kind.EMBEDDED)
    what = ENDS[run.index % len(ENDS)]
    async with speech(run, home) as crowd:
        began_s = time.monotonic()
        if what.startswith("up"):
            code = await home.end_stack(signal.Signals[what.split()[1]])
            run.note("all of it ends, s", time.monotonic() - began_s)
            assert code == 0, f"`miku up` ended with {code}"
            assert not home.stack.processes(), "processes are left"
            await asyncio.to_thread(home.stack.start)
        else:
            await _replaced(home, what, signal.SIGTERM)
            info = (await home.programs())[what]
            assert info.exit_code == 0, f"{what} ended with {info.exit_code}"
    check_sound(home, crowd.said, whole=False)


# --- F24 ------------------------------------------------------------------------------------------------


async def f24_second(run: Run) -> None:
    """A second instance, of everything or of one process, refuses with a sentence; the first speaks on."""
    home = await run.world.home(Kind.EMBEDDED)
    await loudness(home)
    said = asyncio.create_task(home.speaks(TEXTS[0]))
    began_s = time.monotonic()
    seconds: tuple[Callable[[], tuple[str, ...]], ...] = (
        lambda: ("cli", "up"),
        lambda: ("cli", "up", "--detach"),
        lambda: (f"procs.{run.dice.choice(('bot_main', SINK, 'tts_bridge', 'llm_streamer'))}",),
    )
    words = seconds[run.index % len(seconds)]()
    done = await asyncio.to_thread(home.stack._run, *words, timeout_s=30)
    run.note("refused, s", time.monotonic() - began_s)
    text = done.stdout + done.stderr
    assert done.returncode != 0, f"a second {words} runs"
    assert "Traceback" not in text, text
    if words[0] == "cli":
        assert str(home.up_pid) in text, f"the first one's process is not named: {text}"
    else:
        assert "can't be used" in text, text
    check_sound(home, [await said], whole=True)
