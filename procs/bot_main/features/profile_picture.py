"""Her profile picture follows her mood and the clock, within Discord's limit of changes.

She has one picture everywhere, so it follows the mood that she has by herself, the one of direct messages.
What was set last, and when Discord was asked, is on the shelf: a restart changes nothing.
"""

import asyncio
import random
from dataclasses import replace

from bus.errors import BackendError
from procs.bot_main.backends.base_pictures import Pictures
from procs.bot_main.core.profile_picture import CHANGES, Worn, choose, of_mood, wait_ms, wanted_mood
from procs.bot_main.feature_settings import PictureSettings
from procs.bot_main.features.base import Call, Feature, Kit, Unasked, look_for_ever
from procs.bot_main.mood_now import mood_now
from procs.bot_main.outage import Outage

LOOK_S = 15.0
"""Between two looks at mood and clock."""
OFF = "I have no folder of pictures, so this one stays. (pictures.folder)"


class ProfilePicture(Unasked):
    """Implements `Feature`."""

    name = "profile_picture"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._settings = kit.section(PictureSettings)
        self._outage = Outage(kit.bus.log, self.name)
        self._one_at_a_time = asyncio.Lock()

    @property
    def code(self) -> str:
        """Error code while pictures or Discord fail, else empty."""
        return self._outage.code

    async def run(self) -> None:
        if self._settings.folder:
            await look_for_ever(self._kit.gate, self.name, self.look, LOOK_S)

    async def command(self, call: Call) -> str:
        """`avatar [mood]`: another picture, of the mood she has or of the one that is named."""
        if not self._settings.folder:
            return OFF
        words = call.text.split()
        mood = words[0].lower() if words else mood_now(self._kit.shelf)
        names = await self._pictures.names()
        if not of_mood(names, mood):
            known = ", ".join(sorted(names)[:10]) or "none"
            return f"I have no picture for that mood. My pictures: {known}."
        self._keep(replace(self._worn, wish=mood))
        await self.look()
        left_ms = wait_ms(self._worn.tried_ms, self._now_ms)
        if not self._worn.wish:
            return "How do I look?"
        minutes = max(1, -(-left_ms // 60_000))
        return f"I may change my picture twice in ten minutes: I'll do it in about {minutes} min."

    async def look(self) -> bool:
        """Change the picture if it is time; tells whether it was changed."""
        async with self._one_at_a_time:
            worn, now_ms = self._worn, self._now_ms
            every_ms = round(self._settings.every_h * 3_600_000)
            mood = wanted_mood(worn, mood_now(self._kit.shelf), every_ms, now_ms)
            is_due = mood and not wait_ms(worn.tried_ms, now_ms)
            if not is_due or not self._kit.gate.may_begin(self.name):
                return False
            async with self._kit.gate.work(self.name) as allowed:
                return allowed and await self._change(worn, mood)

    async def _change(self, worn: Worn, mood: str) -> bool:
        try:
            name = choose(await self._pictures.names(), mood, worn.name, random.random())
            if not name:
                self._keep(replace(worn, mood=mood, wish="", since_ms=self._now_ms))
                return False
            picture = await self._pictures.read(name)
            await self._set(worn, picture)
        except BackendError as error:
            self._outage.begins(error)
            return False
        self._outage.ends()
        own_mood = mood_now(self._kit.shelf)
        self._keep(replace(self._worn, name=name, mood=own_mood, since_ms=self._now_ms, wish=""))
        self._kit.bus.log.info("profile picture changed", picture=name)
        return True

    async def _set(self, worn: Worn, picture: bytes) -> None:
        """The attempt is on disk before it is made, so that a crash can't make one too many."""
        tried = (*worn.tried_ms, self._now_ms)[-CHANGES:]
        self._keep(replace(worn, tried_ms=tried))
        await self._kit.shelf.stored()
        await self._kit.chat.set_avatar(picture)

    @property
    def _pictures(self) -> Pictures:
        return self._kit.service(Pictures)  # type: ignore[type-abstract]

    @property
    def _worn(self) -> Worn:
        return Worn.of(self._kit.shelf.get("picture", "own"))

    def _keep(self, worn: Worn) -> None:
        self._kit.shelf.put("picture", "own", worn.document())

    @property
    def _now_ms(self) -> int:
        return self._kit.bus.clock.wall_ns() // 1_000_000


def make(kit: Kit) -> Feature:
    """The feature."""
    return ProfilePicture(kit)
