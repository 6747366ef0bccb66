"""Her voice in a server against a Discord played by dice: no ghosts, no stuck states, few joins."""

from collections import deque
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.messages import VoiceLink
from procs.bot_main.core.chat import VoicePair
from procs.bot_main.core.links import HUSH_MS, JOINS, MINUTE_MS, PATIENCE_MS, GuildLink, Want

pytestmark = pytest.mark.unit

GUILD, MIKU = 1, 99
ROOMS = (20, 21)
STEP_MS = 250


class World:
    """A server whose answers come late, and a session that comes and goes."""

    def __init__(self) -> None:
        self.link = GuildLink(GUILD)
        self.now_ms = 0
        self.place = 0
        self.asked: deque[int] = deque()
        """What Discord has not answered yet."""
        self.joins: list[int] = []
        self.want: Want | None = None
        self.n_sessions = 0
        self.n_pairs = 0
        self.link.online(MIKU, 0)

    def step(self) -> None:
        channel_id = self.link.step(self.want, self.now_ms)
        if channel_id is not None:
            self.asked.append(channel_id)
            if channel_id:
                self.joins.append(self.now_ms)

    def act(self, what: str, number: int) -> None:
        match what:
            case "join" if self.want is None:
                self.n_sessions += 1
                self.want = Want(f"s{self.n_sessions}", ROOMS[number % 2])
            case "leave":
                self.want = None
            case "renew" if self.want:
                revision = self.want.link_revision + 1
                self.want = Want(self.want.session, self.want.channel_id, revision)
            case "reborn" if self.want:
                self.want = Want(self.want.session, self.want.channel_id)
            case "answer":
                self.answer()
            case "refuse" if self.asked and self.asked[0]:
                self.asked.popleft()
            case "kick" if self.place:
                self.tell(0)
            case "move" if self.place:
                self.tell(ROOMS[number % 2])
            case "online":
                self.asked.clear()
                self.link.online(MIKU, self.place)
            case "unsent" if self.asked:
                self.asked.pop()
                self.link.unsent(self.now_ms)
            case "time":
                self.now_ms += number * STEP_MS
        self.step()

    def answer(self) -> None:
        """Discord carries out the oldest OP 4; nothing is told where nothing changes."""
        if self.asked and (channel_id := self.asked.popleft()) != self.place:
            self.tell(channel_id)

    def tell(self, channel_id: int) -> None:
        self.place = channel_id
        self.n_pairs += 1
        secret = (f"id{self.n_pairs}", "host:443", f"t{self.n_pairs}") if channel_id else ("", "", "")
        moved_to = self.link.pair(VoicePair(GUILD, MIKU, channel_id, *secret), room_exists=True)
        if moved_to and self.want:
            self.want = Want(self.want.session, moved_to, self.want.link_revision)

    def calm_down(self, ms: int = PATIENCE_MS + 20_000) -> None:
        """Nobody does anything; Discord answers everything."""
        for _ in range(ms // STEP_MS):
            self.now_ms += STEP_MS
            self.answer()
            self.step()


DEEDS = st.tuples(
    st.sampled_from(
        ("join", "leave", "renew", "reborn", "answer", "answer", "refuse", "kick", "move", "online",
         "unsent", "time")
    ),
    st.integers(0, 40),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(DEEDS, max_size=60))
def test_once_all_is_quiet_she_is_where_she_is_wanted_or_it_is_said_why(deeds: list[tuple[str, int]]):
    world = World()
    for what, number in deeds:
        world.act(what, number)
    world.calm_down()
    if world.want is None:
        assert world.place == 0
    elif world.link.code:
        assert world.place == 0
        told = world.link.link()
        assert told is not None
        assert (told.channel_id, told.code) == (0, world.link.code)
    else:
        assert world.place == world.want.channel_id
    for first, later in zip(world.joins, world.joins[JOINS:], strict=False):
        assert later - first >= MINUTE_MS


@settings(max_examples=200, deadline=None)
@given(st.lists(DEEDS, max_size=40))
def test_after_leaving_she_is_never_left_behind(deeds: list[tuple[str, int]]):
    world = World()
    for what, number in deeds:
        world.act(what, number)
    world.act("leave", 0)
    world.calm_down()
    assert world.place == 0
    assert world.link.link() is None


def joined() -> World:
    world = World()
    world.act("join", 0)
    world.answer()
    world.step()
    return world


def told(world: World) -> VoiceLink:
    link = world.link.link()
    assert link is not None
    return link


def renewed(every_ms: int) -> World:
    """She joins, and five times her sink needs new credentials."""
    world = World()
    world.act("join", 0)
    for _ in range(JOINS):
        world.calm_down(every_ms)
        world.act("renew", 0)
    return world


def test_a_renewal_beyond_five_joins_a_minute_waits_until_it_may_be_and_she_stays_meanwhile():
    world = renewed(every_ms=10_000)
    assert (len(world.joins), world.place, world.link.code) == (JOINS, ROOMS[0], "")
    world.calm_down(MINUTE_MS - world.now_ms + 2 * STEP_MS)
    assert len(world.joins) == JOINS + 1
    assert world.joins[-1] - world.joins[0] >= MINUTE_MS
    world.calm_down(2 * STEP_MS)
    told = world.link.link()
    assert told is not None
    assert (told.link_revision, told.channel_id, told.code) == (JOINS, ROOMS[0], "")


def test_a_renewal_that_would_have_to_wait_for_too_long_ends_the_session():
    world = renewed(every_ms=2_000)
    assert (len(world.joins), world.link.code) == (JOINS, "voice_rate_limited")


def test_somebody_who_calls_her_is_told_at_once_that_she_has_joined_too_often():
    world = World()
    for _ in range(JOINS + 1):
        assert world.link.code == ""
        world.act("join", 0)
        world.calm_down(4_000)
        if len(world.joins) < JOINS or not world.link.code:
            world.act("leave", 0)
            world.calm_down(4_000)
    assert (len(world.joins), world.link.code) == (JOINS, "voice_rate_limited")


def test_the_null_of_our_own_leaving_is_no_kick():
    world = joined()
    world.act("renew", 0)
    assert list(world.asked) == [0]
    world.calm_down(2_000)
    assert told(world) == VoiceLink(1, MIKU, GUILD, ROOMS[0], "id3", "host:443", "t3")


def test_a_sink_that_was_born_again_may_ask_anew():
    world = joined()
    world.act("renew", 0)
    world.calm_down(2_000)
    world.act("reborn", 0)
    assert told(world).token == "t3"
    world.act("renew", 0)
    world.calm_down(2_000)
    assert (told(world).link_revision, told(world).token) == (1, "t5")


def test_a_deleted_channel_and_a_lost_server_are_named():
    world = joined()
    world.link.pair(VoicePair(GUILD, MIKU, 0), room_exists=False)
    assert told(world).code == "voice_channel_gone"
    world = joined()
    world.link.guild_gone()
    assert told(world).code == "voice_guild_gone"


def test_half_a_pair_is_not_handed_on_but_a_server_that_goes_is():
    world = World()
    world.act("join", 0)
    world.link.pair(VoicePair(GUILD, MIKU, ROOMS[0], "id"), room_exists=True)
    assert world.link.link() is None
    world.link.pair(VoicePair(GUILD, MIKU, ROOMS[0], "id", "host", "t"), room_exists=True)
    assert told(world).endpoint == "host"
    world.link.pair(VoicePair(GUILD, MIKU, ROOMS[0], "id", "", "t"), room_exists=True)
    assert told(world).endpoint == ""


def test_where_she_may_not_speak_her_sink_is_told_why_and_she_stays():
    world = World()
    world.act("join", 0)
    world.calm_down()
    pair = world.link._pair
    assert pair is not None
    for change, is_stage, code in (
        ({"is_suppressed": True}, True, "voice_stage"),
        ({"is_suppressed": True, "is_muted": True}, False, "voice_no_permission"),
        ({"is_muted": True}, False, "voice_muted"),
        ({}, False, ""),
    ):
        world.link.pair(replace(pair, **change), room_exists=True, is_stage=is_stage)
        told = world.link.link()
        assert told is not None
        assert (told.silenced, told.code, told.channel_id) == (code, "", ROOMS[0])
        assert world.link.silenced == code
    world.link.pair(replace(pair, is_muted=True), room_exists=True)
    world.link.online(MIKU, ROOMS[0])
    assert world.link.silenced == "voice_muted", "until Discord says otherwise"


def test_a_new_gateway_session_lets_her_sink_fall_silent_before_it_takes_her_voice_over():
    world = World()
    world.link.online(MIKU, ROOMS[0])
    world.want = Want("s1", ROOMS[0])
    assert world.link.step(world.want, 0) is None
    assert told(world) == VoiceLink(0, MIKU, GUILD, ROOMS[0]), "a server is to be named"
    assert world.link.step(world.want, HUSH_MS - 1) is None
    assert world.link.step(world.want, HUSH_MS) == ROOMS[0]
    world.link.pair(VoicePair(GUILD, MIKU, ROOMS[0], "id", "host:443", "t"), room_exists=True)
    assert told(world) == VoiceLink(0, MIKU, GUILD, ROOMS[0], "id", "host:443", "t")


def test_a_renewal_of_an_earlier_life_is_answered_by_the_new_gateway_session_without_leaving():
    world = World()
    world.link.online(MIKU, ROOMS[0])
    world.want = Want("s1", ROOMS[0], link_revision=2)
    assert [world.link.step(world.want, ms) for ms in (0, HUSH_MS)] == [None, ROOMS[0]]
    world.link.pair(VoicePair(GUILD, MIKU, ROOMS[0], "id", "host:443", "t"), room_exists=True)
    assert told(world).link_revision == 2


def test_where_she_is_in_no_channel_nothing_is_waited_for():
    world = World()
    assert world.link.step(Want("s1", ROOMS[0]), 0) == ROOMS[0]
