"""Miku in Discord: the `ChatBackend` that is Discord, by way of discord.py.

The library does the gateway, its cache, and rate limits; every request goes through `discord_rest.py`, with a
body made by `discord_posts.py` that says who may be notified. The token appears in no text made here.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from weakref import WeakValueDictionary

import discord

from bus.errors import BackendError
from procs.bot_main.backends.discord_events import Vocal, voice_room
from procs.bot_main.backends.discord_gateway import Gateway
from procs.bot_main.backends.discord_interactions import Expired
from procs.bot_main.backends.discord_posts import bodies, edited
from procs.bot_main.backends.discord_rest import Lost, Patience, Refused, Rest, failure
from procs.bot_main.backends.discord_session import Session
from procs.bot_main.backends.discord_webhooks import Webhooks
from procs.bot_main.core.chat import DM, ChatEvent, Incoming, Invoked, Mask, Names, Person, Post, VoiceRoom
from procs.bot_main.core.slash import SlashCommand

WAITING = 50
"""Posts that may wait for their channel; more are refused."""
CONVERSATIONS = 1_000
"""Direct conversations whose channel is remembered."""
HISTORY_LOOKED_AT = 400
"""Messages of a channel, in one go."""
HISTORY_LOOKS = 5
PRESENCE_CHARS = 128
NICKNAME_CHARS = 32
UNREADABLE = (AttributeError, LookupError, TypeError, ValueError)
"""What an answer of another shape than documented leads to."""
_UNKNOWN_EMOJI = 10014
_GONE = (10003, 10008)
"""Error codes: unknown channel, unknown message."""
_NO_MEMBER = (10007, 10013)
"""Unknown member, unknown user."""
_MESSAGES = "/channels/{channel_id}/messages"
_MESSAGE = _MESSAGES + "/{message_id}"
_REACTION = _MESSAGE + "/reactions/{emoji}/@me"
_IMAGES = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}


class DiscordChat:
    """A `ChatBackend`."""

    def __init__(
        self,
        token: str,
        api_base: str = "",
        ca_file: str = "",
        name: str = "Miku",
        commands: tuple[SlashCommand, ...] = (),
        patience: Patience | None = None,
    ) -> None:
        """Nothing is connected before `run`.

        Args:
            token: of the bot.
            api_base: REST interface's address, empty = Discord's.
            ca_file: certificates to trust besides the system's.
            name: of her webhooks.
            commands: slash commands to register below `/miku`.
            patience: times to wait; usual ones if left out.

        Raises:
            BadSettings: `api_base` or `ca_file` can't be used.
        """
        self._patience = patience or Patience()
        self._gateway = Gateway(token, api_base, ca_file, commands, self._patience)
        self._webhooks = Webhooks(name, self._patience)
        self._turns: WeakValueDictionary[int, _Turns] = WeakValueDictionary()
        self._conversations: OrderedDict[int, int] = OrderedDict()

    async def run(self, notify: Callable[[ChatEvent], None]) -> None:
        await self._gateway.run(notify)

    # --- writing ------------------------------------------------------------------------------------

    async def send(self, channel_id: int, post: Post) -> list[int]:
        with _told():
            return await self._post(channel_id, post)

    async def send_dm(self, user_id: int, post: Post) -> list[int]:
        with _told():
            return await self._post(await self._conversation(user_id), post)

    async def edit(self, channel_id: int, message_id: int, post: Post) -> None:
        with _told():
            await self._rest.call(
                "PATCH", _MESSAGE, edited(post), channel_id=channel_id, message_id=message_id
            )

    async def delete(self, channel_id: int, message_id: int) -> None:
        with _told(), _gone_is_fine():
            await self._rest.call("DELETE", _MESSAGE, channel_id=channel_id, message_id=message_id)

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        with _told(), _gone_is_fine():
            await self._rest.call("PUT", _REACTION, channel_id=channel_id, message_id=message_id, emoji=emoji)

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        with _told(), _gone_is_fine(_UNKNOWN_EMOJI):
            await self._rest.call(
                "DELETE", _REACTION, channel_id=channel_id, message_id=message_id, emoji=emoji
            )

    async def answer(self, invoked: Invoked, post: Post) -> None:
        """Too late for the interaction: what everybody may see is posted in its channel."""
        session = self._session
        with _told():
            try:
                own_id = session.application_id or 0
                await self._gateway.interactions.answer(session.rest, own_id, invoked, post)
            except Expired:
                if not post.is_hidden:
                    await self._post(invoked.channel_id, post)

    async def send_masked(self, channel_id: int, mask: Mask, post: Post) -> int:
        session = self._session
        place = session.get_channel(channel_id)
        where = (place.parent_id, channel_id) if isinstance(place, discord.Thread) else (channel_id, 0)
        with _told():
            async with self._turn(channel_id):
                own_id = session.application_id or 0
                return await self._webhooks.post(session.rest, own_id, *where, mask, post)

    async def typing(self, channel_id: int) -> None:
        with _told():
            await self._rest.call("POST", "/channels/{channel_id}/typing", channel_id=channel_id)

    async def _post(self, channel_id: int, post: Post) -> list[int]:
        """All pages, in order, none between them; time counts from when the channel is free."""
        session = self._session
        author = session.authors.get(post.reply_to, 0)
        async with self._turn(channel_id):
            ids = []
            for body in bodies(post, author):
                answer = await session.rest.call("POST", _MESSAGES, body, channel_id=channel_id)
                ids.append(int(answer["id"]))
            return ids

    @asynccontextmanager
    async def _turn(self, channel_id: int) -> AsyncIterator[None]:
        turns = self._turns.setdefault(channel_id, _Turns())
        if turns.n_waiting >= WAITING:
            raise Lost("too many posts wait for this channel")
        turns.n_waiting += 1
        try:
            async with asyncio.timeout(self._patience.turn_s):
                await turns.lock.acquire()
        except TimeoutError:
            raise Lost("the posts before it take too long") from None
        finally:
            turns.n_waiting -= 1
        try:
            yield
        finally:
            turns.lock.release()

    async def _conversation(self, user_id: int) -> int:
        if user_id not in self._conversations:
            body = {"recipient_id": str(user_id)}
            answer = await self._rest.call("POST", "/users/@me/channels", body)
            self._conversations[user_id] = int(answer["id"])
            while len(self._conversations) > CONVERSATIONS:
                self._conversations.popitem(last=False)
        return self._conversations[user_id]

    # --- herself ------------------------------------------------------------------------------------

    async def set_presence(self, text: str) -> None:
        """Also of every session to come."""
        self._gateway.presence = text[:PRESENCE_CHARS]
        session = self._gateway.session
        shown = discord.CustomActivity(self._gateway.presence) if text else None
        if session is not None:
            session.activity = shown
        if session is not None and session.is_ready():
            with _told_of_gateway():
                await session.change_presence(activity=shown)

    async def set_nickname(self, guild_id: int, nickname: str) -> None:
        body = {"nick": nickname[:NICKNAME_CHARS]}
        with _told():
            await self._rest.call("PATCH", "/guilds/{guild_id}/members/@me", body, guild_id=guild_id)

    async def set_avatar(self, image: bytes) -> None:
        kind = next((kind for start, kind in _IMAGES.items() if image.startswith(start)), "")
        if not kind:
            raise BackendError("discord_forbidden", "not a PNG, JPEG, GIF or WebP", retryable=False)
        data = base64.b64encode(image).decode()
        with _told():
            await self._rest.call("PATCH", "/users/@me", {"avatar": f"data:image/{kind};base64,{data}"})

    async def set_voice(self, guild_id: int, channel_id: int) -> None:
        session = self._session
        guild = session.get_guild(guild_id)
        if guild is None or guild.unavailable:
            raise BackendError("discord_forbidden", "no such guild", retryable=False)
        await session.voices.register(guild)
        where = discord.Object(channel_id) if channel_id else None
        with _told_of_gateway():
            await guild.change_voice_state(channel=where, self_deaf=True, self_mute=False)

    # --- reading ------------------------------------------------------------------------------------

    async def history(self, channel_id: int, after_id: int, limit: int) -> list[Incoming]:
        session, people = self._session, list[discord.Message]()
        for _ in range(HISTORY_LOOKS):
            messages = await self._messages(channel_id, after_id)
            people += [one for one in messages if session.eyes.is_a_persons(one)]
            if len(messages) < HISTORY_LOOKED_AT or len(people) >= limit:
                break
            after_id = messages[-1].id
        return [session.read(one) for one in people[: max(0, limit)]]

    async def message(self, channel_id: int, message_id: int) -> Incoming | None:
        session = self._session
        place = session.get_channel(channel_id) or session.get_partial_messageable(channel_id)
        if not isinstance(place, discord.abc.Messageable):
            return None
        with _told():
            try:
                return session.read(await session.rest.persist(lambda: place.fetch_message(message_id)))
            except Refused as refused:
                if refused.code in _GONE:  # a 404 without such a code is not Discord's word
                    return None
                raise

    async def replies(self, channel_id: int, message_id: int) -> list[int]:
        user = self._session.user
        messages = await self._messages(channel_id, message_id)
        return [
            one.id
            for one in messages
            if one.author == user and one.reference is not None and one.reference.message_id == message_id
        ]

    async def _messages(self, channel_id: int, after_id: int) -> list[discord.Message]:
        """What was written in a channel after a message, oldest first; the first few hundred."""
        session = self._session
        place = session.get_channel(channel_id) or session.get_partial_messageable(channel_id)
        if not isinstance(place, discord.abc.Messageable):
            return []

        async def look() -> list[discord.Message]:
            after = discord.Object(after_id)
            found = place.history(after=after, limit=HISTORY_LOOKED_AT, oldest_first=True)
            return [message async for message in found]

        with _told():
            return await session.rest.persist(look)

    async def person(self, guild_id: int, user_id: int) -> Person | None:
        """Asked anew each time: without the members intent nobody tells that somebody has left."""
        session, guild = self._session, self._guild(guild_id)
        if guild is None:
            raise BackendError("discord_unreachable", "the guild is away")
        with _told():
            try:
                return session.eyes.person(await session.rest.persist(lambda: guild.fetch_member(user_id)))
            except Refused as refused:
                if refused.code in _NO_MEMBER:
                    return None
                raise

    def voice_of(self, guild_id: int, user_id: int) -> int:
        guild = self._guild(guild_id)
        return next((room.id for room in _rooms(guild) if user_id in room.voice_states), 0)

    def voice_room(self, guild_id: int, channel_id: int) -> VoiceRoom | None:
        guild = self._guild(guild_id)
        return next((voice_room(room) for room in _rooms(guild) if room.id == channel_id), None)

    def voice_rooms(self, guild_id: int) -> list[VoiceRoom]:
        guild = self._guild(guild_id)
        return [voice_room(one) for one in _rooms(guild) if one.permissions_for(one.guild.me).view_channel]

    def channel_name(self, channel_id: int) -> str:
        session = self._gateway.session
        return str(getattr(session.get_channel(channel_id), "name", "") or "") if session else ""

    def names(self, guild_id: int) -> Names:
        guild = self._guild(guild_id)
        if guild is None:
            return Names()
        may = [(place, place.permissions_for(guild.me)) for place in [*guild.text_channels, *_rooms(guild)]]
        return Names(
            {place.id: place.name for place, here in may if here.view_channel and here.send_messages},
            {room.id: room.name for room in self.voice_rooms(guild_id)},
            {role.id: role.name for role in reversed(guild.roles) if not role.is_default()},
        )

    def guild_ids(self) -> list[int]:
        session = self._gateway.session
        return [guild.id for guild in session.present_guilds()] if session else []

    # --- inside -------------------------------------------------------------------------------------

    @property
    def _session(self) -> Session:
        session = self._gateway.session
        if session is None:
            raise BackendError("discord_unreachable", "not logged in")
        return session

    @property
    def _rest(self) -> Rest:
        return self._session.rest

    def _guild(self, guild_id: int) -> discord.Guild | None:
        session = self._gateway.session
        guild = session.get_guild(guild_id) if session and guild_id != DM else None
        return guild if guild and not guild.unavailable else None


def _rooms(guild: discord.Guild | None) -> list[Vocal]:
    return [*guild.voice_channels, *guild.stage_channels] if guild else []


class _Turns:
    """Who may post in a channel: one at a time, in the order of asking."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.n_waiting = 0


@contextmanager
def _told() -> Iterator[None]:
    """What a request raises becomes an error with a code; no trace of the request leaves."""
    try:
        yield
    except (Refused, Lost) as error:
        raise failure(error) from None
    except UNREADABLE as error:
        raise BackendError("discord_unreachable", f"unreadable answer: {type(error).__name__}") from None


@contextmanager
def _gone_is_fine(*codes: int) -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        if not refused.is_gone and refused.code not in codes:
            raise


@contextmanager
def _told_of_gateway() -> Iterator[None]:
    """What is sent by the gateway fails where its connection is just lost."""
    try:
        yield
    except (OSError, RuntimeError, AttributeError, discord.DiscordException) as error:
        raise BackendError("discord_unreachable", type(error).__name__) from None
