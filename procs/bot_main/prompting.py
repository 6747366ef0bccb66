"""Prompts by message: taken from a session's prompt channel, marked, and kept up with what Discord tells.

A prompt waits until those before it are answered; until then its message may get new words or go. What was
not told of that, because she was dead or the gateway was away, is looked for before the prompt runs.
"""

import asyncio

from bus import Bus
from bus.errors import BackendError
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core import commands
from procs.bot_main.core.chat import Incoming, Person, Post
from procs.bot_main.core.permissions import Level
from procs.bot_main.core.running import Asked
from procs.bot_main.courier import Courier
from procs.bot_main.sessions import Sessions
from procs.bot_main.voice import MAX_CHARACTERS, Voice

MICROPHONE, FORBIDDEN = "🎤", "🚫"
PLACES = ("", "1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣", "6️⃣", "7️⃣", "8️⃣", "9️⃣", "🔟")
"""Reactions that say how many prompts come before."""
REREAD_S = 4.0
"""Looking for a message takes no longer, the login of a new life included: then its old words count."""
RETRY_S = 0.2
"""Between two looks while Discord does not answer."""


class Prompting:
    """All prompts that stand in a chat.

    Args:
        prefix: word that begins a command.
    """

    def __init__(
        self, bus: Bus, chat: ChatBackend, sessions: Sessions, courier: Courier, voice: Voice, prefix: str
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._sessions = sessions
        self._courier = courier
        self._voice = voice
        self._prefix = prefix
        self._placeless: set[str] = set()
        """Requests of prompts that are being answered, and whose place was taken away in this life."""

    def is_for_her(self, message: Incoming) -> bool:
        """Whether a message stands in the prompt channel of a session: there all of them are for her."""
        conversation = self._sessions.in_guild(message.guild_id)
        return conversation is not None and message.channel_id == self._voice.prompt_channel(conversation)

    async def take(self, message: Incoming) -> None:
        """A message of the prompt channel is asked aloud, or refused."""
        if self._voice.level(message.author, message.guild_id) < Level.TALKER:
            self._courier.react(message.channel_id, message.id, FORBIDDEN)
            return
        where = message.guild_id, message.channel_id
        if refusal := await self.ask(message.author, *where, message.id, message.text):
            self._courier.post(message.channel_id, Post(refusal, reply_to=message.id))

    async def ask(
        self,
        person: Person,
        guild_id: int,
        channel_id: int,
        message_id: int,
        text: str,
        *,
        verbatim: bool = False,
    ) -> str:
        """Ask what stands in a message, and mark it; returns what to say against it, empty if it waits."""
        request = request_id(message_id)
        refusal, _ = await self._voice.prompt(person, guild_id, text, request, channel_id, verbatim=verbatim)
        if not refusal:
            self._mark(channel_id, message_id)
        return refusal

    def _mark(self, channel_id: int, message_id: int) -> None:
        self._courier.react(channel_id, message_id, MICROPHONE)
        found = (c.turns.find(request_id(message_id)) for c in self._sessions.all)
        if place := _place(next(filter(None, found), None)):
            self._courier.react(channel_id, message_id, place)

    def begins(self, asked: Asked) -> None:
        """A prompt is being answered: its place is shown no more, whichever life has shown it."""
        if place := _place(asked):
            self._courier.unreact(asked.channel_id, message_id(asked.request), place)
            self._placeless.add(asked.request)

    def ends(self, asked: Asked) -> None:
        """A prompt is over, answered or not: its place is shown no more."""
        if asked.request not in self._placeless:
            self.begins(asked)
        self._placeless.discard(asked.request)

    # --- what becomes of its message ----------------------------------------------------------------

    def reword(self, message: Incoming) -> bool:
        """A message has new words; False if it is no prompt that waits, or they ask for something else."""
        text, verbatim = commands.wording(message, self._prefix)
        is_prompt = 0 < len(text) <= MAX_CHARACTERS
        return is_prompt and self._sessions.reword(request_id(message.id), text, verbatim=verbatim)

    def take_back(self, message_ids: tuple[int, ...]) -> None:
        """Messages are gone: they are answered no further."""
        for message_id in message_ids:
            self._sessions.take_back(request_id(message_id))

    async def reread(self, asked: Asked) -> None:
        """Bring a waiting prompt up to its message; where that can't be learned, it stays as it is."""
        try:
            async with asyncio.timeout(REREAD_S):
                found = await self._found(asked.channel_id, message_id(asked.request))
        except (BackendError, TimeoutError) as error:
            code = error.code if isinstance(error, BackendError) else "discord_unreachable"
            self._bus.log.info("prompt not reread", turn=asked.turn, code=code)
            return
        if found is None:
            self._bus.log.info("prompt gone", turn=asked.turn)
            self._sessions.take_back(asked.request)
        elif found.text and self._is_as(asked):  # what Discord hides is not new
            self.reword(found)

    def _is_as(self, asked: Asked) -> bool:
        """Whether a prompt waits as it was; an edit that was told meanwhile is the newer one."""
        return any(each.turns.find(asked.request) == asked for each in self._sessions.all)

    async def _found(self, channel_id: int, message: int) -> Incoming | None:
        while True:
            try:
                return await self._chat.message(channel_id, message)
            except BackendError as error:
                if error.code != "discord_unreachable":
                    raise
            await asyncio.sleep(RETRY_S)


def _place(asked: Asked | None) -> str:
    """The reaction that shows how many come before a prompt, the same one in every life; empty for none."""
    return PLACES[min(asked.n_before, len(PLACES) - 1)] if asked and asked.channel_id else ""


def request_id(message_id: int) -> str:
    """The request of a message: the same message is the same request."""
    return f"m{message_id}"


def message_id(request: str) -> int:
    """The message or the click of a request, 0 if it came by another door."""
    return int(request[1:]) if request[:1] == "m" and request[1:].isdecimal() else 0
