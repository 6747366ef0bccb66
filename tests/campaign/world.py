"""What runs share: running stacks and foreign servers, made when first asked for, ended with the campaign.

Starting a stack costs seconds, so it is used by all runs that want its kind, until one of them fails on it.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bus.topics import PORT_SPAN
from tests.campaign.home import Home
from tests.doubles import rvc
from tests.doubles.llm import LlmDouble, say, words
from tests.doubles.rvc import RvcDouble
from tests.doubles.soprano import SopranoDouble
from tests.doubles.tone_voice import ToneVoice
from tests.e2e.discord_home import DiscordHome, discord_home
from tests.e2e.house import House, furnished
from tests.e2e.stack import Stack
from tests.ports import is_ours

SYMBOL_MS = 20
"""Length of a character in the voices whose sound is their text: 50 characters a second."""

ANSWER = "This is the whole answer."
"""What the stub model says unless told otherwise."""

VOICE_HZ = 48_000
"""Their rate, so that samples come through unchanged."""


FIRST_PORT, N_SPANS = 12_000, 200
"""Apart from those of the tests, which may run at the same time and would take what a killed stack leaves."""

_spans = itertools.count(os.getpid())


class Kind(Enum):
    """Kinds of stacks."""

    EMBEDDED = "embedded"
    """The defaults: our own model server and voice."""
    SOPRANO = "soprano"
    """A stub model, and a voice on the Soprano link whose sound can be read back."""
    OWN_VOICE = "own voice"
    """A stub model, and our own voice."""
    RVC = "rvc"
    """A stub model, and an RVC server whose sound can be read back."""


class World:
    """Stacks and servers.

    Args:
        folder: for the stacks' state; a temporary one by default.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.voice = ToneVoice(VOICE_HZ, SYMBOL_MS)
        self.llm = LlmDouble(say(*words(ANSWER), token_ms=5), port=free_ports())
        self.soprano = SopranoDouble(self.voice, port=free_ports())
        self.rvc = RvcDouble(self.voice, port=free_ports())
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="miku-")
        self._folder = folder or Path(self._temporary.name if self._temporary else "")
        self._homes: dict[Kind, tuple[Home, AsyncExitStack]] = {}
        self._servers = AsyncExitStack()
        self._n_stacks = itertools.count()
        self._serving = False
        self._discord: ExitStack | None = None
        self._discord_home: DiscordHome
        self._furnished: ExitStack | None = None
        self._house: House

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End everything."""
        for kind in list(self._homes):
            await self.end(kind)
        await self.end_discord()
        await self.end_house()
        await self._servers.aclose()
        if self._temporary is not None:
            self._temporary.cleanup()

    async def home(self, kind: Kind) -> Home:
        """A running stack of a kind, well, with nobody speaking."""
        if kind not in self._homes:
            await self.serve()
            resources = AsyncExitStack()
            home = await resources.enter_async_context(Home.opened(self.new_stack(**self.settings(kind))))
            self._homes[kind] = (home, resources)
        home, _ = self._homes[kind]
        self.behave()
        await home.well()
        return home

    async def end(self, kind: Kind) -> None:
        """End the stack of a kind; the next run gets a new one."""
        if kind in self._homes:
            _, resources = self._homes.pop(kind)
            await resources.aclose()

    def new_stack(self, **settings: str) -> Stack:
        """A stack that is not running yet, with a folder and ports of its own."""
        stack = Stack(self.new_folder(), **settings)
        stack.base_port = free_ports()
        stack.env["MIKU_BUS__BASE_PORT"] = str(stack.base_port)
        return stack

    def new_folder(self) -> Path:
        """An empty folder."""
        folder = self._folder / str(next(self._n_stacks))
        folder.mkdir(parents=True)
        return folder

    def settings(self, kind: Kind) -> dict[str, str]:
        """What makes a stack of a kind; waits are short, so that what fails does so soon."""
        foreign = {
            "MIKU_LLM__BASE_URL": self.llm.url,
            "MIKU_LLM__FIRST_TOKEN_TIMEOUT_S": "6",
            "MIKU_LLM__STALL_TIMEOUT_S": "2",
            "MIKU_LLM__REPLY_TIMEOUT_S": "8",
            "MIKU_TTS__STALL_TIMEOUT_S": "4",
        }
        everywhere = {"MIKU_SESSION__IDLE_LEAVE_S": "0", "MIKU_VOICE__KEEP_RECORDINGS": "1000"}
        settings: dict[Kind, Callable[[], dict[str, str]]] = {
            Kind.EMBEDDED: dict,
            Kind.SOPRANO: lambda: {**foreign, "MIKU_TTS__SOPRANO_URL": self.soprano.url},
            Kind.OWN_VOICE: lambda: foreign,
            Kind.RVC: lambda: {**foreign, "TTS_WEBSOCKET_URL": self.rvc.url},
        }
        return {**everywhere, **settings[kind]()}

    async def discord_home(self) -> DiscordHome:
        """A running stack in a Discord of our own."""
        if self._discord is None:
            # Runs kill more often than life does; the limit of starts has a campaign of its own (F3).
            home = discord_home(self.new_folder(), MIKU_GUARDIAN__STARTS="1000")
            running = ExitStack()
            self._discord_home = await asyncio.to_thread(running.enter_context, home)
            self._discord = running
        return self._discord_home

    async def end_discord(self) -> None:
        """End it; the next run gets a new one."""
        if self._discord is not None:
            running, self._discord = self._discord, None
            await asyncio.to_thread(running.close)

    async def house(self) -> House:
        """A running stack in a Discord of our own, with every feature and its services."""
        if self._furnished is None:
            home = furnished(self.new_folder(), MIKU_GUARDIAN__STARTS="1000", MIKU_SESSION__IDLE_LEAVE_S="0")
            running = ExitStack()
            self._house = await asyncio.to_thread(running.enter_context, home)
            self._furnished = running
            self._house.home.remote.change("rules", identify_interval_s=0.0)
        return self._house

    async def end_house(self) -> None:
        """End it; the next run gets a new one."""
        if self._furnished is not None:
            running, self._furnished = self._furnished, None
            await asyncio.to_thread(running.close)

    async def serve(self) -> None:
        """Run the foreign servers."""
        if not self._serving:
            self._serving = True
            for server in (self.llm, self.soprano, self.rvc):
                await self._servers.enter_async_context(server)

    def take_lags(self) -> dict[str, list[float]]:
        """The lag of each node's loop since the last call, of whichever stack."""
        lags: dict[str, list[float]] = {}
        for home, _ in self._homes.values():
            for node, lags_ms in home.take_lags().items():
                lags.setdefault(node, []).extend(lags_ms)
        return lags

    def behave(self) -> None:
        """Let the foreign servers be good again."""
        self.llm._scripts.clear()
        self.rvc.faults.clear()
        self.rvc.cut, self.rvc.shape = rvc.whole, _unchanged
        self.soprano.faults.clear()
        self.soprano.voice, self.soprano.shape, self.soprano.header = self.voice, _unchanged, {}

    async def keep(self, name: str, folder: Path) -> list[Path]:
        """Keep the logs of all running stacks, and end those, since a run has failed on one of them."""
        kept = []
        for kind, (home, _) in list(self._homes.items()):
            logs = folder / f"{name}-{kind.value}"
            await asyncio.to_thread(shutil.copytree, home.stack.state_path / "logs", logs, dirs_exist_ok=True)
            shutil.copy(home.stack.up_log, logs)
            kept.append(logs)
            await self.end(kind)
        homes = (
            ("discord", self._discord, lambda: self._discord_home.stack, self.end_discord),
            ("house", self._furnished, lambda: self._house.home.stack, self.end_house),
        )
        for kind, running, stack, end in homes:
            if running is not None:
                logs = folder / f"{name}-{kind}"
                await asyncio.to_thread(
                    shutil.copytree, stack().state_path / "logs", logs, dirs_exist_ok=True
                )
                kept.append(logs)
                await end()
        return kept


def free_ports() -> int:
    """First of the ports of one stack, which nobody uses now, nor is about to."""
    while True:
        base = FIRST_PORT + next(_spans) % N_SPANS * PORT_SPAN
        if is_ours(base):
            return base


def _unchanged(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    return sound
