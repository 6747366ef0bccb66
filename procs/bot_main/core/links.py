"""Her voice in one Discord server: when to ask for which channel (OP 4), and what her sink is told. Pure.

Driven by levels: where she is wanted, and where Discord says that she is. What was asked is remembered, so
that Discord's answer to it is told from somebody's kick or move. An answer may not come: a join that is
refused is met with silence. Source: Discord's documentation of voice connections and gateway events.
"""

from collections import deque
from dataclasses import dataclass

from bus.messages import VoiceLink
from procs.bot_main.core.chat import VoicePair

JOINS = 5
"""Joins in a minute; Discord's own limit is not published, and this is far below all that was seen."""
MINUTE_MS = 60_000
PATIENCE_MS = 30_000
"""A session that goes on waits so long at most until she may join again; nobody waits longer for a voice."""
NULL_MS = 2_000
"""So long the answer to our own leaving is awaited before she joins again."""
ANSWER_MS = 7_000
"""So long Discord may take to let her in: less than the session's own limit, so that the cause is named."""
REPEAT_MS = 5_000
"""A ghost is asked to leave again after this."""
RETRY_MS = 2_000
"""After an OP 4 that could not be sent."""
HUSH_MS = 200
"""So long her sink has to fall silent (five silence frames) before a new gateway session takes her voice
over: that ends its connection, and what is on its way then is heard by nobody."""


@dataclass(frozen=True)
class Want:
    """Where a session wants her."""

    session: str
    channel_id: int
    link_revision: int = 0
    """What its sink asks for: larger than the one answered = it needs new credentials."""


class GuildLink:
    """One server.

    Args:
        guild_id: its id.
        joins_per_minute: more are not asked for.
    """

    def __init__(self, guild_id: int, joins_per_minute: int = JOINS) -> None:
        self._max_joins = joins_per_minute
        self.guild_id = guild_id
        self.place = 0
        """Channel she is in, as Discord says; 0 = in none."""
        self._user_id = 0
        self._is_online = False
        self._pair: VoicePair | None = None
        self._asked: int | None = None
        """Channel asked for last, 0 = to leave; None = nothing since READY."""
        self._asked_ms = 0
        self._arrived = False
        """Whether Discord has shown her in the channel asked for: only then can she be moved or kicked."""
        self._expects_null = False
        """Whether the answer to our own leaving is still to come."""
        self._is_due = False
        self._not_before_ms = 0
        self._hushed_ms: int | None = None
        """Since when her sink knows that another connection is coming."""
        self._joins: deque[int] = deque()
        self._has_joined = False
        """Whether she was asked into a channel for this session before."""
        self._want: Want | None = None
        self._seen_revision = self._answered_revision = 0
        self._code = ""
        """Why the session of `_want` can't have her any more."""
        self._silenced = ""
        self._link: VoiceLink | None = None

    # --- what Discord says --------------------------------------------------------------------------

    def online(self, user_id: int, place: int) -> None:
        """A new gateway session: all credentials are void; she may be in a channel since an earlier life."""
        self._user_id = user_id
        self._is_online = True
        self.place = place
        self._pair = None
        self._asked = self._hushed_ms = None
        self._arrived = self._expects_null = False

    def sees(self, place: int) -> None:
        """Where the server's list shows her, while nothing was asked: a ghost may come to light late."""
        if self._asked is None or (self._asked == 0 and not self._expects_null):
            self.place = place

    def pair(self, pair: VoicePair, room_exists: bool, *, is_stage: bool = False) -> int:
        """Discord's word on her voice.

        Args:
            room_exists: whether the channel that is wanted does.
            is_stage: whether the channel she is in is one.

        Returns:
            The channel that somebody has moved her to, 0 for no move.
        """
        self._user_id, self._pair, self.place = pair.user_id, pair, pair.channel_id
        if pair.channel_id:
            self._silenced = _silenced(pair, is_stage)
        if pair.channel_id == 0:
            self._out(room_exists)
        elif pair.channel_id == self._asked:
            self._arrived = True
        elif self._asked and self._arrived:
            self._asked = pair.channel_id
            return pair.channel_id
        return 0

    def _out(self, room_exists: bool) -> None:
        if self._expects_null:
            self._expects_null = False
        elif self._asked and self._arrived:
            self._end("voice_kicked" if room_exists else "voice_channel_gone")

    def guild_gone(self) -> None:
        """The server is away: there is nothing to leave."""
        self.place = 0
        self._expects_null = False
        if self._asked and self._want:
            self._end("voice_guild_gone")

    def unsent(self, now_ms: int) -> None:
        """The OP 4 of the last step did not get out."""
        if self._asked and self._joins:
            self._joins.pop()
        self._asked = None
        self._arrived = self._expects_null = False
        self._is_due = self._want is not None
        self._not_before_ms = now_ms + RETRY_MS

    # --- what is due --------------------------------------------------------------------------------

    def step(self, want: Want | None, now_ms: int) -> int | None:
        """What to ask Discord for now: a channel, 0 to leave, None for nothing."""
        self._take(want)
        if not self._is_online or now_ms < self._not_before_ms:
            return None
        if want is None or self._code:
            return self._leaving(now_ms)
        if self._expects_null and now_ms - self._asked_ms < NULL_MS:
            return None
        if self._is_due or self._asked is None or want.link_revision > self._answered_revision:
            return self._joining(want, now_ms)
        if not self._arrived and now_ms - self._asked_ms >= ANSWER_MS:
            self._end("voice_refused")
        return None

    def _joining(self, want: Want, now_ms: int) -> int | None:
        """Into the wanted channel; out of it first, where she is there with dead credentials."""
        if self._may_not_join(now_ms):
            return self._leaving(now_ms) if self._code else None
        if want.link_revision > self._answered_revision:
            self._answered_revision = want.link_revision
            self._is_due = True
            if self.place and self._asked is not None:
                return self._ask(0, now_ms)
        return None if self._hushes(now_ms) else self._join(want.channel_id, now_ms)

    def _hushes(self, now_ms: int) -> bool:
        """Whether her sink is still falling silent, on the connection of an earlier gateway session."""
        if self._asked is not None or not self.place:
            return False
        if self._hushed_ms is None:
            self._hushed_ms = now_ms
            self._link = VoiceLink(self._answered_revision, self._user_id, self.guild_id, self.place)
        return now_ms - self._hushed_ms < HUSH_MS

    def _take(self, want: Want | None) -> None:
        """Notice what has changed in the wish."""
        before, self._want = self._want, want
        if want is None:
            self._link, self._code, self._silenced = None, "", ""
            return
        if before is None or before.session != want.session:
            self._link, self._code = None, ""
            self._seen_revision = self._answered_revision = 0
            self._is_due, self._has_joined = True, False
        elif want.channel_id not in (before.channel_id, self._asked):
            self._is_due = True
        if want.link_revision < self._seen_revision:
            self._answered_revision = 0  # its sink was born again and counts anew
        self._seen_revision = want.link_revision

    def _leaving(self, now_ms: int) -> int | None:
        if self._asked:
            return self._ask(0, now_ms)
        is_new = self._asked is None or now_ms - self._asked_ms >= REPEAT_MS
        return self._ask(0, now_ms) if self.place and is_new else None

    def _may_not_join(self, now_ms: int) -> bool:
        """Whether there were too many; who calls her is told so at once, a session that goes on waits."""
        while self._joins and now_ms - self._joins[0] >= MINUTE_MS:
            self._joins.popleft()
        if len(self._joins) < self._max_joins:
            return False
        wait_ms = self._joins[0] + MINUTE_MS - now_ms
        if wait_ms > (PATIENCE_MS if self._has_joined else 0):
            self._end("voice_rate_limited")
        return True

    def _join(self, channel_id: int, now_ms: int) -> int:
        self._has_joined = True
        self._joins.append(now_ms)
        # After READY she may be there already; Discord need not repeat itself then.
        is_there = self._asked is None and self.place == channel_id
        self._ask(channel_id, now_ms)
        self._arrived = is_there
        self._is_due = self._expects_null = False
        return channel_id

    def _ask(self, channel_id: int, now_ms: int) -> int:
        if channel_id == 0:
            self._expects_null = bool(self.place or (self._asked and not self._arrived))
            self._pair = None
        self._asked, self._asked_ms, self._arrived = channel_id, now_ms, False
        return channel_id

    def _end(self, code: str) -> None:
        self._code = code
        if not self.place and self._arrived:
            self._asked = 0
        self._arrived = self._is_due = False

    # --- what the sink is told ----------------------------------------------------------------------

    @property
    def code(self) -> str:
        """Why the wanted session can't have her, empty while it can."""
        return self._code

    @property
    def silenced(self) -> str:
        """Why nobody hears her where she is, as Discord says; empty if she may speak."""
        return self._silenced

    def link(self) -> VoiceLink | None:
        """The newest credentials for the wanted session, None before the first."""
        if self._want is None:
            return None
        if self._code:
            return VoiceLink(self._answered_revision, self._user_id, self.guild_id, 0, code=self._code)
        pair = self._pair
        is_there = pair is not None and pair.channel_id and self._arrived and pair.voice_session_id
        if pair and is_there and ((pair.endpoint and pair.token) or self._link):
            # Half a pair is no news, but a server that was taken away is: another one will be named.
            self._link = VoiceLink(
                self._answered_revision, pair.user_id, self.guild_id, pair.channel_id,
                pair.voice_session_id, pair.endpoint, pair.token, silenced=self._silenced,
            )  # fmt: skip
        return self._link


def _silenced(pair: VoicePair, is_stage: bool) -> str:
    """Error code while she may not speak."""
    if pair.is_suppressed:
        return "voice_stage" if is_stage else "voice_no_permission"
    return "voice_muted" if pair.is_muted else ""
