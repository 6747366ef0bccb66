"""News from a shop, told to whoever subscribed, once each.

What was seen and who must still be told is one document on the shelf, on disk before the first message
leaves; each message carries a nonce of batch and person, and each person is marked when told. A crash in
between sends the message again under the same nonce, which Discord merges for some minutes.
"""

from bus.errors import BackendError
from procs.bot_main.backends.base_feed import Feed
from procs.bot_main.core.chat import Post
from procs.bot_main.core.figurines import Book, after_poll, message, nonce, told
from procs.bot_main.feature_settings import FigurineSettings
from procs.bot_main.features.base import Call, Feature, Kit, Unasked, look_for_ever
from procs.bot_main.outage import Outage

LOOK_S = 5.0
"""Between two looks at whether a poll is due."""
RETRY_S = 60.0
"""After a failure to tell somebody."""
SUBSCRIBERS = 500
"""More would keep Discord busy for minutes."""
FAN = "figurine_fan"
"""Kind of document: one per subscriber, keyed by user id."""


class Figurines(Unasked):
    """Implements `Feature`."""

    name = "figurines"

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._settings = kit.section(FigurineSettings)
        self._outage = Outage(kit.bus.log, self.name)
        self._due_ns = 0

    @property
    def code(self) -> str:
        """Error code while the feed or Discord fails, else empty."""
        return self._outage.code

    async def run(self) -> None:
        if self._settings.feed_url:
            await look_for_ever(self._kit.gate, self.name, self.look, LOOK_S)

    async def command(self, call: Call) -> str:
        """`figurines on|off`: whether who asks is told by direct message; without a word: how it is."""
        if not self._settings.feed_url:
            return "I don't watch any shop. (figurines.feed_url)"
        wish, key = call.text.strip().lower(), str(call.person.id)
        is_fan = self._kit.shelf.get(FAN, key) is not None
        if wish == "on":
            if not is_fan and len(list(self._kit.shelf.all(FAN))) >= SUBSCRIBERS:
                return "Too many people are subscribed already."
            self._kit.shelf.put(FAN, key, {"n_closed": 0})
            return "I'll write to you when there is something new in the shop."
        if wish == "off":
            self._kit.shelf.put(FAN, key, None)
            return "I won't write to you about the shop."
        state = "on" if is_fan else "off"
        return f"News from the shop: {state} for you. Say `figurines on` or `figurines off`."

    async def look(self) -> None:
        """Poll if it is time, and tell what must be told; one poll however long the pause was."""
        now_ns = self._kit.bus.clock.mono_ns()
        if now_ns < self._due_ns or not self._kit.gate.may_begin(self.name):
            return
        self._due_ns = now_ns + round(self._settings.poll_every_s * 1e9)
        try:
            is_done = await self._tell() and await self._poll() and await self._tell()
            self._outage.ends()
            if not is_done:  # a session began: all of it comes afterwards
                self._due_ns = now_ns
        except BackendError as error:
            self._outage.begins(error)
            if self._book.left:
                self._due_ns = min(self._due_ns, now_ns + round(RETRY_S * 1e9))

    async def _poll(self) -> bool:
        """The feed is read before the piece of work, so that a slow shop holds no session up."""
        feed = self._kit.service(Feed)  # type: ignore[type-abstract]
        book = self._book
        known = (book.etag, book.modified) if book.url == feed.url else ("", "")
        poll = await feed.fetch(*known)
        if poll is None:
            return True
        async with self._kit.gate.work(self.name) as allowed:
            if allowed:
                fans = [int(key) for key, _ in self._kit.shelf.all(FAN)]
                await self._keep(after_poll(book, poll, fans))
        return allowed

    async def _tell(self) -> bool:
        """Everybody who is left; one by one, each marked on disk before the next. False = interrupted."""
        while left := self._book.left:
            async with self._kit.gate.work(self.name) as allowed:
                if not allowed:
                    return False
                book, user_id = self._book, left[0]
                if self._kit.shelf.get(FAN, str(user_id)) is not None:
                    await self._write_to(user_id, book)
                await self._keep(told(book, user_id))
        return True

    async def _write_to(self, user_id: int, book: Book) -> None:
        """Somebody whose direct messages are closed is skipped, and that is noted."""
        key = str(user_id)
        try:
            await self._kit.chat.send_dm(user_id, Post(message(book), nonce=nonce(book, user_id)))
        except BackendError as error:
            if error.code != "discord_forbidden":
                raise
            n_closed = int((self._kit.shelf.get(FAN, key) or {}).get("n_closed", 0)) + 1
            self._kit.shelf.put(FAN, key, {"n_closed": n_closed})
            self._kit.bus.log.info("direct messages closed", feature=self.name, times=n_closed)

    async def _keep(self, book: Book) -> None:
        self._kit.shelf.put("figurines", "shop", book.document())
        await self._kit.shelf.stored()

    @property
    def _book(self) -> Book:
        return Book.of(self._kit.shelf.get("figurines", "shop"))


def make(kit: Kit) -> Feature:
    """The feature."""
    return Figurines(kit)
