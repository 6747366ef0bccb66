from dataclasses import replace

import pytest

from bus.errors import CODES
from bus.messages import Health, Intent, NodeState, Phase
from procs.sink.core.peers import PEERS
from procs.sink.core.session import (
    ANSWER_MS,
    MASTER_PATIENCE_MS,
    PEER_PATIENCE_MS,
    TRANSITIONS,
    Event,
    Rules,
    Session,
    World,
)

pytestmark = pytest.mark.unit

ID = "20261120-173000-a1b2"


def intent(revision=1, *, wanted=True, sink="discord_voice", channel=42):
    return Intent(
        wanted=wanted,
        sink=sink,
        since_ms=1_000,
        revision=revision,
        guild_id=7,
        voice_channel_id=channel,
        prompt_channel_id=43,
    )


def health(*, applied=False, **states):
    """Health of all peers; `tts_bridge=None` leaves one out."""
    chosen = {peer: states.get(peer, NodeState.READY) for peer in PEERS}
    floors = {ID: 1_000} if applied else {}
    return {peer: Health(state, 1, floors) for peer, state in chosen.items() if state}


class Stage:
    """A session and the world around it."""

    def __init__(self, **rules):
        self.now_ms = 50_000
        self.session = Session(ID, Rules("discord_voice", **rules), self.now_ms)
        self.intent = intent()
        self.health = health()
        self.place_free = True
        self.silent = True

    def step(self, after_ms=0):
        self.now_ms += after_ms
        world = World(self.intent, self.health, self.place_free, self.silent)
        return [row.event for row in self.session.step(world, self.now_ms)]

    @property
    def level(self):
        return self.session.state(self.now_ms)

    @property
    def phase(self):
        return self.session.phase

    def activate(self):
        self.step()
        self.session.connected(self.intent)
        self.health = health(applied=True)
        self.step()
        assert self.phase is Phase.ACTIVE
        return self


def test_nothing_is_said_before_there_is_something_to_say():
    stage = Stage()
    assert stage.level is None


def test_a_join_starts_and_is_active_once_connected_and_applied_by_all():
    stage = Stage()
    assert stage.step() == [Event.START]
    assert (stage.level.phase, stage.level.since_ms, stage.level.revision) == (Phase.STARTING, 1_000, 1)
    assert stage.level.voice_channel_id == 0
    stage.session.connected(stage.intent)
    assert stage.step() == []
    stage.health = health(applied=True)
    assert stage.step() == [Event.READY]
    level = stage.level
    assert (level.phase, level.guild_id, level.voice_channel_id, level.prompt_channel_id) == (
        Phase.ACTIVE, 7, 42, 43,
    )  # fmt: skip
    assert (level.refusal, level.reason) == ("", "")


@pytest.mark.parametrize("peer", list(PEERS))
def test_each_peer_must_have_applied_the_session(peer):
    stage = Stage()
    stage.step()
    stage.session.connected(stage.intent)
    stage.health = {**health(applied=True), peer: Health(NodeState.READY, 1)}
    assert stage.step() == []


def test_a_reborn_sink_rejoins_at_once_where_all_have_applied_the_session_already():
    stage = Stage()
    stage.health = health(applied=True)
    stage.step()
    stage.session.connected(stage.intent)
    stage.step()
    assert (stage.phase, stage.level.since_ms) == (Phase.ACTIVE, 1_000)


def test_a_start_beyond_the_places_is_refused_and_not_tried_again():
    stage = Stage()
    stage.place_free = False
    assert stage.step() == [Event.REFUSE]
    assert (stage.level.phase, stage.level.revision, stage.level.refusal) == (
        Phase.IDLE, 1, "session_active",
    )  # fmt: skip
    stage.place_free = True
    assert stage.step(1_000) == []
    stage.intent = intent(2)
    assert stage.step() == [Event.START]
    assert (stage.level.revision, stage.level.refusal) == (2, "")


@pytest.mark.parametrize(
    "states",
    [
        {"tts_bridge": None},
        {"llm_streamer": NodeState.DEGRADED},
        {"tts_bridge": NodeState.STARTING},
        {"bot_main": NodeState.STOPPING},
    ],
)
def test_a_missing_peer_is_waited_for_and_then_the_start_is_refused(states):
    stage = Stage()
    stage.health = health(**states)
    assert stage.step() == []
    assert stage.step(PEER_PATIENCE_MS - 1) == []
    assert stage.step(1) == [Event.REFUSE]
    assert stage.level.refusal == "session_not_ready"


def test_a_peer_that_is_only_restarting_does_not_cost_the_session():
    stage = Stage()
    stage.health = health(tts_bridge=None)
    stage.step()
    stage.health = health()
    assert stage.step(PEER_PATIENCE_MS - 1) == [Event.START]


def test_a_refusal_gives_the_code_of_the_peer_that_is_missing():
    stage = Stage()
    voice = replace(stage.health["tts_bridge"], state=NodeState.DEGRADED, code="tts_unreachable")
    stage.health = {**stage.health, "tts_bridge": voice}
    stage.step()
    stage.step(PEER_PATIENCE_MS)
    assert stage.level.refusal == "tts_unreachable"


@pytest.mark.parametrize("states", [{"llm_streamer": NodeState.LOADING}, {"bot_main": NodeState.DEGRADED}])
def test_a_loading_model_and_a_bot_without_discord_do(states):
    stage = Stage()
    stage.health = health(**states)
    assert stage.step() == [Event.START]


def test_a_sink_that_is_switched_off_refuses():
    stage = Stage(enabled=False)
    assert stage.step() == [Event.REFUSE]
    assert stage.level.refusal == "voice_disabled"


def test_a_leave_never_waits_for_a_connect():
    stage = Stage()
    stage.step()
    stage.intent = intent(2, wanted=False)
    assert stage.step() == [Event.STOP, Event.SILENT]
    assert (stage.level.phase, stage.level.revision) == (Phase.IDLE, 2)


def test_a_leave_waits_for_silence_but_not_for_ever():
    stage = Stage().activate()
    stage.intent, stage.silent = intent(2, wanted=False), False
    assert stage.step() == [Event.STOP]
    assert stage.step(1_999) == []
    assert stage.step(1) == [Event.OVERDUE]
    assert (stage.phase, stage.level.reason) == (Phase.IDLE, "")


def test_a_session_that_moves_to_another_sink_ends_here():
    stage = Stage().activate()
    stage.intent = intent(2, sink="web_gateway")
    assert stage.step() == [Event.STOP, Event.SILENT]


def test_a_start_that_takes_too_long_fails():
    stage = Stage()
    stage.step()
    stage.session.connected(stage.intent)
    assert stage.step(9_999) == []
    assert stage.step(1) == [Event.OVERDUE]
    assert (stage.level.phase, stage.level.reason) == (Phase.IDLE, "session_start_timeout")
    assert stage.step(60_000) == []


def test_a_sink_that_cannot_connect_fails_the_start_with_its_code():
    stage = Stage()
    stage.step()
    stage.session.lost("sink_failed")
    assert stage.step() == [Event.LOST]
    assert (stage.level.phase, stage.level.reason, stage.level.refusal) == (Phase.IDLE, "sink_failed", "")
    assert stage.step(1_000) == []


def test_a_place_lost_ends_the_session_and_is_not_rejoined_until_asked():
    stage = Stage().activate()
    stage.session.lost("sink_failed")
    assert stage.step() == [Event.LOST, Event.SILENT]
    assert stage.level.reason == "sink_failed"
    assert stage.step(60_000) == []
    stage.intent = intent(2)
    assert stage.step() == [Event.START]
    assert stage.level.reason == ""


def test_a_move_by_somebody_else_is_followed_in_the_level():
    stage = Stage().activate()
    stage.session.moved(99)
    assert stage.step() == []
    assert (stage.level.voice_channel_id, stage.level.revision) == (99, 1)


def test_a_newer_revision_moves_an_active_session():
    stage = Stage().activate()
    stage.intent = intent(2, channel=99)
    assert stage.step() == [Event.CHANGE]
    assert (stage.level.phase, stage.level.revision, stage.level.voice_channel_id) == (Phase.ACTIVE, 2, 42)
    stage.session.connected(stage.intent)
    assert stage.level.voice_channel_id == 99


def test_a_newer_revision_restarts_a_connect_and_its_time():
    stage = Stage()
    stage.step()
    stage.session.connected(stage.intent)
    stage.intent = intent(2, channel=99)
    stage.health = health(applied=True)
    assert stage.step(9_000) == [Event.CHANGE]
    assert stage.step(9_000) == []
    stage.session.connected(stage.intent)
    assert stage.step() == [Event.READY]


def test_a_session_outlives_its_master_for_half_a_minute():
    stage = Stage().activate()
    stage.health = {}
    assert stage.step(MASTER_PATIENCE_MS - 1) == []
    assert stage.step(1) == [Event.ORPHANED, Event.SILENT]
    assert stage.level.reason == "bot_unreachable"


def test_a_master_that_comes_back_finds_its_intent_carried_out():
    stage = Stage().activate()
    stage.health = {}
    stage.step(MASTER_PATIENCE_MS)
    assert stage.step(60_000) == []
    stage.health = health()
    assert stage.step() == [Event.START]
    assert stage.level.since_ms == 1_000


def test_an_old_intent_that_comes_late_changes_nothing():
    stage = Stage().activate()
    stage.intent = intent(3, wanted=False)
    stage.step()
    stage.intent = intent(2)
    assert stage.step(1_000) == []
    assert stage.level.revision == 3


def test_a_leave_where_nothing_runs_is_answered_and_the_refusal_before_it_stays_in_sight():
    stage = Stage()
    stage.place_free = False
    stage.step()
    stage.intent = intent(2, wanted=False)
    assert stage.step() == [Event.STOP]
    assert (stage.level.revision, stage.level.refusal) == (2, "session_active")


def test_join_and_leave_and_join_in_one_breath_ends_in_a_join():
    stage = Stage().activate()
    stage.intent, stage.silent = intent(2, wanted=False), False
    stage.step()
    stage.intent = intent(3)
    assert stage.step() == []
    stage.silent = True
    assert stage.step() == [Event.SILENT, Event.START]
    assert stage.level.revision == 3


def test_an_answer_is_shown_for_five_seconds_and_then_forgotten():
    stage = Stage().activate()
    stage.intent = intent(2, wanted=False)
    stage.step()
    stage.step(ANSWER_MS - 1)
    assert stage.level is not None
    assert not stage.session.is_over(stage.now_ms)
    stage.step(1)
    assert stage.level is None
    assert stage.session.is_over(stage.now_ms)


def test_a_refused_intent_that_still_stands_is_remembered():
    stage = Stage()
    stage.place_free = False
    stage.step()
    stage.step(ANSWER_MS)
    assert stage.level is None
    assert not stage.session.is_over(stage.now_ms)


def test_every_state_is_reachable_and_can_be_left_and_every_row_says_why():
    for phase in Phase:
        assert any(row.next is phase and row.state is not phase for row in TRANSITIONS)
        assert any(row.state is phase and row.next is not phase for row in TRANSITIONS)
    assert {row.event for row in TRANSITIONS} == set(Event)
    assert all(row.note.endswith(".") for row in TRANSITIONS)


def test_every_code_the_table_names_is_one_a_user_can_read_about():
    named = {word for row in TRANSITIONS for word in row.note.split("`")[1::2] if "_" in word}
    assert named - {"bot_main"} <= set(CODES)
