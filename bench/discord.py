"""A message in Discord → the first packet of her voice, against the bare library; how evenly packets come."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.figures import quantile
from bench.results import Cell, Results
from tests.discord.remote import Remote
from tests.e2e.discord_home import ROOT, discord_home, discord_process
from tests.waiting import wait_until

ANSWER = "Yes. That is so."
REST_S = 0.3
"""Between two messages: the last utterance is over, every process is at rest."""
LONG_WORDS = 300
"""Words of the speech whose pacing is measured, for each minute: 60 ms a letter."""

COLUMNS = ("who", "messages", "p50 ms", "p99 ms", "max ms", "p50 / floor")
PACE_COLUMNS = ("who", "frames", "gap p50 ms", "gap p99 ms", "gap max ms", "lost", "rules broken")


def options(parser: argparse.ArgumentParser) -> None:
    """Words after the name."""
    parser.add_argument("--messages", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=1.0, help="of speech for the pacing")


def run(args: argparse.Namespace) -> None:
    """Measure and show."""
    results = Results("discord")
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as name:
        floor_ms = _floor(Path(name), args.messages)
    with tempfile.TemporaryDirectory(prefix="miku-bench-") as name:
        ours_ms, pace = _ours(Path(name), args.messages, args.minutes)
    rows: list[list[Cell]] = []
    for who, values in (("discord.py alone", floor_ms), ("ours: model, voice, five processes", ours_ms)):
        p50 = quantile(values, 0.5)
        rows.append(
            [who, len(values), p50, quantile(values, 0.99), max(values), p50 / quantile(floor_ms, 0.5)]
        )
    results.table("message → first packet at the voice server", COLUMNS, rows)
    results.table("packets as they arrive; target: p99 ≤ 22 ms, max 60 ms", PACE_COLUMNS, [pace])
    results.save()


def _floor(folder: Path, n_messages: int) -> list[float]:
    with discord_process(folder) as told:
        remote = Remote(told["control"])
        remote.person("Ann").joins(place="Lounge")
        words = [told["api_base"], told["gateway"], told["token"], str(remote.place("Lounge").id())]
        command = [sys.executable, "-m", "bench.bare.discord_echo", *words]
        environ = {**os.environ, "SSL_CERT_FILE": told["ca_file"]}
        with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE) as bare:
            assert bare.stdout is not None
            assert bare.stdout.readline().strip() == b"ready"
            try:
                return _first_packets(remote, n_messages, lambda text: _say(remote, text))
            finally:
                bare.kill()


def _ours(folder: Path, n_messages: int, minutes: float) -> tuple[list[float], list[Cell]]:
    with discord_home(folder, answer=ANSWER) as home:
        home.joins()
        home.answer("!miku settings max_spoken_s 0", who="Owner")
        took_ms = _first_packets(home.remote, n_messages, lambda text: _say(home.remote, text))
        before = home.heard()["frames"]
        text = " ".join(["counting"] * max(10, round(LONG_WORDS * minutes / 3)))
        for first in range(0, len(text), 1_800):
            home.says(f"!miku say {text[first : first + 1_800]}")
        wait_until(lambda: home.heard()["frames"] >= before + minutes * 3_000 * 0.5, 60 + 90 * minutes)
        _quiet(home.remote)
        heard = home.heard()
    pacing = heard["pacing"]
    figures = (pacing["frames"], pacing["p50_ms"], pacing["p99_ms"], pacing["max_ms"])
    return took_ms, ["ours", *figures, heard["lost"], len(heard["violations"])]


def _say(remote: Remote, text: str) -> None:
    remote.person("Ann").says(place="general", text=text)


def _first_packets(remote: Remote, n_messages: int, say: Callable[[str], None]) -> list[float]:
    """From each message to the first packet that it made; the first two only make connections warm."""
    took_ms = []
    for i in range(n_messages + 2):
        n_before = len(_utterances(remote))
        began_ns = time.time_ns()
        say(f"message {i}")
        wait_until(lambda n=n_before: len(_utterances(remote)) > n)  # type: ignore[misc]
        took_ms.append((_utterances(remote)[n_before]["arrivals_ns"][0] - began_ns) / 1e6)
        _quiet(remote)
    return took_ms[2:]


def _utterances(remote: Remote) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = remote.place("Lounge").heard()["utterances"]
    return found


def _quiet(remote: Remote) -> None:
    wait_until(lambda: _utterances(remote)[-1]["is_over"], 120)
    time.sleep(REST_S)
