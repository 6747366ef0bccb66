"""Be online, whatever happens: one session at a time, a new one after pauses that grow.

A short loss is resumed by the library in silence. A long one is told as `Offline`; then the session is given
up, so that the way back is always a READY and an `Online`.
"""

import asyncio
import logging
import random
import re
import ssl
from collections.abc import Callable
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bus.errors import BadSettings
from procs.bot_main.backends.discord_commands import declaration
from procs.bot_main.backends.discord_interactions import Interactions
from procs.bot_main.backends.discord_pace import Pace
from procs.bot_main.backends.discord_posts import Json
from procs.bot_main.backends.discord_rest import Lost, Patience, Refused
from procs.bot_main.backends.discord_session import Notify, Session, TooOften
from procs.bot_main.core.chat import ChatEvent, Offline
from procs.bot_main.core.slash import SlashCommand

_log = logging.getLogger("discord.miku")
CANCELLED_AGAIN_S = 0.25
LOGIN_S = 20.0
"""All requests before the gateway is connected."""
DAY_S = 86_400.0
_TOKEN = re.compile(r"[\w.\-]+\Z", re.ASCII)
_BAD_TOKEN = 4004


class Hopeless(Exception):
    """Trying again is pointless; carries the error code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NoSessionsLeft(Exception):
    """Discord grants no more sessions for now."""

    def __init__(self, after_s: float) -> None:
        super().__init__("no sessions left")
        self.after_s = after_s


def quiet_library() -> None:
    """The library's log: warnings only; none of requests, whose addresses hold tokens of webhooks, and no
    traces of connections that failed, which are tried again."""
    logging.getLogger("discord").setLevel(logging.WARNING)
    for name in ("discord.http", "discord.webhook", "discord.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def trust(ca_file: str) -> ssl.SSLContext:
    """The system's authorities and one more.

    Raises:
        BadSettings: the file can't be read as certificates.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError):
            text = "discord.ca_file: no certificates can be read from it. Name a PEM file, or leave it empty."
            raise BadSettings(text) from None
    return context


def base_of(api_base: str) -> str:
    """The REST interface's address without a slash at its end; empty stays empty.

    Raises:
        BadSettings: that is no address.
    """
    try:
        is_fine = not api_base or yarl.URL(api_base).scheme in ("http", "https")
    except ValueError:
        is_fine = False
    if not is_fine:
        text = "discord.api_base: not an address. Write https://host/api/v10, or leave it empty."
        raise BadSettings(text)
    return api_base.rstrip("/")


class Gateway:
    """Makes sessions, one after another."""

    def __init__(
        self,
        token: str,
        api_base: str,
        ca_file: str,
        commands: tuple[SlashCommand, ...],
        patience: Patience,
    ) -> None:
        self._token = token.strip()
        self._api_base = base_of(api_base)
        self._tls = trust(ca_file)
        self._commands = commands
        self._patience = patience
        self._pace = Pace(patience.identify_s)
        self._reads_messages = True
        self._are_commands_told = False
        self._offline: Offline | None = None
        self._notify: Notify = lambda event: None
        self.interactions = Interactions(commands, patience)
        self.presence = ""
        self.session: Session | None = None
        """The one that is logged in; None while there is none."""

    async def run(self, notify: Callable[[ChatEvent], None]) -> None:
        """Until cancelled."""
        quiet_library()
        self._notify = notify
        n_failed = 0
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            pause_s = await self._attempt(n_failed)
            n_failed = 0 if loop.time() - began_s > self._patience.steady_s else n_failed + 1
            await asyncio.sleep(pause_s)

    async def _attempt(self, n_failed: int) -> float:
        """One session to its end; how long to wait before the next."""
        growing_s = min(
            self._patience.longest_retry_s, self._patience.first_retry_s * 2.0 ** min(n_failed, 16)
        )
        pause_s = growing_s * random.uniform(0.8, 1.2)
        try:
            await self._once()
        except Hopeless as error:
            self._say_offline(Offline(error.code, is_final=True))
            await asyncio.Event().wait()
        except discord.PrivilegedIntentsRequired:
            self._reads_messages = False
            return 0.0
        except TooOften:
            pause_s = max(pause_s, self._pace.pause_s(asyncio.get_running_loop().time()))
        except NoSessionsLeft as error:
            pause_s = max(pause_s, error.after_s)
        except Exception as error:  # whatever the library and the network come up with: again
            _log.warning("discord: the session ended by %s", type(error).__name__)
        self._say_offline(Offline("discord_unreachable"))
        return pause_s

    def _say_offline(self, offline: Offline) -> None:
        """Once per outage."""
        if self._offline != offline:
            self._offline = offline
            self._notify(offline)

    def _hear(self, event: ChatEvent) -> None:
        self._offline = None
        self._notify(event)

    async def _once(self) -> None:
        """Log in, connect, stay; returns or raises when the session is over.

        Raises:
            Hopeless: the token is wrong.
        """
        if not self._token:
            raise Hopeless("discord_token_missing")
        if not _TOKEN.match(self._token):
            raise Hopeless("discord_token_invalid")
        session = self._make()
        try:
            async with asyncio.timeout(LOGIN_S):
                await session.login(self._token)
                await self._ask_for_gateway(session)
            self.session = session
            await self._stay(session)
        except discord.LoginFailure:
            raise Hopeless("discord_token_invalid") from None
        except discord.ConnectionClosed as closed:
            if closed.code == _BAD_TOKEN:
                raise Hopeless("discord_token_invalid") from None
            raise
        finally:
            self.session = None
            await session.hang_up()

    def _make(self) -> Session:
        if self._api_base:
            Route.BASE = self._api_base
        return Session(
            self._hear,
            reads_messages=self._reads_messages,
            connector=aiohttp.TCPConnector(limit=0, ssl=self._tls),
            interactions=self.interactions,
            pace=self._pace,
            patience=self._patience,
            activity=discord.CustomActivity(self.presence) if self.presence else None,
        )

    async def _ask_for_gateway(self, session: Session) -> None:
        """Where the gateway is, and whether a session may still begin today.

        Raises:
            NoSessionsLeft: it may not.
        """
        _, address, left = await session.http.get_bot_gateway()
        url = yarl.URL(address)
        if url.scheme not in ("ws", "wss"):
            raise ValueError("the gateway's address is no WebSocket")
        DiscordWebSocket.DEFAULT_GATEWAY = url
        if left["remaining"] <= 0:
            raise NoSessionsLeft(min(DAY_S, max(0.0, left["reset_after"] / 1000)))

    async def _stay(self, session: Session) -> None:
        """Until the connection is over or lost for too long."""
        session.expect(self._patience.identify_s + self._patience.blip_s)
        connection = asyncio.create_task(session.connect())
        away = asyncio.create_task(session.is_away.wait())
        telling = asyncio.create_task(self._tell_commands(session))
        tasks = (connection, away, telling)
        try:
            await asyncio.wait({connection, away}, return_when=asyncio.FIRST_COMPLETED)
            if connection.done():
                connection.result()
        finally:
            await _end(tasks)

    async def _tell_commands(self, session: Session) -> None:
        """Once per process; what fails is tried again with the next session."""
        if self._are_commands_told:
            return
        told = declaration(self._commands)
        where: Json = {"application_id": session.application_id or 0}
        try:
            await session.rest.call("PUT", "/applications/{application_id}/commands", told, **where)
            self._are_commands_told = True
        except (Refused, Lost) as error:
            _log.warning("discord: slash commands not registered: %s", error)


async def _end(tasks: tuple["asyncio.Task[Any]", ...]) -> None:
    """Cancel until they have ended: a cancellation that meets a failing connection is lost in the library."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCELLED_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that it is not logged as forgotten
