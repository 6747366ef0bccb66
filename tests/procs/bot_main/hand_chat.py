"""A chat in memory, played by hand: what the app's and the features' tests use in the place of Discord.

    chat = HandChat()
    chat.says("hello Miku", by=ANNA)          # an Incoming is told
    chat.enters(ANNA, LOUNGE)                 # she is in a voice channel
    chat.fails("send", "discord_forbidden")   # the next send raises
    assert chat.texts() == ["Hello Anna!"]

It keeps the protocol of `backends/base_chat.py`, shown by the contract suite that Discord passes too.
What happens before `run` is told when it begins.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bus.errors import BackendError
from procs.bot_main.core.chat import (
    DM,
    Attachment,
    ChatEvent,
    Deleted,
    Edited,
    GuildGone,
    Incoming,
    Invoked,
    Mask,
    Names,
    Offline,
    Online,
    Person,
    Post,
    Rights,
    VoicePair,
    VoiceRoom,
    VoiceRoomChanged,
)

HOME = 1
"""The guild there is."""
GENERAL, SECRET = 10, 11
"""Text channels; she may not write in the second."""
LOUNGE, STAGE, CELLAR = 20, 21, 22
"""Voice channels: an open one, a stage, one she may not join."""
TEAM = 30
"""A role."""
MIKU = Person(99, "Miku")
ANNA, BERT = Person(101, "Anna"), Person(102, "Bert")
BOSS = Person(103, "Boss", Rights(is_admin=True, moves_members=True))
PAGE_CHARS = 2_000
_FIRST_MS = 1_700_000_000_000
_EPOCH_MS = 1_420_070_400_000
"""Discord's, from which snowflakes count."""


@dataclass
class Posted:
    """One post of hers, as it stands now."""

    ids: list[int]
    """Of the messages it became."""
    channel_id: int
    """0 for a direct message and for an answer to `Invoked`."""
    post: Post
    user_id: int = 0
    """Whom a direct message went to."""
    mask: Mask | None = None
    invoked: Invoked | None = None
    edits: list[Post] = field(default_factory=list)
    """What stood there before, oldest first."""
    is_deleted: bool = False


@dataclass
class _Failure:
    code: str
    times: int | None


class HandChat:
    """A `ChatBackend` with one furnished guild."""

    def __init__(self) -> None:
        self.posted: list[Posted] = []
        self.reactions: dict[int, list[str]] = defaultdict(list)
        """Message id → her own reactions, as they stand."""
        self.typed: list[int] = []
        """Channels in which she was seen writing."""
        self.presence = ""
        self.nicknames: dict[int, str] = {}
        self.avatars: list[bytes] = []
        self.voice_asks: list[tuple[int, int]] = []
        """(guild, channel) of every `set_voice`."""
        self.answers_voice = True
        """Whether `set_voice` is followed by a `VoicePair`, as Discord does unless it refuses."""
        self.people: dict[int, Person] = {one.id: one for one in (ANNA, BERT, BOSS, MIKU)}
        self.bots: set[int] = {MIKU.id}
        """People who are bots: in a room they count, but do not listen."""
        self.rooms: dict[int, VoiceRoom] = {
            LOUNGE: VoiceRoom(LOUNGE, "Lounge", False, (), 0, 0, 0),
            STAGE: VoiceRoom(STAGE, "Stage", True, (), 0, 0, 0),
            CELLAR: VoiceRoom(CELLAR, "Cellar", False, ("Connect",), 0, 0, 0),
        }
        self.channels: dict[int, str] = {GENERAL: "general", SECRET: "secret"}
        self.writable: list[int] = [GENERAL]
        self.roles: dict[int, str] = {TEAM: "Team"}
        self.guilds: list[int] = [HOME]
        self.heard: dict[int, list[Incoming]] = defaultdict(list)
        """Channel id → messages of people, oldest first."""
        self._is_away = False
        self._is_muted = False
        self._pair = VoicePair(HOME, MIKU.id, 0)
        self._seats: dict[int, int] = {}
        self._failures: dict[str, _Failure] = {}
        self.n_calls: Counter[str] = Counter()
        """Method → how often it was asked, failures too."""
        self._early: list[ChatEvent] = []
        self._notify: Callable[[ChatEvent], None] | None = None
        self._n = 0

    # --- what a test says ---------------------------------------------------------------------------

    def tell(self, event: ChatEvent) -> None:
        """Any event, as it is."""
        if self._notify:
            self._notify(event)
        else:
            self._early.append(event)

    def comes_online(self, code: str = "") -> None:
        """A new gateway session; her voice of the old one is over."""
        self._seats.pop(MIKU.id, None)
        self._is_away = False
        invite = "https://discord.example/invite"
        self.tell(Online(MIKU.id, MIKU.name, tuple(self.guilds), code, invite))

    def goes_offline(self, code: str = "discord_unreachable", is_final: bool = False) -> None:
        """The gateway is away, and with it every guild."""
        self._is_away = True
        self.tell(Offline(code, is_final))

    def says(
        self,
        text: str,
        by: Person = ANNA,
        channel_id: int = GENERAL,
        guild_id: int = HOME,
        is_addressed: bool = False,
        reply_to: Incoming | Posted | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> Incoming:
        """Somebody writes; a direct message (`guild_id=DM`) and a reply to her always address her."""
        to_id, to_text = self._replied(reply_to)
        is_hers = isinstance(reply_to, Posted)
        id_ = self._new_id()
        addressed = is_addressed or guild_id == DM or is_hers
        written_ms = (id_ >> 22) + _EPOCH_MS
        message = Incoming(
            id_, guild_id, channel_id, by, text, written_ms, addressed, to_id, to_text, attachments
        )
        self.heard[channel_id].append(message)
        self.tell(message)
        return message

    def edits(self, message: Incoming, text: str, *, is_told: bool = True) -> Incoming:
        """Somebody gives a message new words; not told: while the gateway is away."""
        changed = replace(message, text=text)
        kept = self.heard[message.channel_id]
        self.heard[message.channel_id] = [changed if one.id == message.id else one for one in kept]
        if is_told:
            self.tell(Edited(changed))
        return changed

    def deletes(self, *messages: Incoming, is_told: bool = True) -> None:
        """Somebody takes messages of one channel away; not told: while the gateway is away."""
        channel_id, gone = messages[0].channel_id, {one.id for one in messages}
        self.heard[channel_id] = [one for one in self.heard[channel_id] if one.id not in gone]
        if is_told:
            self.tell(Deleted(channel_id, tuple(gone)))

    def invokes(
        self,
        command: str,
        by: Person = ANNA,
        channel_id: int = GENERAL,
        guild_id: int = HOME,
        **arguments: str,
    ) -> Invoked:
        """Somebody uses a slash command or clicks a button."""
        invoked = Invoked(self._new_id(), command, arguments, guild_id, channel_id, by)
        self.tell(invoked)
        return invoked

    def enters(self, who: Person, channel_id: int) -> None:
        """Somebody (Miku herself too: moved by a moderator) goes into a voice channel; 0 = out."""
        self._seats[who.id] = channel_id
        if not channel_id:
            del self._seats[who.id]
        if who.id == MIKU.id:
            self._tell_pair(HOME, channel_id)
        self.tell(VoiceRoomChanged(HOME))

    def leaves(self, who: Person) -> None:
        """Somebody leaves voice; of Miku: she is kicked out of it."""
        self.enters(who, 0)

    def quits(self, who: Person) -> None:
        """Somebody is no longer in the guild; without the members intent nobody is told."""
        del self.people[who.id]

    def mutes_her(self, *, yes: bool = True) -> None:
        """A moderator mutes her in the whole guild, or takes that back."""
        self._is_muted = yes
        self._pair = replace(self._pair, is_muted=yes)
        self.tell(self._pair)

    def invites_her_to_speak(self) -> None:
        """On a stage somebody lets her speak."""
        self._pair = replace(self._pair, is_suppressed=False)
        self.tell(self._pair)

    def changes_room(self, channel_id: int, **fields: object) -> None:
        """A voice channel gets other properties (`missing`, `user_limit`, ...)."""
        self.rooms[channel_id] = replace(self.rooms[channel_id], **fields)  # type: ignore[arg-type]
        self.tell(VoiceRoomChanged(HOME))

    def deletes_room(self, channel_id: int) -> None:
        """A voice channel is deleted, and everybody is out of it."""
        del self.rooms[channel_id]
        for user_id in [user for user, room in self._seats.items() if room == channel_id]:
            del self._seats[user_id]
            if user_id == MIKU.id:
                self._tell_pair(HOME, 0)
        self.tell(VoiceRoomChanged(HOME))

    def loses_guild(self, guild_id: int = HOME) -> None:
        """A guild is unavailable, or she was removed from it."""
        self.guilds.remove(guild_id)
        self.tell(GuildGone(guild_id))

    def fails(self, method: str, code: str = "discord_unreachable", times: int | None = 1) -> None:
        """The next `times` calls of a method raise `BackendError(code)`; None = until `mend`."""
        assert callable(getattr(self, method)), method
        self._failures[method] = _Failure(code, times)

    def mend(self, method: str) -> None:
        """The method works again."""
        self._failures.pop(method, None)

    # --- what a test reads --------------------------------------------------------------------------

    def texts(self, channel_id: int = GENERAL) -> list[str]:
        """What can be read of her in a channel now."""
        return [one.post.text for one in self._standing() if one.channel_id == channel_id]

    def dms(self, who: Person) -> list[str]:
        """What she wrote to somebody directly."""
        return [one.post.text for one in self._standing() if one.user_id == who.id]

    def answers(self, invoked: Invoked) -> list[Post]:
        """How she answered a slash command or a click."""
        return [one.post for one in self.posted if one.invoked is not None and one.invoked.id == invoked.id]

    def _standing(self) -> list[Posted]:
        return [one for one in self.posted if not one.is_deleted]

    # --- the protocol -------------------------------------------------------------------------------

    async def run(self, notify: Callable[[ChatEvent], None]) -> None:
        self._notify = notify
        early, self._early = self._early, []
        for event in early:
            notify(event)
        try:
            await asyncio.Event().wait()
        finally:
            self._notify = None

    async def send(self, channel_id: int, post: Post) -> list[int]:
        self._may("send")
        return self._keep(Posted([], channel_id, post))

    async def send_dm(self, user_id: int, post: Post) -> list[int]:
        self._may("send_dm")
        return self._keep(Posted([], 0, post, user_id))

    async def edit(self, channel_id: int, message_id: int, post: Post) -> None:
        self._may("edit")
        assert len(post.text) <= PAGE_CHARS, "must fit in one message"
        posted = self._find(message_id)
        if posted is None:
            raise BackendError("discord_forbidden", "no such message", retryable=False)
        posted.edits.append(posted.post)
        posted.post = post

    async def delete(self, channel_id: int, message_id: int) -> None:
        self._may("delete")
        if posted := self._find(message_id):
            posted.is_deleted = True

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        self._may("react")
        if self._is_there(channel_id, message_id) and emoji not in self.reactions[message_id]:
            self.reactions[message_id].append(emoji)

    async def unreact(self, channel_id: int, message_id: int, emoji: str) -> None:
        self._may("unreact")
        if emoji in self.reactions[message_id]:
            self.reactions[message_id].remove(emoji)

    async def answer(self, invoked: Invoked, post: Post) -> None:
        self._may("answer")
        self._keep(Posted([], 0, post, invoked=invoked))

    async def send_masked(self, channel_id: int, mask: Mask, post: Post) -> int:
        self._may("send_masked")
        return self._keep(Posted([], channel_id, post, mask=mask))[-1]

    async def typing(self, channel_id: int) -> None:
        self._may("typing")
        self.typed.append(channel_id)

    async def set_presence(self, text: str) -> None:
        self._may("set_presence")
        self.presence = text

    async def set_nickname(self, guild_id: int, nickname: str) -> None:
        self._may("set_nickname")
        self.nicknames[guild_id] = nickname

    async def set_avatar(self, image: bytes) -> None:
        self._may("set_avatar")
        self.avatars.append(image)

    async def set_voice(self, guild_id: int, channel_id: int) -> None:
        self._may("set_voice")
        self.voice_asks.append((guild_id, channel_id))
        if self.answers_voice:
            self.enters(MIKU, channel_id) if channel_id else self._step_out()

    async def history(self, channel_id: int, after_id: int, limit: int) -> list[Incoming]:
        self._may("history")
        return [one for one in self.heard[channel_id] if one.id > after_id][:limit]

    async def message(self, channel_id: int, message_id: int) -> Incoming | None:
        self._may("message")
        return next((one for one in self.heard[channel_id] if one.id == message_id), None)

    async def replies(self, channel_id: int, message_id: int) -> list[int]:
        self._may("replies")
        hers = (
            one
            for one in self._standing()
            if one.channel_id == channel_id and one.post.reply_to == message_id
        )
        return [id_ for one in hers for id_ in one.ids]

    async def person(self, guild_id: int, user_id: int) -> Person | None:
        self._may("person")
        if guild_id not in self.guild_ids():
            raise BackendError("discord_unreachable", "by hand")
        return self.people.get(user_id)

    def voice_of(self, guild_id: int, user_id: int) -> int:
        return self._seats.get(user_id, 0)

    def voice_room(self, guild_id: int, channel_id: int) -> VoiceRoom | None:
        room = self.rooms.get(channel_id)
        if room is None:
            return None
        inside = {user for user, seat in self._seats.items() if seat == channel_id} - {MIKU.id}
        return replace(room, n_people=len(inside), n_listeners=len(inside - self.bots))

    def voice_rooms(self, guild_id: int) -> list[VoiceRoom]:
        return [room for one in self.rooms if (room := self.voice_room(guild_id, one))]

    def channel_name(self, channel_id: int) -> str:
        room = self.rooms.get(channel_id)
        return room.name if room else self.channels.get(channel_id, "")

    def names(self, guild_id: int) -> Names:
        rooms = {room.id: room.name for room in self.rooms.values()}
        return Names({id_: self.channels[id_] for id_ in self.writable}, rooms, dict(self.roles))

    def guild_ids(self) -> list[int]:
        return [] if self._is_away else list(self.guilds)

    # --- inside -------------------------------------------------------------------------------------

    def _may(self, method: str) -> None:
        self.n_calls[method] += 1
        failure = self._failures.get(method)
        if failure is None:
            return
        if failure.times is not None:
            failure.times -= 1
            if failure.times <= 0:
                del self._failures[method]
        raise BackendError(failure.code, "by hand")

    def _keep(self, posted: Posted) -> list[int]:
        """Remembers a post; one whose nonce is known already changes nothing."""
        nonce = posted.post.nonce
        for known in self.posted:
            if nonce and known.post.nonce == nonce and known.channel_id == posted.channel_id:
                return known.ids
        n_messages = max(1, -(-len(posted.post.text) // PAGE_CHARS))
        posted.ids = [self._new_id() for _ in range(n_messages)]
        self.posted.append(posted)
        return posted.ids

    def _find(self, message_id: int) -> Posted | None:
        return next((one for one in self._standing() if message_id in one.ids), None)

    def _is_there(self, channel_id: int, message_id: int) -> bool:
        return any(one.id == message_id for one in self.heard[channel_id]) or bool(self._find(message_id))

    def _replied(self, to: Incoming | Posted | None) -> tuple[int, str]:
        if isinstance(to, Posted):
            return to.ids[-1], to.post.text
        return (to.id, to.text) if to else (0, "")

    def _step_out(self) -> None:
        if MIKU.id in self._seats:
            self.enters(MIKU, 0)

    def _tell_pair(self, guild_id: int, channel_id: int) -> None:
        self._pair = VoicePair(guild_id, MIKU.id, 0)
        if channel_id:
            self._n += 1
            secrets = (f"session-{self._n}", "voice.example:443", f"token-{self._n}")
            is_stage = self.rooms[channel_id].is_stage
            self._pair = VoicePair(
                guild_id, MIKU.id, channel_id, *secrets, is_muted=self._is_muted, is_suppressed=is_stage
            )
        self.tell(self._pair)

    def _new_id(self) -> int:
        """A snowflake, a second after the one before."""
        self._n += 1
        return (_FIRST_MS + 1_000 * self._n - _EPOCH_MS) << 22
