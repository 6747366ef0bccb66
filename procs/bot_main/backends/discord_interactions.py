"""Slash commands and clicks: acknowledged at once, answered when the answer is there.

Discord takes the first answer within 3 s, and further ones for 15 minutes by the interaction's token. A slash
command is acknowledged by "thinking ...", a click by nothing that shows.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import discord

from procs.bot_main.backends.discord_commands import BUTTON, SLASH, asked
from procs.bot_main.backends.discord_posts import EPHEMERAL, Body, Json, bodies
from procs.bot_main.backends.discord_rest import Lost, Patience, Refused, Rest
from procs.bot_main.core.chat import DM, Invoked, Person, Post
from procs.bot_main.core.slash import SlashCommand

THINKING, NOTHING_SHOWN = 5, 6
"""Kinds of first answers."""
ALREADY_ACKNOWLEDGED = 40060
TOKEN_S = 14.5 * 60
"""A little less than Discord's 15 minutes."""
KEPT = 1_000
"""Interactions whose answer may still come; the oldest are forgotten."""
_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
_ORIGINAL = _HOOK + "/messages/@original"


@dataclass
class _Open:
    """An interaction that may be answered."""

    token: str
    is_thinking: bool
    """Whether "thinking ..." stands in the place of the answer."""
    is_hidden: bool
    """Whether that is seen by who asked alone."""
    asked_s: float


class Expired(Exception):
    """The token opens nothing any more."""


class Interactions:
    """Those of one login; `open` ones outlive the session."""

    def __init__(self, commands: tuple[SlashCommand, ...], patience: Patience) -> None:
        self._hidden = {one.name for one in commands if one.is_hidden}
        self._patience = patience
        self._open: OrderedDict[int, _Open] = OrderedDict()

    async def acknowledge(
        self, rest: Rest, interaction: discord.Interaction, person: Callable[[], Person]
    ) -> Invoked | None:
        """The first answer; None where there is nothing to do: not ours, too late, answered by another."""
        kind, data = interaction.type.value, interaction.data
        found = asked(kind, dict(data or {}))
        if kind not in (SLASH, BUTTON) or (found is None and kind == SLASH):
            return None
        is_hidden = found is not None and found[0] in self._hidden
        if not await self._answer_first(rest, interaction, kind == SLASH, is_hidden) or found is None:
            return None
        self._keep(interaction.id, _Open(interaction.token, kind == SLASH, is_hidden, time.monotonic()))
        where = interaction.guild_id or DM, interaction.channel_id or 0
        return Invoked(interaction.id, found[0], found[1], *where, person())

    async def _answer_first(
        self, rest: Rest, interaction: discord.Interaction, is_slash: bool, is_hidden: bool
    ) -> bool:
        flags = {"flags": EPHEMERAL if is_hidden else 0}
        body: Json = {"type": THINKING, "data": flags} if is_slash else {"type": NOTHING_SHOWN}
        try:
            await rest.call(
                "POST", "/interactions/{webhook_id}/{webhook_token}/callback", body,
                within_s=self._patience.acknowledge_s,
                webhook_id=interaction.id, webhook_token=interaction.token,
            )  # fmt: skip
        except Refused as refused:
            # After a lost answer this says that it was taken; at once, that another process was first.
            return refused.code == ALREADY_ACKNOWLEDGED and refused.repeated
        except Lost:
            return False
        return True

    def _keep(self, id_: int, opened: _Open) -> None:
        self._open[id_] = opened
        while len(self._open) > KEPT:
            self._open.popitem(last=False)

    async def answer(self, rest: Rest, application_id: int, invoked: Invoked, post: Post) -> None:
        """Put the answer in the place of "thinking ...", or behind it.

        Raises:
            Expired: too late.
            Refused, Lost: of the request.
        """
        opened = self._open.get(invoked.id)
        if opened is None or time.monotonic() - opened.asked_s > TOKEN_S:
            raise Expired
        door: Json = {"webhook_id": application_id, "webhook_token": opened.token}
        try:
            await self._write(rest, door, opened, post)
        except Refused as refused:
            if refused.status in (401, 404):
                raise Expired from None
            raise

    async def _write(self, rest: Rest, door: Json, opened: _Open, post: Post) -> None:
        parts = [of_webhook(body) for body in bodies(post)]
        if opened.is_thinking and opened.is_hidden != post.is_hidden:
            # Who may see an answer is settled by "thinking ...": another one must take its place.
            await rest.call("DELETE", _ORIGINAL, **door)
        elif opened.is_thinking:
            await rest.call("PATCH", _ORIGINAL, parts.pop(0), **door)
        opened.is_thinking = False
        for part in parts:
            await rest.call("POST", _HOOK, part, is_repeatable=False, params={"wait": "true"}, **door)


def of_webhook(body: Body) -> Body:
    """Webhooks take neither nonce nor reference."""
    left_out = ("nonce", "enforce_nonce", "message_reference")
    payload = {name: value for name, value in body.payload.items() if name not in left_out}
    return Body(payload, body.files)
