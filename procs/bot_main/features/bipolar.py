"""Bipolar mode: Miku and her evil self argue before people, each under a name and face of her own."""

import asyncio

from bus.errors import BackendError
from procs.bot_main.core.bipolar import Cooldowns, Line, line_of, messages, score
from procs.bot_main.core.chat import DM, Incoming, Mask, Post
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import BipolarSettings, ScheduleSettings, TextSettings
from procs.bot_main.features.base import Call, Feature, Kit
from procs.bot_main.guilds import Guilds

KIND = "bipolar"
"""Documents on the shelf: guild id → {"is_on": bool}."""
LINE_TOKENS = 120


class Bipolar:
    """Starts an argument where a message invites one."""

    name = "bipolar"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._settings = kit.section(BipolarSettings)
        self._guilds = Guilds(kit.bus, kit.shelf, kit.section(ScheduleSettings).timezone)
        self._cooldowns = Cooldowns(1_000 * self._settings.cooldown_s)
        self._arguing: set[int] = set()

    async def run(self) -> None:
        """Nothing in the background."""

    def wants(self, message: Incoming) -> bool:
        """A message that invites an argument, in a server where they may now and have not just done so."""
        if message.guild_id == DM or message.channel_id in self._arguing:
            return False
        points = score(message.text, self._kit.name, self._settings.evil_name)
        if points < self._settings.threshold or not self._is_on(message.guild_id) or self._is_hushed(message):
            return False
        return self._cooldowns.is_over(message.channel_id, self._now_ms())

    async def take(self, message: Incoming) -> None:
        """Argue, until all is said, quiet hours begin or the channel has other things to talk about."""
        self._cooldowns.begin(message.channel_id, self._now_ms())
        self._arguing.add(message.channel_id)
        try:
            n_lines = await self._argue(message)
        finally:
            self._arguing.discard(message.channel_id)
        self._kit.bus.log.info("bipolar", lines=n_lines)

    async def command(self, call: Call) -> str:
        """`bipolar on`, `bipolar off`, `bipolar`."""
        if call.guild_id == DM:
            return "My evil self and I argue in servers only."
        wish = call.text.strip().lower()
        if wish not in ("", "on", "off"):
            return "Say `bipolar on` or `bipolar off`."
        if wish:
            self._kit.shelf.put(KIND, str(call.guild_id), {"is_on": wish == "on"})
            await self._kit.shelf.stored()
        state = "may argue" if self._is_on(call.guild_id) else "don't argue"
        return f"{self._kit.name} and {self._settings.evil_name} {state} here."

    def _is_on(self, guild_id: int) -> bool:
        chosen = (self._kit.shelf.get(KIND, str(guild_id)) or {}).get("is_on", self._settings.enabled)
        return chosen is True

    def _is_hushed(self, message: Incoming) -> bool:
        """Whether nobody has asked for an argument, and the server has quiet hours now."""
        return not message.is_addressed and bool(self._guilds.quiet_until(message.guild_id))

    async def _argue(self, message: Incoming) -> int:
        """Returns how many lines were said."""
        lines: list[Line] = []
        for number in range(2 * self._settings.rounds):
            if number:
                await asyncio.sleep(self._settings.pause_s)
                if await self._is_busy(message.channel_id, message.id):
                    break
            line = await self._line(message, lines, is_evil=number % 2 == 0)
            if not line.text or self._is_hushed(message):
                break
            await self._kit.chat.send_masked(message.channel_id, self._mask(line), Post(line.text))
            lines.append(line)
        return len(lines)

    async def _line(self, message: Incoming, lines: list[Line], is_evil: bool) -> Line:
        personas, text = self._kit.section(Personas), self._kit.section(TextSettings)
        names = [self._kit.name, self._settings.evil_name]
        own, other = reversed(names) if is_evil else names
        persona = personas.evil if is_evil else personas.miku
        spark = (message.author.name, message.text)
        answer = await self._kit.text.complete(
            messages(persona, own, other, spark, lines, is_evil),
            max_tokens=LINE_TOKENS,
            model=text.evil_model if is_evil else "",
        )
        return Line(is_evil, line_of(answer, names))

    def _mask(self, line: Line) -> Mask:
        settings = self._settings
        if line.is_evil:
            return Mask(settings.evil_name, settings.evil_avatar_url)
        return Mask(self._kit.name, settings.avatar_url)

    async def _is_busy(self, channel_id: int, after_id: int) -> bool:
        """Whether people write among themselves meanwhile; not to know it is no reason to stop."""
        limit = self._settings.busy_messages
        try:
            return len(await self._kit.chat.history(channel_id, after_id, limit)) >= limit
        except BackendError as error:
            self._kit.bus.log.debug("bipolar_history", code=error.code)
            return False

    def _now_ms(self) -> float:
        return self._kit.bus.clock.mono_ns() / 1_000_000


def make(kit: Kit) -> Feature:
    """The feature."""
    return Bipolar(kit)
