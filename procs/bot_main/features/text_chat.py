"""Text chat: mentions, replies and direct messages, answered in the mood of the place."""

import asyncio
import random

from bus.errors import BackendError
from procs.bot_main.core.chat import DM, Incoming, Post
from procs.bot_main.core.moods import DM_MS, MOODS, SERVER_MS, Feeling, mood, nickname, turned
from procs.bot_main.core.personas import Personas
from procs.bot_main.core.text_chat import asked, document_of, forgotten, history_of, question, system, tidy
from procs.bot_main.feature_settings import TextSettings
from procs.bot_main.features.base import Call, Feature, Kit
from procs.bot_main.mood_now import MOOD, mood_key
from procs.bot_main.persona_now import is_evil, persona_now

LOOK_S = 5.0
"""Between two looks at the moods' times."""
HISTORY, PERSONA, NICKNAME = "history", "persona", "nickname"
"""Kinds of documents on the shelf."""
EVERYWHERE = "all"


class TextChat:
    """Answers people, and turns her moods."""

    name = "text_chat"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._settings = kit.section(TextSettings)
        self._code = ""

    @property
    def code(self) -> str:
        """Error code while the model fails, else empty."""
        return self._code

    async def run(self) -> None:
        """Turn the moods at their times, and show them, until cancelled."""
        while True:
            for guild_id in (DM, *self._kit.chat.guild_ids()):
                self._turn(guild_id)
                if guild_id != DM:
                    await self._show(guild_id)
            await asyncio.sleep(LOOK_S)

    def wants(self, message: Incoming) -> bool:
        """What is said to her."""
        return message.is_addressed

    async def take(self, message: Incoming) -> None:
        """Answer."""
        answer = await self.answer(message)
        await self._kit.chat.send(message.channel_id, Post(answer, reply_to=message.id))

    async def answer(self, message: Incoming) -> str:
        """The answer's text; it is remembered.

        Raises:
            BackendError: `llm_...`
        """
        shelf, key = self._kit.shelf, str(message.channel_id)
        history = history_of(shelf.get(HISTORY, key), self._settings.history_messages)
        feeling = self._turn(message.guild_id)
        persona = persona_now(shelf, self._kit.section(Personas))
        who = system(persona, self._kit.name, feeling.name)
        model = self._settings.evil_model if self.is_evil else ""
        try:
            text = await self._kit.text.complete(
                asked(who, history, message), max_tokens=self._settings.max_tokens, model=model
            )
        except BackendError as error:
            self._code = error.code
            raise
        self._code = ""
        text = tidy(text, self._kit.name)
        history = history_of(shelf.get(HISTORY, key), self._settings.history_messages)
        history.remember(question(message), text)
        shelf.put(HISTORY, key, document_of(history, self._now_ms))
        for gone in forgotten(list(shelf.all(HISTORY))):
            shelf.put(HISTORY, gone, None)
        return text

    async def command(self, call: Call) -> str:
        """`mood [name]` of this place; `evil [on|off]` everywhere."""
        act = {"mood": self._mood, "evil": self._evil}.get(call.command)
        if act is None:
            raise BackendError("bad_request", call.command, retryable=False)
        answer = act(call)
        if call.guild_id != DM:
            await self._show(call.guild_id)
        return answer

    @property
    def is_evil(self) -> bool:
        """Whether her evil self writes."""
        return is_evil(self._kit.shelf)

    # --- moods --------------------------------------------------------------------------------------

    def _mood(self, call: Call) -> str:
        wish = call.text.strip().lower()
        place = "here" if call.guild_id != DM else "with you"
        if not wish:
            found = mood(self._turn(call.guild_id).name)
            assert found is not None, "feelings are known moods"
            return f"I'm feeling {found.name} {place}. {found.emoji}".rstrip()
        found = mood(wish)
        if found is None:
            return f"I don't know that mood. I know: {', '.join(each.name for each in MOODS)}."
        self._put(call.guild_id, Feeling(found.name, self._now_ms + _lasts_ms(call.guild_id)))
        return f"Now I'm feeling {found.name} {place}. {found.emoji}".rstrip()

    def _evil(self, call: Call) -> str:
        wish = call.text.strip().lower()
        if wish not in ("", "on", "off"):
            return "Say `evil on` or `evil off`."
        if wish:
            name = "evil" if wish == "on" else "miku"
            self._kit.shelf.put(PERSONA, EVERYWHERE, {"name": name})
        return "My evil self is writing. Tremble!" if self.is_evil else f"{self._kit.name} is writing."

    def _turn(self, guild_id: int) -> Feeling:
        """Her mood in a place, turned if its time is over."""
        feeling = Feeling.of(self._kit.shelf.get(MOOD, mood_key(guild_id)))
        now = turned(feeling, self._now_ms, _lasts_ms(guild_id), random.random())
        if now != feeling:
            self._put(guild_id, now)
        return now

    def _put(self, guild_id: int, feeling: Feeling) -> None:
        self._kit.shelf.put(MOOD, mood_key(guild_id), feeling.document)

    async def _show(self, guild_id: int) -> None:
        """Her nickname in a server, on change only; one that is forbidden is not tried again until then."""
        feeling = Feeling.of(self._kit.shelf.get(MOOD, mood_key(guild_id)))
        wanted = nickname(self._kit.name, feeling.name, is_evil=self.is_evil)
        shown = (self._kit.shelf.get(NICKNAME, str(guild_id)) or {}).get("name", self._kit.name)
        if wanted == shown:
            return
        try:
            await self._kit.chat.set_nickname(guild_id, wanted)
        except BackendError as error:
            self._kit.bus.log.info("nickname", code=error.code)
            if error.code != "discord_forbidden":
                return
        self._kit.shelf.put(NICKNAME, str(guild_id), {"name": wanted})

    @property
    def _now_ms(self) -> int:
        return self._kit.bus.clock.wall_ns() // 1_000_000


def _lasts_ms(guild_id: int) -> int:
    return SERVER_MS if guild_id != DM else DM_MS


def make(kit: Kit) -> Feature:
    """The feature."""
    return TextChat(kit)
