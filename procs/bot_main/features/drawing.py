"""Drawing: what people ask her to draw is made by an image server; its progress is shown in one message."""

import asyncio
import secrets
from contextlib import aclosing, suppress

from bus.errors import BackendError, sentence
from procs.bot_main.backends.base_images import Painted, Painter
from procs.bot_main.core.chat import File, Incoming, Post
from procs.bot_main.core.drawing import Pace, asked_for, cleaned, place_line, progress_line
from procs.bot_main.feature_settings import DrawingSettings
from procs.bot_main.features.base import Call, Feature, Kit

WAITING_MAX = 4
"""Drawings under way and in our line."""
STOPPED = "🎨 I had to stop drawing this one."
WORD_S = 3.0
"""The last word on a drawing that was cancelled may take this long."""


class Drawing:
    """Draws one picture at a time."""

    name = "drawing"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._settings = kit.section(DrawingSettings)
        self._easel = asyncio.Lock()
        self._n = 0

    async def run(self) -> None:
        """Nothing in the background."""

    def wants(self, message: Incoming) -> bool:
        """An addressed message that asks for a drawing."""
        return message.is_addressed and bool(asked_for(message.text, self._kit.name))

    async def take(self, message: Incoming) -> None:
        """Draw it."""
        await self._draw(asked_for(message.text, self._kit.name), message.channel_id, message.id)

    async def command(self, call: Call) -> str:
        """`draw <text>`."""
        subject = cleaned(call.text)
        if not subject:
            return "Tell me what to draw, like: `draw a cat in the rain`."
        self._require_possible()
        if call.invoked:
            await self._kit.chat.answer(call.invoked, Post("🎨 I'm on it!"))
        await self._draw(subject, call.channel_id, call.message_id)
        return ""

    def _require_possible(self) -> None:
        if not self._settings.base_url:
            raise BackendError("drawing_unavailable", "drawing.base_url is empty", retryable=False)
        if self._n >= WAITING_MAX:
            raise BackendError("drawing_busy", f"{self._n} drawings")

    async def _draw(self, subject: str, channel_id: int, reply_to: int) -> None:
        """From the first word on it to the last."""
        self._require_possible()
        self._n += 1
        try:
            line = place_line(self._n - 1) if self._n > 1 else progress_line(0, 0)
            progress = Progress(self._kit, channel_id, line)
            await progress.begin(reply_to)
            await self._painted(subject, progress, reply_to)
        finally:
            self._n -= 1

    async def _painted(self, subject: str, progress: "Progress", reply_to: int) -> None:
        try:
            async with self._easel:
                picture = await self._paint(subject, progress)
            await self._kit.chat.send(
                progress.channel_id,
                Post("", reply_to=reply_to, files=(File(picture.name, picture.data),)),
            )
            await progress.end("🎨 Done!")
        except BackendError as error:
            self._kit.bus.log.warning("drawing", code=error.code, detail=error.detail)
            if reply_to:  # the house answers the message, with the same one line as for every feature
                await progress.withdraw()
                raise
            await progress.end(f"🎨 {sentence(error.code)}")
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(WORD_S):
                    await progress.end(STOPPED)
            raise

    async def _paint(self, subject: str, progress: "Progress") -> Painted:
        painter = self._kit.service(Painter)  # type: ignore[type-abstract]
        async with aclosing(painter.paint(subject, secrets.randbits(48))) as stages:
            async for stage in stages:
                if isinstance(stage, Painted):
                    return stage
                await progress.show(progress_line(stage.ahead, stage.percent))
        raise BackendError("drawing_failed", "no picture came")


class Progress:
    """The message that tells how far a drawing is. What Discord makes of its edits never ends a drawing."""

    def __init__(self, kit: Kit, channel_id: int, line: str) -> None:
        self.channel_id = channel_id
        self._kit = kit
        self._line = line
        self._pace = Pace(line, self._now_ms())
        self._message_id = 0

    async def begin(self, reply_to: int) -> None:
        """Post it.

        Raises:
            BackendError: she may not write there.
        """
        ids = await self._kit.chat.send(self.channel_id, Post(self._line, reply_to=reply_to))
        self._message_id = ids[-1]

    async def show(self, line: str) -> None:
        """Say something new, unless that was done a moment ago."""
        if self._pace.lets(line, self._now_ms()):
            await self.end(line)

    async def end(self, line: str) -> None:
        """Say it at once."""
        try:
            await self._kit.chat.edit(self.channel_id, self._message_id, Post(line))
        except BackendError as error:
            self._kit.bus.log.info("drawing_progress", code=error.code, detail=error.detail)

    async def withdraw(self) -> None:
        """Take it away."""
        try:
            await self._kit.chat.delete(self.channel_id, self._message_id)
        except BackendError as error:
            self._kit.bus.log.info("drawing_progress", code=error.code, detail=error.detail)

    def _now_ms(self) -> float:
        return self._kit.bus.clock.mono_ns() / 1_000_000


def make(kit: Kit) -> Feature:
    """The feature."""
    return Drawing(kit)
