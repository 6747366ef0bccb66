"""Runs a command: brings messages and time to a verb and its results to the screen."""

import asyncio
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bus.clock import Clock, SystemClock
from bus.keys import KeyRing
from bus.settings import BaseSettings, BusSettings, load
from bus.sniffer.arguments import EXIT_BAD, EXIT_FINE, Unreachable
from bus.sniffer.expect import parse as parse_expectation
from bus.sniffer.files import require_readable
from bus.sniffer.output import Line
from bus.sniffer.recording import Recording
from bus.sniffer.screen import Screen
from bus.sniffer.taps import Taps, listening
from bus.sniffer.verbs.base import FileVerb, Verb
from bus.sniffer.verbs.play import Play
from bus.sniffer.watch import Watch

REPORT_NS = 1_000_000_000
"""Reports come each second."""

FIRST_REPORT_NS = 2 * REPORT_NS
"""The first report comes later: before two periods of every level, rates mean nothing."""

LOOK_S = 0.1
"""Longest time between two looks at the clock."""


@dataclass(frozen=True)
class Config:
    """The sniffer's settings: where the stack's keys and ports are."""

    base: BaseSettings
    bus: BusSettings


def run_file_verb(verb: FileVerb, screen: Screen) -> int:
    """Do what needs no bus; returns the exit code."""
    screen.show(verb.run())
    return _conclude(screen, [verb.complaint()])


def run_play(verb: Play, screen: Screen) -> int:
    """Play a recording into the bus; returns the exit code."""
    config = load(Config)
    screen.show(asyncio.run(verb.run(_keys(config), config.bus, SystemClock())))
    return _conclude(screen, [verb.complaint()])


def run_verb(verb: Verb, screen: Screen) -> int:
    """Observe the bus, or a recording in its place; returns the exit code.

    Raises:
        UsageError: an expectation or a recording that can't be used.
        Unreachable: no node answers.
    """
    options = verb.options
    watch = Watch(verb, options, tuple(map(parse_expectation, options.expect)))
    if options.recording:
        require_readable(options.recording)
        return replay(watch, Recording(Path(options.recording)), screen)
    return asyncio.run(_observe_bus(watch, load(Config), screen, options.wait_s))


def replay(watch: Watch, recording: Recording, screen: Screen) -> int:
    """Bring a recording to a verb, as fast as it can be read."""
    now_ns = due_ns = 0
    for tapped in recording.messages():
        now_ns = max(now_ns, tapped.received_mono_ns)
        due_ns = due_ns or now_ns + REPORT_NS
        if now_ns >= due_ns and not watch.repeats:
            due_ns = now_ns + REPORT_NS
            screen.show_report(watch.tick(now_ns), repeats=False)
        screen.show(watch.hear(tapped))
        if watch.is_over(now_ns):
            break
    ending = watch.end(now_ns)
    screen.close()
    screen.show(ending.outputs)
    damages = [f"{recording.file}: {damage}" for damage in recording.damages]
    return _conclude(screen, [*ending.complaints, *damages])


async def _observe_bus(watch: Watch, config: Config, screen: Screen, wait_s: float) -> int:
    clock = SystemClock()
    with listening(_keys(config), config.bus, watch.prefixes, clock) as taps:
        return await observe(watch, taps, screen, clock, wait_s, _on_signals())


async def observe(
    watch: Watch, taps: Taps, screen: Screen, clock: Clock, wait_s: float, stopping: asyncio.Event
) -> int:
    """Bring what is heard to a verb until it is over; returns the exit code.

    Printing happens in a thread: a terminal that does not read fills our own queue and nobody else's.

    Raises:
        Unreachable: no node answered within `wait_s`.
    """
    start_ns = clock.mono_ns()
    due_ns = n_lost = 0
    while not stopping.is_set() and not watch.is_over(clock.mono_ns()):
        heard = await taps.take(LOOK_S)
        news = [output for tapped in heard for output in watch.hear(tapped)]
        if taps.lost > n_lost:
            n_lost = taps.lost
            news.append(_loss_line(taps))
        if news:
            await asyncio.to_thread(screen.show, news)
        now_ns = clock.mono_ns()
        if not watch.is_answered:
            _require_patience(start_ns, now_ns, wait_s)
            continue
        due_ns = due_ns or watch.started_ns + FIRST_REPORT_NS
        if now_ns >= due_ns and not watch.is_over(now_ns):
            due_ns = now_ns + REPORT_NS
            await asyncio.to_thread(screen.show_report, watch.tick(now_ns), repeats=watch.repeats)
    ending = watch.end(clock.mono_ns())
    screen.close()
    await asyncio.to_thread(screen.show, ending.outputs)
    return _conclude(screen, ending.complaints)


def _require_patience(start_ns: int, now_ns: int, wait_s: float) -> None:
    if now_ns - start_ns > wait_s * 1e9:
        raise Unreachable(
            "no node answers: is Miku running (`./miku status`)? For another stack set MIKU_STATE_DIR and "
            "MIKU_BUS__BASE_PORT, and give a starting one more time with --wait 30s."
        )


def _loss_line(taps: Taps) -> Line:
    text = f"--- this sniffer is too slow: {taps.overflowed} messages dropped"
    if taps.undecodable:
        text += f"; {taps.undecodable} were no messages of the bus"
    return Line(f"{text} ---", {"kind": "loss", "dropped": taps.overflowed, "undecodable": taps.undecodable})


def _conclude(screen: Screen, complaints: Iterable[str]) -> int:
    bad = [complaint for complaint in complaints if complaint]
    for complaint in bad:
        screen.complain(complaint)
    return EXIT_BAD if bad else EXIT_FINE


def _keys(config: Config) -> KeyRing:
    """The stack's keys; none are made here, since looking must leave no trace."""
    folder = config.base.state_path
    if not folder.is_dir():
        raise Unreachable(
            f"there is no state folder {folder}: start Miku first (`make run`), or set MIKU_STATE_DIR."
        )
    return KeyRing.load(folder)


def _on_signals() -> asyncio.Event:
    """Set by the first Ctrl-C or TERM, which ends with a report; the second ends at once."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        stopping.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return stopping
