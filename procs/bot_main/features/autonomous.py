"""What she says and likes by herself, in the channel that a guild has chosen; `core/autonomous.py` decides.

It must hear what is written there: the house calls `heard` for every message of a person. What it has heard
is a bounded window in memory; a start, and the end of a pause, begin with an empty one, and with the full
distance to the next act.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable

from bus.errors import BackendError
from bus.messages import ChatMessage
from procs.bot_main.core.autonomous import TEXT_CHARS, Act, Heard, Room, instruction, said, talk
from procs.bot_main.core.chat import DM, Incoming, Post
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import AutonomousSettings, ScheduleSettings, TextSettings
from procs.bot_main.features.base import Call, Feature, Kit, Unasked
from procs.bot_main.guilds import Guilds
from procs.bot_main.mood_now import mood_now
from procs.bot_main.outage import Outage
from procs.bot_main.persona_now import is_evil, persona_now

LOOK_S = 5.0
"""Between two looks at the clock."""
WAITING = 32
"""New messages that may wait for a reaction; the oldest go."""
ANSWER_S = 60.0
"""The model gets this long; then the moment is gone."""
MAX_TOKENS = 120
KIND = "autonomous"
"""Kind of document: one per guild, {"channel": id}."""


class Autonomous(Unasked):
    """Implements `Feature`, and `heard` besides.

    Args:
        draw: numbers from [0, 1).
    """

    name = "autonomous"

    def __init__(self, kit: Kit, draw: Callable[[], float] = random.random) -> None:
        self._kit = kit
        self._draw = draw
        self._is_on = kit.section(AutonomousSettings).enabled
        self._guilds = Guilds(kit.bus, kit.shelf, kit.section(ScheduleSettings).timezone)
        self._outage = Outage(kit.bus.log, self.name)
        self._rooms: dict[tuple[int, int], Room] = {}
        self._new: deque[Incoming] = deque(maxlen=WAITING)
        self._wake = asyncio.Event()

    @property
    def code(self) -> str:
        """Error code while the model or Discord fails, else empty."""
        return self._outage.code

    async def run(self) -> None:
        if not self._is_on:
            return
        while True:
            if not self._kit.gate.is_open(self.name):
                await self._sit_out()
            await self.look()
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_S)
            except TimeoutError:
                continue

    async def _sit_out(self) -> None:
        """Wait until the gate is open; the log has it where she would have looked at the clock."""
        if any(self._kit.shelf.all(KIND)):
            self._kit.gate.may_begin(self.name)
        await self._kit.gate.opened(self.name)
        self._rest()

    def heard(self, message: Incoming) -> None:
        """Somebody wrote something, whoever it was for. Fast; keeps a bounded number."""
        if not self._is_on or self._channel(message.guild_id) != message.channel_id:
            return
        if not self._kit.gate.may_begin(self.name):
            self._rest()
            return
        if self._is_quiet(message.guild_id, message.channel_id):
            return
        text = " ".join(message.text.split())[:TEXT_CHARS]
        room = self._room(message.guild_id, message.channel_id)
        author = message.author
        room.hear(Heard(message.id, author.id, author.name, text, self._now_s, message.written_ms))
        if message.is_addressed:
            room.appeared()  # she answers it
        self._new.append(message)
        self._wake.set()

    async def command(self, call: Call) -> str:
        """`autonomous on|off`: whether she speaks by herself in this channel; alone: where she does."""
        if call.guild_id == DM:
            return "That works in a server only."
        wish, key = call.text.strip().lower(), str(call.guild_id)
        if wish == "on":
            self._kit.shelf.put(KIND, key, {"channel": call.channel_id})
        elif wish == "off":
            self._kit.shelf.put(KIND, key, None)
        channel = self._channel(call.guild_id)
        if not self._is_on:
            return "I only speak when I'm spoken to. (autonomous.enabled)"
        return f"I speak by myself in <#{channel}>." if channel else "I only speak when I'm spoken to here."

    async def look(self) -> None:
        """Do what is to be done now: for each new message, and by the clock."""
        while self._new:
            message = self._new.popleft()
            is_quiet = self._is_quiet(message.guild_id, message.channel_id)
            if self._channel(message.guild_id) == message.channel_id and not is_quiet:
                await self._on_message(message)
        for key, _ in list(self._kit.shelf.all(KIND)):
            channel_id = self._channel(int(key)) if key.isdecimal() else 0
            if channel_id and not self._is_quiet(int(key), channel_id):
                await self._on_clock(int(key), channel_id)

    async def _on_message(self, message: Incoming) -> None:
        guild_id, channel_id = message.guild_id, message.channel_id
        room, mood = self._room(guild_id, channel_id), mood_now(self._kit.shelf, guild_id)
        if emoji := room.reaction_to(message.id, mood, self._draw):
            await self._do(self._kit.chat.react, channel_id, message.id, emoji)
        if act := room.consider(mood, self._now_s, self._draw, on_message=True):
            await self._do(self._speak, channel_id, room, mood, act)

    async def _on_clock(self, guild_id: int, channel_id: int) -> None:
        room, mood = self._room(guild_id, channel_id), mood_now(self._kit.shelf, guild_id)
        wall_ms = self._kit.bus.clock.wall_ns() // 1_000_000
        if found := room.reaction_now(mood, self._now_s, wall_ms, self._draw):
            await self._do(self._kit.chat.react, channel_id, *found)
        if act := room.consider(mood, self._now_s, self._draw, on_message=False):
            await self._do(self._speak, channel_id, room, mood, act)

    async def _do(self, act: Callable[..., object], *args: object) -> None:
        """One thing, if the gate is open; a session that starts meanwhile cancels it."""
        try:
            async with self._kit.gate.work(self.name) as allowed:
                if allowed:
                    await act(*args)  # type: ignore[misc]
                    self._outage.ends()
        except BackendError as error:
            self._outage.begins(error)

    async def _speak(self, channel_id: int, room: Room, mood: str, act: Act) -> None:
        kit = self._kit
        persona = persona_now(kit.shelf, kit.section(Personas))
        asked = (
            ChatMessage("system", instruction(persona, kit.name, mood, act)),
            ChatMessage("user", talk(room.recent)),
        )
        model = kit.section(TextSettings).evil_model if is_evil(kit.shelf) else ""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await kit.text.complete(asked, max_tokens=MAX_TOKENS, model=model)
        except TimeoutError:
            raise BackendError("llm_timeout", self.name) from None
        if text := said(answer):
            await kit.chat.send(channel_id, Post(text))
            kit.bus.log.info("spoke by herself", act=act.name)

    # --- what is kept -------------------------------------------------------------------------------

    def _channel(self, guild_id: int) -> int:
        """The guild's channel, 0 = none."""
        found = (self._kit.shelf.get(KIND, str(guild_id)) or {}).get("channel", 0)
        return found if isinstance(found, int) else 0

    def _room(self, guild_id: int, channel_id: int) -> Room:
        return self._rooms.setdefault((guild_id, channel_id), Room(self._now_s))

    def _is_quiet(self, guild_id: int, channel_id: int) -> bool:
        """Whether a guild has quiet hours now; what was heard before them is forgotten."""
        if not self._guilds.quiet_until(guild_id):
            return False
        self._rooms.pop((guild_id, channel_id), None)
        return True

    def _rest(self) -> None:
        """What was heard so far is of another time; rooms begin anew when the gate is open again."""
        now_s = self._now_s
        self._rooms = {key: Room(now_s) for key in self._rooms}
        self._new.clear()

    @property
    def _now_s(self) -> float:
        return self._kit.bus.clock.mono_ns() / 1e9


def make(kit: Kit) -> Feature:
    """The feature."""
    return Autonomous(kit)
