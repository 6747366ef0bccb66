"""Starts supervisord, watches over it and its guardian, and ends everything within five seconds.

The keeper is the foreground process of `miku up`. supervisord gets a session of its own, so that Ctrl-C
reaches the keeper alone, which then ends the rest in order; if the keeper is killed, the kernel asks
supervisord to end.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cli.refusal import Refusal
from cli.stack import CONF, Stack
from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.kernel import kill_all, orphans

ANSWER_S = 10.0
"""supervisord answers within 0.2 s on a quiet machine."""

STOP_S = 4.5
"""From the wish to end until everything left is killed: the promise is five seconds."""

DEATH_S = 1.0
"""A killed process is gone within milliseconds, unless the kernel itself holds it."""

GUARDIAN_SILENCE_S = 3.0
"""On top of its lease; the guardian works in microseconds, so this long means frozen."""

_PR_SET_PDEATHSIG = 1


class Keeper:
    """Holds one running stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._supervisord: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start supervisord and wait until it answers.

        Raises:
            Refusal: it ended or stayed silent; the text has its last words.
        """
        kill_all(orphans(self._stack.server_url, None))
        with self._words_path.open("wb") as words:
            self._supervisord = subprocess.Popen(  # noqa: S603, ASYNC220 - our own words; returns at once
                [sys.executable, "-m", "supervisor.supervisord", "-c", str(CONF)],
                env=self._stack.environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_keeper,  # noqa: PLW1509 - one system call, and no thread runs yet
            )
        deadline_s = time.monotonic() + ANSWER_S
        while not await asyncio.to_thread(self._stack.is_running):
            if self._supervisord.poll() is not None or time.monotonic() > deadline_s:
                raise Refusal(f"supervisord did not start: {_last_words(self._words_path)}")
            await asyncio.sleep(0.02)

    def is_alive(self) -> bool:
        """Whether supervisord still runs."""
        return self._supervisord is not None and self._supervisord.poll() is None

    async def stop(self) -> None:
        """End every process, in order if they obey, by SIGKILL if not; nothing is left afterwards."""
        deadline_s = time.monotonic() + STOP_S
        try:
            await asyncio.to_thread(self._stack.supervisor.shutdown)
        except SupervisorGone:
            await self.kill()
        while self.is_alive() and time.monotonic() < deadline_s:
            await asyncio.sleep(0.02)
        await self.kill()

    async def kill(self) -> None:
        """End every process at once; returns when they are gone."""
        if self._supervisord is not None:
            self._supervisord.kill()
            self._supervisord.wait()
        deadline_s = time.monotonic() + DEATH_S
        while left := await asyncio.to_thread(orphans, self._stack.server_url, None):
            kill_all(left)
            if time.monotonic() > deadline_s:
                return
            await asyncio.sleep(0.01)

    async def replace_guardian(self) -> None:
        """supervisord cannot see that its listener is frozen; the guardian can't see itself."""
        try:
            await asyncio.to_thread(self._stack.supervisor.kill, "guardian")
        except SupervisorGone:
            return

    @property
    def _words_path(self) -> Path:
        return self._stack.logs_path / "supervisord.out"


class Silence:
    """How long a level has been lost that was there before."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._heard_s: float | None = None

    def is_over(self, now_s: float, *, heard: bool) -> bool:
        """Whether the limit has passed; says so once, then waits for the next sign."""
        if heard:
            self._heard_s = now_s
            return False
        if self._heard_s is None or now_s - self._heard_s <= self._limit_s:
            return False
        self._heard_s = None
        return True


def _end_with_keeper() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _last_words(file: Path) -> str:
    """supervisord names an error first and help for its options after it."""
    lines = [line.strip() for line in file.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error:")]
    return (errors or lines or ["it said nothing. See logs/supervisord.log in the state folder."])[-1]
