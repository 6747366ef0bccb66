"""Vision: pictures, GIFs and short videos that people show her are described by a model with eyes."""

from bus.errors import BackendError
from procs.bot_main.backends.base_images import Attachments, VisionModel
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.core.chat import Attachment, Incoming, Post
from procs.bot_main.core.personas import Personas
from procs.bot_main.core.vision import question, to_look_at
from procs.bot_main.feature_settings import VisionSettings
from procs.bot_main.features.base import Call, Feature, Kit
from procs.bot_main.persona_now import persona_now
from procs.bot_main.writing import seen_writing

ANSWER_TOKENS = 400


class Vision:
    """Looks at what people attach to a message for her."""

    name = "vision"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._settings = kit.section(VisionSettings)

    async def run(self) -> None:
        """Nothing in the background."""

    def wants(self, message: Incoming) -> bool:
        """An addressed message with a picture or a video."""
        return bool(to_look_at(message))

    async def take(self, message: Incoming) -> None:
        """Describe it."""
        if not self._settings.base_url:
            raise BackendError("vision_unavailable", "vision.base_url is empty", retryable=False)
        async with seen_writing(self._kit.chat, self._kit.bus.log, message.channel_id):
            shown = await self._shown(to_look_at(message))
            answer = await self._asked(message, shown)
        await self._kit.chat.send(message.channel_id, Post(answer, reply_to=message.id))
        self._kit.bus.log.info("vision", attachments=len(shown), pictures=sum(map(len, shown)))

    async def command(self, call: Call) -> str:
        """It has none."""
        raise BackendError("bad_request", call.command)

    async def _shown(self, attachments: list[Attachment]) -> list[list[Picture]]:
        """The pictures of every attachment that can be looked at; one good one is enough."""
        shown, refused = [], []
        for attachment in attachments:
            try:
                shown.append(await self._kit.service(Attachments).pictures(attachment))  # type: ignore[type-abstract]
            except BackendError as error:
                self._kit.bus.log.info("attachment", code=error.code, detail=error.detail)
                refused.append(error)
        if not shown:
            raise refused[0]
        return shown

    async def _asked(self, message: Incoming, shown: list[list[Picture]]) -> str:
        persona = persona_now(self._kit.shelf, self._kit.section(Personas))
        messages = question(persona, self._kit.name, message, [len(pictures) for pictures in shown])
        pictures = [picture for of_one in shown for picture in of_one]
        model = self._kit.service(VisionModel)  # type: ignore[type-abstract]
        try:
            return await model.complete(
                messages, max_tokens=ANSWER_TOKENS, model=self._settings.model, pictures=pictures
            )
        except BackendError as error:
            raise BackendError("vision_unavailable", f"{error.code}: {error.detail}") from None


def make(kit: Kit) -> Feature:
    """The feature."""
    return Vision(kit)
