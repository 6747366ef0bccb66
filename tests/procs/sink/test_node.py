import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from bus.errors import BackendError
from bus.messages import Health, Intent, NodeState, Phase, TurnKind, TurnState, VoiceLink
from bus.testing import MemoryNode
from procs.discord_voice.app import VoiceNode
from procs.sink.backends.base import Lost, Moved, Recorded, Renew, Trouble
from procs.sink.core.peers import PEERS
from procs.sink.core.session import Rules
from tests.procs.sink.sound import end, frame, last_sample
from tests.waiting import until

pytestmark = pytest.mark.unit

ID, OTHER = "20261120-173000-a1b2", "20261120-173001-c3d4"
SINCE_MS = 1_000
TURN = 5_000


class HandSink:
    """A backend that a test plays by hand."""

    name = "hand"

    def __init__(self):
        self.connected, self.left, self.played, self.links = [], [], [], []
        self.may_connect = asyncio.Event()
        self.may_connect.set()
        self.refusal = None
        self.notify = None

    async def run(self, notify):
        self.notify = notify
        await asyncio.Event().wait()

    async def connect(self, session, intent):
        await self.may_connect.wait()
        if self.refusal:
            raise self.refusal
        self.connected.append((session, intent.voice_channel_id))

    async def leave(self, session):
        self.left.append(session)

    def play(self, session, turn, source):
        self.played.append((session, turn, source))

    def link(self, session, link):
        self.links.append((session, link))

    def facts(self):
        return {}

    def hear(self, n_frames):
        """What the newest stretch gives for `n_frames` reads: last samples, None at its end."""
        source = self.played[-1][2]
        return [last_sample(pcm) if (pcm := source.read()) else None for _ in range(n_frames)]


class Stage:
    """A voice node, its sink, and the other nodes as the test plays them."""

    def __init__(self, max_sessions=1, **rules):
        self.bus = MemoryNode("discord_voice", VoiceNode.reads)
        self.sink = HandSink()
        self.app = VoiceNode(self.bus, Rules("discord_voice", **rules), self.sink, max_sessions, 0)

    def level(self, session=ID):
        return self.bus.states.get(("control.session.discord_voice", session))

    def phase(self, session=ID):
        level = self.level(session)
        return level and level.phase

    def playout(self, session=ID):
        return self.bus.states.get(("report.playout.discord_voice", session))

    def milestones(self):
        return [(turn, event.kind) for _, event, _, turn in self.bus.emitted]

    async def intend(self, session=ID, revision=1, wanted=True, channel=42):
        intent = Intent(wanted, "discord_voice", SINCE_MS, revision, 7, channel, 43)
        await self.bus.deliver("control.intent", intent, session)

    async def peers(self, *applied, **states):
        floors = dict.fromkeys(applied, SINCE_MS)
        for peer in PEERS:
            health = Health(states.get(peer, NodeState.READY), 1, floors)
            await self.bus.deliver(f"report.health.{peer}", health)

    async def join(self, session=ID, *others):
        await self.intend(session)
        await self.peers(session, *others)
        await until(lambda: self.phase(session) is Phase.ACTIVE)

    async def audio(self, *frames, turn=TURN, session=ID):
        for each in frames:
            await self.bus.deliver("flow.audio.discord_voice", each, session, turn)

    async def floor(self, floor, session=ID):
        await self.bus.deliver("control.turn", TurnState(floor, 0), session)


@asynccontextmanager
async def running(stage: Stage) -> AsyncIterator[Stage]:
    task = asyncio.create_task(stage.app.run())
    try:
        await until(lambda: stage.sink.notify)
        yield stage
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def stage():
    async with running(Stage()) as stage:
        yield stage


@pytest.fixture
async def joined(stage):
    await stage.join()
    return stage


async def test_a_join_is_broadcast_and_active_once_connected_and_applied(stage):
    await stage.intend()
    await stage.peers()
    await until(lambda: stage.phase() is Phase.STARTING)
    await until(lambda: stage.sink.connected == [(ID, 42)])
    await stage.peers(ID)
    await until(lambda: stage.phase() is Phase.ACTIVE)
    assert (stage.level().since_ms, stage.level().voice_channel_id) == (SINCE_MS, 42)


async def test_sound_is_played_as_it_comes_and_its_turn_is_told_step_by_step(joined):
    await joined.audio(frame(0), frame(1))
    await until(lambda: joined.sink.played)
    assert joined.sink.played[0][:2] == (ID, TURN)
    assert joined.sink.hear(1) == [1]
    await until(lambda: joined.milestones() == [(TURN, TurnKind.RECEIVED), (TURN, TurnKind.FIRST_FRAME)])
    assert joined.sink.hear(1) == [2]
    await joined.audio(frame(2, final=True))
    await until(lambda: (joined.playout().played_ms, joined.playout().buffered_ms) == (40, 20))
    assert joined.sink.hear(2) == [3, None]
    await until(lambda: joined.playout().finished_turn == TURN)
    assert joined.milestones()[-1] == (TURN, TurnKind.DONE)
    assert (joined.playout().turn, joined.playout().played_ms, joined.playout().sent) == (TURN, 60, 3)


async def test_the_position_is_told_while_a_turn_sounds(joined):
    await joined.audio(*(frame(n) for n in range(10)))
    await until(lambda: joined.sink.played)
    joined.sink.hear(4)
    await until(lambda: joined.playout().played_ms == 80)
    assert joined.playout().buffered_ms == 120


async def test_a_raised_floor_silences_the_turn_within_a_frame(joined):
    await joined.audio(*(frame(n, 900) for n in range(10)))
    await until(lambda: joined.sink.played)
    joined.sink.hear(2)
    await joined.floor(TURN + 1)
    await until(lambda: joined.milestones()[-1] == (TURN, TurnKind.CUT))
    assert joined.playout().finished_turn == TURN
    await joined.audio(frame(10))
    assert joined.sink.hear(3) == [0, None, None]


async def test_the_turn_after_a_barge_in_is_heard(joined):
    await joined.audio(*(frame(n, 900) for n in range(10)))
    await until(lambda: joined.sink.played)
    joined.sink.hear(2)
    await joined.floor(TURN + 1)
    await joined.audio(frame(0, 55, final=True), turn=TURN + 1)
    await until(lambda: (TURN + 1, TurnKind.RECEIVED) in joined.milestones())
    assert joined.sink.hear(2) == [0, None]
    await until(lambda: len(joined.sink.played) == 2)
    assert joined.sink.hear(2) == [55, None]


async def test_a_leave_silences_releases_and_is_answered(joined):
    await joined.audio(*(frame(n, 900) for n in range(10)))
    await until(lambda: joined.sink.played)
    joined.sink.hear(1)
    await joined.intend(revision=2, wanted=False)
    await until(lambda: joined.phase() is Phase.STOPPING)
    assert joined.sink.left == []
    assert joined.sink.hear(2) == [0, None]
    await until(lambda: joined.phase() is Phase.IDLE)
    assert joined.level().revision == 2
    await until(lambda: joined.sink.left == [ID])
    await until(lambda: joined.playout() is None)


async def test_the_answer_is_cleared_after_a_while(joined):
    await joined.intend(revision=2, wanted=False)
    await until(lambda: joined.phase() is Phase.IDLE)
    assert joined.level().revision == 2, "the answer"
    joined.bus.fake_clock.advance_ms(5_000)
    await until(lambda: joined.level() is None)


async def test_a_second_session_is_refused_where_there_is_one_place(joined):
    await joined.intend(OTHER)
    await until(lambda: joined.phase(OTHER) is Phase.IDLE)
    assert (joined.level(OTHER).refusal, joined.level(OTHER).revision) == ("session_active", 1)
    assert joined.phase() is Phase.ACTIVE


async def test_sessions_side_by_side_do_not_mix():
    async with running(Stage(max_sessions=2)) as stage:
        await stage.join()
        await stage.join(OTHER, ID)
        await stage.audio(frame(0, 11))
        await stage.audio(frame(0, 22), session=OTHER)
        await until(lambda: len(stage.sink.played) == 2)
        await stage.floor(TURN + 1)
        await until(lambda: (TURN, TurnKind.CUT) in stage.milestones())
        heard = {session: source.read() for session, _, source in stage.sink.played}
        assert heard[ID] == b""
        assert last_sample(heard[OTHER]) == 22


async def test_a_missing_peer_is_named_by_a_refusal(stage):
    await stage.intend()
    for _ in range(10):
        await stage.peers(tts_bridge=NodeState.DEGRADED)
        await asyncio.sleep(0)
        stage.bus.fake_clock.advance_ms(1_000)
    await until(lambda: stage.phase() is Phase.IDLE)
    assert stage.level().refusal == "session_not_ready"


async def test_a_place_that_can_not_be_reached_is_told_with_its_code(stage):
    stage.sink.refusal = BackendError("sink_failed", "no answer")
    await stage.intend()
    await stage.peers(ID)
    await until(lambda: stage.phase() is Phase.IDLE)
    assert stage.level().reason == "sink_failed"
    await until(lambda: stage.sink.left == [ID])


async def test_a_leave_does_not_wait_for_a_connect_that_hangs(stage):
    stage.sink.may_connect.clear()
    await stage.intend()
    await stage.peers(ID)
    await until(lambda: stage.phase() is Phase.STARTING)
    await stage.intend(revision=2, wanted=False)
    await until(lambda: stage.phase() is Phase.IDLE)
    await until(lambda: stage.sink.left == [ID])
    assert stage.sink.connected == []


async def test_a_connect_that_hangs_is_given_up_in_time(stage):
    stage.sink.may_connect.clear()
    await stage.intend()
    await stage.peers(ID)
    await until(lambda: stage.phase() is Phase.STARTING)
    stage.bus.fake_clock.advance_ms(10_000)
    await until(lambda: stage.phase() is Phase.IDLE)
    assert stage.level().reason == "session_start_timeout"


async def test_a_newer_revision_moves_her(joined):
    await joined.intend(revision=2, channel=99)
    await until(lambda: joined.sink.connected == [(ID, 42), (ID, 99)])
    await until(lambda: joined.level().voice_channel_id == 99)
    assert (joined.phase(), joined.level().revision) == (Phase.ACTIVE, 2)


async def test_what_happens_to_the_place_is_told(joined):
    joined.sink.notify(Moved(ID, 77))
    assert joined.level().voice_channel_id == 77
    joined.sink.notify(Lost(ID, "sink_failed"))
    assert (joined.phase(), joined.level().reason) == (Phase.IDLE, "sink_failed")


async def test_credentials_are_handed_on_and_their_end_is_told(joined):
    link = VoiceLink(0, 1, 7, 42)
    await joined.bus.deliver("control.voice_link", link, ID)
    await until(lambda: joined.sink.links == [(ID, link)])
    joined.bus.lose("control.voice_link")
    await until(lambda: joined.sink.links[1:])
    assert joined.sink.links == [(ID, link), (ID, None)]


async def test_dead_credentials_raise_the_revision_above_those_of_an_earlier_life(joined):
    joined.sink.notify(Renew(ID))
    assert joined.level().link_revision == 1
    joined.sink.notify(Renew(ID, 4))
    assert joined.level().link_revision == 5


async def test_a_reborn_node_rejoins_by_itself_and_loses_nothing_of_the_turn_in_flight(stage):
    await stage.intend()
    await stage.audio(frame(100, 7))
    await stage.audio(frame(101, 8))
    await asyncio.sleep(0)
    await stage.peers(ID)
    await until(lambda: stage.sink.played)
    assert stage.level().since_ms == SINCE_MS
    assert stage.sink.hear(2) == [7, 8]
    await until(lambda: stage.playout().played_ms == 102 * 20)


async def test_sound_that_comes_while_the_session_starts_waits_for_it(stage):
    stage.sink.may_connect.clear()
    await stage.intend()
    await stage.peers(ID)
    await until(lambda: stage.phase() is Phase.STARTING)
    await stage.audio(frame(0, 33))
    await until(lambda: stage.milestones() == [(TURN, TurnKind.RECEIVED)])
    assert stage.sink.played == []
    stage.sink.may_connect.set()
    await until(lambda: stage.sink.played)
    assert stage.sink.hear(1) == [33]


async def test_a_turn_without_sound_is_finished(joined):
    await joined.audio(end())
    await until(lambda: joined.sink.played)
    assert joined.sink.hear(1) == [None]
    await until(lambda: joined.playout().finished_turn == TURN)


async def test_a_recording_is_named_for_its_turn_only(joined):
    await joined.audio(frame(0, final=True))
    await until(lambda: joined.sink.played)
    joined.sink.hear(2)
    joined.sink.notify(Recorded(ID, TURN, "sound.wav"))
    assert joined.playout().recording == "sound.wav"
    await joined.audio(frame(0), turn=TURN + 1)
    await until(lambda: len(joined.sink.played) == 2)
    joined.sink.hear(1)
    await until(lambda: joined.playout().turn == TURN + 1)
    assert joined.playout().recording == ""


async def test_a_full_disk_shows_in_health_until_it_is_mended(joined):
    joined.sink.notify(Trouble("disk_full", "No space left on device"))
    assert (joined.bus.health.state, joined.bus.health.code) == (NodeState.DEGRADED, "disk_full")
    joined.sink.notify(Trouble())
    assert (joined.bus.health.state, joined.bus.health.code) == (NodeState.READY, "")


async def test_health_shows_how_the_sound_was_paced(joined):
    await joined.audio(*(frame(n) for n in range(3)), frame(1), end())
    await until(lambda: joined.sink.played)
    for _ in range(4):
        joined.sink.hear(1)
        joined.bus.fake_clock.advance_ms(20)
    facts = await until(lambda: joined.bus.health.facts.get("frames") == "3" and joined.bus.health.facts)
    assert (facts["backend"], facts["deficit"], facts["gap_max_ms"]) == ("hand", "0", "20.0")
    assert facts["frames_doubled"] == "1"


async def test_the_node_falls_silent_and_leaves_when_it_is_stopped(joined):
    await joined.audio(*(frame(n, 900) for n in range(10)))
    await until(lambda: joined.sink.played)
    joined.sink.hear(1)
    stopping = asyncio.create_task(joined.app.stop())
    await until(lambda: joined.milestones()[-1][1] is TurnKind.CUT or stopping.done())
    assert joined.sink.hear(2) == [0, None]
    await stopping
    assert joined.sink.left == [ID]
