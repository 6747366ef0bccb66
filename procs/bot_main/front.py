"""The front: what happens in the chat goes to whom it concerns.

A message is a command (any channel), a prompt (the session's prompt channel) or the house's affair.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from bus import Bus
from bus.messages import NodeState
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core import commands
from procs.bot_main.core.chat import (
    ChatEvent,
    Deleted,
    Edited,
    Incoming,
    Invoked,
    Offline,
    Online,
)
from procs.bot_main.courier import Courier
from procs.bot_main.guilds import Guilds
from procs.bot_main.handing_over import hand_over
from procs.bot_main.health import HealthBoard
from procs.bot_main.herald import Herald
from procs.bot_main.household import House
from procs.bot_main.links import Links
from procs.bot_main.orders import Orders, Visit
from procs.bot_main.panel import Panels
from procs.bot_main.prompting import Prompting
from procs.bot_main.sessions import Sessions
from procs.bot_main.voice import Voice

T = TypeVar("T")

BEAT_S = 1.0
"""How often rooms and panels are looked at."""

MAX_AT_ONCE = 64
"""Commands and prompts being worked on; more are dropped with a log line."""


class Front:
    """Everything that comes from the chat."""

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        sessions: Sessions,
        links: Links,
        guilds: Guilds,
        courier: Courier,
        voice: Voice,
        prompting: Prompting,
        herald: Herald,
        panels: Panels,
        health: HealthBoard,
        prefix: str,
    ) -> None:
        self._orders = Orders(guilds, courier, voice, prompting, prefix)
        self._bus = bus
        self._chat = chat
        self._sessions = sessions
        self._links = links
        self._guilds = guilds
        self._courier = courier
        self._voice = voice
        self._prompting = prompting
        self._herald = herald
        self._panels = panels
        self._health = health
        self._prefix = prefix
        self._house: House | None = None
        self._n_at_once = 0
        self._tasks: asyncio.TaskGroup

    def take_in(self, house: House) -> None:
        """The text features; before `run`."""
        self._house = self._orders.house = house

    async def run(self) -> None:
        """Serve the chat until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._courier.start(tasks)
            tasks.create_task(self._links.run())
            tasks.create_task(self._beat())
            if self._house:
                tasks.create_task(self._house.run())
                tasks.create_task(hand_over(self._sessions, self._house))
            tasks.create_task(self._chat.run(self.notify))

    def notify(self, event: ChatEvent) -> None:
        """What happens in the chat; never blocks."""
        self._links.notice(event)
        match event:
            case Incoming():
                self._take(event)
            case Edited():
                self._after_prompts(self._reword, event.message)
            case Deleted():
                self._after_prompts(self._take_back, event.message_ids)
            case Invoked():
                visit = Visit(event.person, event.guild_id, event.channel_id, event.id, event)
                asked = commands.invoked(event.command, event.arguments, self._prefix)
                self._begin(self._orders.carry_out(asked, visit))
            case Online():
                self._come_online(event)
            case Offline():
                self._herald.is_online = False
                self._health.tell("discord", NodeState.DEGRADED, event.code)
                self._sessions.doubt()
                if self._house:
                    self._house.offline()

    # --- how the chat is -----------------------------------------------------------------------------

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._herald.look()
            if self._herald.is_online:
                self._panels.look()

    def _come_online(self, event: Online) -> None:
        self._herald.is_online = True
        self._voice.missing_code = event.code
        self._bus.report(NodeState.READY, discord=event.name, invite=event.invite_url)
        self._health.tell("discord", NodeState.READY, event.code)
        self._herald.show_presence()
        self._sessions.doubt()
        if self._house:
            self._house.online(self._sift)

    # --- messages ------------------------------------------------------------------------------------

    def _take(self, message: Incoming) -> None:
        visit = Visit(message.author, message.guild_id, message.channel_id, message.id)
        asked = commands.command_of(message, self._prefix)
        if asked is not None:
            self._begin(self._orders.carry_out(asked, visit))
            if self._house:
                self._house.dealt_with(message)
        elif (left := self._sift(message)) and self._house:
            self._house.offer(left)

    def _sift(self, message: Incoming) -> Incoming | None:
        """What a message, of now or of a time without gateway, is to the house; None if nothing."""
        if self._take_hers(message):
            return None
        by_mention = not message.guild_id or self._guilds.of(message.guild_id).reply_by_mention
        return replace(message, is_addressed=message.is_addressed and by_mention)

    def _take_hers(self, message: Incoming) -> bool:
        """In the prompt channel of a session a wish is explained, all else asked aloud; False elsewhere."""
        if not self._prompting.is_for_her(message):
            return False
        if self._house and self._house.is_wish(_to_her(message)):
            self._house.offer(_to_her(message))
            return True
        if message.text.strip():
            self._begin(self._prompt(message))
        return bool(message.text.strip())

    async def _prompt(self, message: Incoming) -> None:
        await self._prompting.take(message)
        if self._house:
            self._house.dealt_with(message)

    def _after_prompts(self, do: Callable[[T], None], what: T) -> None:
        """Do this once the prompts that came before are accepted: those begin in the loop's next turn."""
        asyncio.get_running_loop().call_soon(do, what)

    def _reword(self, message: Incoming) -> None:
        if not self._prompting.reword(message) and self._house:
            self._house.edited(message)

    def _take_back(self, message_ids: tuple[int, ...]) -> None:
        self._prompting.take_back(message_ids)
        if self._house:
            self._house.deleted(message_ids)

    # --- what takes its time --------------------------------------------------------------------------

    def _begin(self, work: "asyncio._CoroutineLike[None]") -> None:
        if self._n_at_once >= MAX_AT_ONCE:
            work.close()
            self._bus.log.warning("chat dropped", at_once=self._n_at_once)
            return
        self._n_at_once += 1
        self._tasks.create_task(work).add_done_callback(self._ended)

    def _ended(self, _: object) -> None:
        self._n_at_once -= 1


def _to_her(message: Incoming) -> Incoming:
    """In the prompt channel all that is written is for her."""
    return replace(message, is_addressed=True)
