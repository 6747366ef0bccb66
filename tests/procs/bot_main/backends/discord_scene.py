"""Miku's chat in a loopback Discord, and what a test wants of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from procs.bot_main.backends.discord_bot import DiscordChat
from procs.bot_main.backends.discord_rest import Patience
from procs.bot_main.core.chat import ChatEvent, Online
from procs.bot_main.core.slash import OptionKind, SlashCommand, SlashOption
from tests.discord.client import pointed_to
from tests.discord.director import Director
from tests.discord.loopback import Loopback
from tests.discord.rules import Rules
from tests.waiting import until

E = TypeVar("E")
HURRIED = Patience(
    attempt_s=0.5, identify_s=0.0, guilds_s=0.05, blip_s=0.5, first_retry_s=0.05, longest_retry_s=0.2
)
COMMANDS = (
    SlashCommand("join", "Come in", (SlashOption("channel", "Where", OptionKind.VOICE),)),
    SlashCommand("say", "Say it", (SlashOption("text", "What", is_required=True),)),
    SlashCommand("doctor", "What is wrong", default_level="admin", is_hidden=True),
)


@dataclass
class Scene:
    """One chat and the Discord it is in."""

    director: Director
    chat: DiscordChat
    events: list[ChatEvent] = field(default_factory=list)

    @property
    def guild_id(self) -> int:
        return self.director.guild("Home").id

    @property
    def general(self) -> int:
        return self.director.places["general"].id

    @property
    def lounge(self) -> int:
        return self.director.places["Lounge"].id

    def of(self, kind: type[E]) -> list[E]:
        return [one for one in self.events if isinstance(one, kind)]

    async def next(self, kind: type[E], such: Callable[[E], bool] = lambda _: True) -> E:
        """The next such event; those before it are forgotten."""

        def found() -> list[E]:
            return [one for one in self.of(kind) if such(one)]

        await until(found)
        event = found()[0]
        del self.events[: self.events.index(event) + 1]  # type: ignore[arg-type]
        return event


def make_chat(loopback: Loopback, folder: Path, token: str, patience: Patience = HURRIED) -> DiscordChat:
    ca_file = folder / "ca.pem"
    loopback.authority.write(ca_file)
    return DiscordChat(token, loopback.api_base, str(ca_file), "Miku", COMMANDS, patience)


@asynccontextmanager
async def running(chat: DiscordChat, events: list[ChatEvent]) -> AsyncIterator[None]:
    run = asyncio.create_task(chat.run(events.append))
    try:
        yield
    finally:
        run.cancel()
        await asyncio.wait({run})


@asynccontextmanager
async def scene(
    folder: Path, token: str = "", rules: Rules | None = None, patience: Patience = HURRIED
) -> AsyncIterator[Scene]:
    """Miku with the right to make webhooks; `Online` is told unless another token is given."""
    loopback = Loopback(rules or Rules(identify_interval_s=0.0, rate_limits=False))
    await loopback.start()
    try:
        with pointed_to(loopback):
            director = Director(loopback).furnish()
            director.allow(["MANAGE_WEBHOOKS"])
            chat = make_chat(loopback, folder, token or director.bot("Miku").token, patience)
            made = Scene(director, chat)
            async with running(made.chat, made.events):
                if not token:
                    await until(lambda: made.of(Online))
                    await until(lambda: director.bot("Miku").commands)
                yield made
    finally:
        await loopback.stop()
