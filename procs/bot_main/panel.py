"""The panel: one message per session that shows what she does, with buttons.

Edited at most every five seconds, and only on change; when the session ends it says so, and its only button
calls her anew. A panel that somebody deletes comes back once; deleted again, it stays away for that session.
Its place is on the shelf, so that a later life of this process finds it.
"""

from bus import Bus
from bus.errors import BackendError
from bus.messages import Phase
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.backends.base_documents import Document
from procs.bot_main.core.chat import Post
from procs.bot_main.core.commands import panel_buttons
from procs.bot_main.core.conversation import Conversation
from procs.bot_main.core.pages import split
from procs.bot_main.core.status import NONE, lines
from procs.bot_main.courier import Courier
from procs.bot_main.guilds import Guilds
from procs.bot_main.sessions import Sessions
from procs.bot_main.shelf import Shelf
from procs.bot_main.voice import Voice

KIND = "panel"
"""Kind of the documents; the key is the session."""
PERIOD_MS = 5_000

MAX_POSTED = 2
"""Panels of a session: one that is deleted by mistake comes back, one that is unwanted stays away."""


class Panels:
    """The panels of all sessions."""

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        courier: Courier,
        shelf: Shelf,
        sessions: Sessions,
        voice: Voice,
        guilds: Guilds,
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._courier = courier
        self._shelf = shelf
        self._sessions = sessions
        self._voice = voice
        self._guilds = guilds
        self._shown: dict[str, tuple[str, int]] = {}
        """Session → what its panel shows, and since when (monotonic ms)."""
        self._closing: set[str] = set()
        """Sessions that are over, and whose panels are being told so."""

    def look(self) -> None:
        """Show what has changed; called each second."""
        live = {c.session: c for c in self._sessions.all if c.intent.wanted and c.intent.guild_id}
        for conversation in live.values():
            has_panel = self._guilds.of(conversation.intent.guild_id).panel
            if conversation.phase is Phase.ACTIVE and has_panel:
                self._refresh(conversation)
        for session, _ in self._shelf.all(KIND):
            if session not in live:
                self._close(session)

    def _refresh(self, conversation: Conversation) -> None:
        now_ms = self._bus.clock.mono_ns() // 1_000_000
        # The first one comes below the answer to the join, a period later.
        text, at_ms = self._shown.setdefault(conversation.session, ("", now_ms))
        status = self._voice.status(conversation.intent.guild_id)
        new_text = split("\n".join(lines(status)))[0] if status else ""  # an edit must fit in one message
        if not new_text or new_text == text or now_ms - at_ms < PERIOD_MS:
            return
        self._shown[conversation.session] = (new_text, now_ms)
        channel_id = self._voice.prompt_channel(conversation)
        post = Post(new_text, buttons=panel_buttons(is_over=False))
        self._courier.deliver(
            f"panel {conversation.session}", lambda: self._show(conversation.session, channel_id, post)
        )

    async def _show(self, session: str, channel_id: int, post: Post) -> None:
        known = self._shelf.get(KIND, session)
        if known and (not known["message"] or await self._is_edited(known, post)):
            return
        n_posted = known.get("n_posted", 1) if known else 0
        message_id = (await self._chat.send(channel_id, post))[-1] if n_posted < MAX_POSTED else 0
        where = {"channel": channel_id, "message": message_id, "n_posted": n_posted + 1}
        self._shelf.put(KIND, session, where)

    async def _is_edited(self, known: Document, post: Post) -> bool:
        """False where Discord refuses it: the message is gone."""
        try:
            await self._chat.edit(int(known["channel"]), int(known["message"]), post)
        except BackendError as error:
            if error.code != "discord_forbidden":
                raise
            return False
        return True

    def _close(self, session: str) -> None:
        """The session is over: its panel says so, or whoever comes later would click in vain."""
        self._shown.pop(session, None)
        if session not in self._closing:
            self._closing.add(session)
            self._courier.deliver(f"panel {session}", lambda: self._show_over(session))

    async def _show_over(self, session: str) -> None:
        """A panel is forgotten only once it says so: until then each look begins again."""
        try:
            known = self._shelf.get(KIND, session)
            if known and known["message"]:
                await self._is_edited(known, Post(NONE, buttons=panel_buttons(is_over=True)))
            self._shelf.put(KIND, session, None)
        finally:
            self._closing.discard(session)
