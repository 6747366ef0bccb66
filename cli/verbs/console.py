"""`miku console`: type, and hear about it: the reply's words appear as they are heard."""

import argparse
import asyncio
import io
import queue
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bus.messages import RequestKind
from cli.link import USER, Link, link
from cli.refusal import EXIT_OK, Refusal
from cli.speech import check, hear
from cli.stack import Stack
from cli.view import View

HELP = "talk by typing; words appear as they are heard"
EXAMPLE = "miku console"

PROMPT = "you> "
WELCOME = "Type to Miku. Ctrl-C stops her; /stop /leave /quit do what they say."


def arguments(parser: argparse.ArgumentParser) -> None:
    """No words after the verb."""


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Talk until the person leaves."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # bytes of another encoding are no reason to end
    async with link(stack) as bus:
        session = bus.active_session()
        joined = not session
        if joined:
            with view.progress("joining ..."):
                session = await bus.join()
        view.line(WELCOME)
        try:
            stays = await Conversation(bus, view, session, Keyboard()).run()
        finally:
            if joined:
                with suppress(Refusal):
                    await bus.ask(RequestKind.LEAVE, session=session)
    if stays and not joined:
        view.line("The session goes on; `./miku leave` ends it.")
    return EXIT_OK


class Keyboard:
    """Lines of the person. A thread of its own reads them, since a terminal can't be waited for."""

    def __init__(self, read: Callable[[str], str] = input) -> None:
        self._read = read
        self._wanted: queue.SimpleQueue[tuple[str, asyncio.Future[str], asyncio.AbstractEventLoop]] = (
            queue.SimpleQueue()
        )
        threading.Thread(target=self._serve, daemon=True, name="keyboard").start()

    async def line(self, prompt: str) -> str:
        """The next line.

        Raises:
            EOFError: there are no more.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        self._wanted.put((prompt, future, loop))
        return await future

    def _serve(self) -> None:
        while True:
            prompt, future, loop = self._wanted.get()
            try:
                line = self._read(prompt)
            except (EOFError, RuntimeError):  # the latter is input()'s word for no stdin at all
                loop.call_soon_threadsafe(_fail, future, EOFError())
            else:
                loop.call_soon_threadsafe(_answer, future, line)


def _answer(future: "asyncio.Future[str]", line: str) -> None:
    if not future.done():
        future.set_result(line)


def _fail(future: "asyncio.Future[str]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class Conversation:
    """One person at the keyboard."""

    def __init__(self, bus: Link, view: View, session: str, keyboard: Keyboard) -> None:
        self._bus = bus
        self._view = view
        self._session = session
        self._keyboard = keyboard
        self._prompt = PROMPT if sys.stdin is not None and sys.stdin.isatty() else ""
        self._speaking = False
        self._commands: dict[str, Callable[[], Awaitable[None]]] = {
            "/stop": self._stop,
            "/leave": self._leave,
        }

    async def run(self) -> bool:
        """Talk; returns whether the session goes on."""
        loop = asyncio.get_running_loop()
        this = asyncio.current_task()
        assert this is not None
        loop.add_signal_handler(signal.SIGINT, self._interrupted, this.cancel)
        try:
            return await self._talk()
        except (EOFError, asyncio.CancelledError):
            self._view.line()
            return True
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    async def _talk(self) -> bool:
        while True:
            line = (await self._keyboard.line(self._prompt)).strip()
            if line in ("/quit", "/exit"):
                return True
            try:
                if line in self._commands:
                    await self._commands[line]()
                    if line == "/leave":
                        return False
                elif line.startswith("/"):
                    self._view.error(f"There is no {line}: there are /stop, /leave and /quit.")
                elif line:
                    await self._say(line)
            except Refusal as refusal:
                self._view.error(str(refusal))

    async def _say(self, text: str) -> None:
        if len(text) > 4000:
            raise Refusal("That is too long: up to 4,000 characters at a time.")
        started_s = time.monotonic()
        answer = await self._bus.ask(RequestKind.PROMPT, text, self._session, user=USER)
        self._speaking = True
        try:
            outcome = await hear(self._bus, self._view, self._session, answer, started_s)
        finally:
            self._speaking = False
        check(outcome)

    def _interrupted(self, leave: Callable[[], object]) -> None:
        """Ctrl-C: silence while she speaks, the way out otherwise."""
        if self._speaking:
            self._stopping = asyncio.create_task(self._quietly_stop())
        else:
            leave()

    async def _quietly_stop(self) -> None:
        with suppress(Refusal):
            await self._stop()

    async def _stop(self) -> None:
        await self._bus.ask(RequestKind.STOP, session=self._session)

    async def _leave(self) -> None:
        await self._bus.ask(RequestKind.LEAVE, session=self._session)
