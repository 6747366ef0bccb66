import asyncio

import pytest

from bus import codec, wire
from bus.core import Receiver
from bus.errors import NotTheWriter
from bus.header import PROTOCOL, Header
from bus.inbox import Inbox
from bus.messages import Phase, SessionState, Token, TurnEvent, TurnKind, TurnState
from bus.testing import FakeClock
from bus.topics import topic
from tests.waiting import until

pytestmark = pytest.mark.unit


class Bench:
    """A receiver of tts_bridge with others' messages made by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.receiver = Receiver("tts_bridge", self.clock, ("flow.token", "report.turn."))
        self.receiver.inboxes["flow.token"] = Inbox(10)
        self.seq = 0

    def parts(self, name: str, message: object, src: str, turn: int = 0, boot: int = 1) -> list[bytes]:
        self.seq += 1
        header = Header(PROTOCOL, src, boot, self.seq, "s", turn, self.clock.mono_ns(), 0)
        return wire.pack(name, header, codec.encode(message))

    def live_session(self, since_ms: int = 100) -> None:
        state = SessionState("discord_voice", Phase.ACTIVE, since_ms, 1)
        self.receiver.take_published(self.parts("control.session.discord_voice", state, "discord_voice"))

    def token(self, text: str, turn: int, boot: int = 1) -> None:
        parts = self.parts("flow.token", Token(0, text), "llm_streamer", turn, boot)
        self.receiver.take_flow(topic("flow.token"), parts)

    async def texts(self) -> list[str]:
        """What the app gets without waiting."""
        texts: list[str] = []
        try:
            async with asyncio.timeout(0.01):
                async for received in self.receiver.pull("flow.token"):
                    texts.append(received.message.text)
        except TimeoutError:
            return texts
        return texts


async def test_messages_of_dead_turns_never_reach_the_app():
    bench = Bench()
    bench.live_session()
    bench.receiver.take_published(bench.parts("control.turn", TurnState(200, 0), "bot_main"))
    for turn in (50, 150, 200, 250):
        bench.token(str(turn), turn)
    assert await bench.texts() == ["200", "250"]
    assert bench.receiver.dropped_stale == 2


async def test_a_turn_that_dies_while_its_messages_wait_is_dropped_too():
    bench = Bench()
    bench.live_session()
    bench.token("dies", 150)
    bench.receiver.take_published(bench.parts("control.turn", TurnState(151, 0), "bot_main"))
    assert await bench.texts() == []


async def test_everything_is_dropped_once_the_session_is_lost():
    bench = Bench()
    bench.live_session()
    bench.clock.advance_ms(3_001)
    bench.token("late", 150)
    assert await bench.texts() == []


async def test_a_flow_that_is_faster_than_the_level_of_its_session_is_not_lost():
    bench = Bench()
    bench.live_session()
    bench.clock.advance_ms(3_001)
    bench.token("early", 150)
    taking = asyncio.create_task(anext(bench.receiver.pull("flow.token")))
    await asyncio.sleep(0)
    bench.live_session()
    assert (await taking).message.text == "early"


async def test_a_session_that_is_never_heard_of_is_waited_for_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bus.core.LATE_LEVEL_S", 0.02)
    bench = Bench()
    pulling = asyncio.create_task(anext(bench.receiver.pull("flow.token")))
    bench.token("nobody's", 150)
    await until(lambda: bench.receiver.dropped_stale == 1)
    monkeypatch.setattr("bus.core.LATE_LEVEL_S", 60)
    bench.token("nobody's", 151)
    await until(lambda: bench.receiver.dropped_stale == 2)
    bench.live_session()
    bench.token("hers", 152)
    assert (await pulling).message.text == "hers"


async def test_a_cut_turn_stays_dead_while_the_writer_of_the_floor_is_away():
    bench = Bench()
    bench.live_session()
    bench.receiver.take_published(bench.parts("control.turn", TurnState(200, 0), "bot_main"))
    for _ in range(5):
        bench.clock.advance_ms(1_000)
        bench.live_session()
        bench.receiver.forget()
    bench.token("cut", 150)
    bench.token("alive", 200)
    assert await bench.texts() == ["alive"]


async def test_an_older_incarnation_is_fenced_in_flows_too():
    bench = Bench()
    bench.live_session()
    bench.token("new", 150, boot=2)
    bench.token("woken", 150, boot=1)
    assert await bench.texts() == ["new"]
    assert bench.receiver.fence.fenced == 1


async def test_foreign_messages_are_counted_and_others_go_on():
    bench = Bench()
    bench.live_session()
    row = topic("flow.token")
    good = bench.parts("flow.token", Token(0, "good"), "llm_streamer", 150)
    for bad in (
        [b"junk"],
        bench.parts("flow.token", Token(0, "not the writer"), "bot_main", 150),
        bench.parts("flow.prompt", Token(0, "another topic"), "bot_main", 150),
        [*good[:2], b"\xc1"],
        [good[0], b"\xc1", good[2]],
    ):
        bench.receiver.take_flow(row, bad)
    bench.receiver.take_flow(row, good)
    bench.receiver.take_published([b"no.such.topic", good[1], good[2]])
    assert await bench.texts() == ["good"]
    assert bench.receiver.decode_errors == 6


async def test_events_reach_every_listener_from_the_moment_it_listens():
    bench = Bench()
    seen = []

    async def listen() -> None:
        async for received in bench.receiver.events("report.turn."):
            seen.append((received.topic, received.message.kind))

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    event = bench.parts("report.turn.llm_streamer", TurnEvent(TurnKind.DONE), "llm_streamer")
    bench.receiver.take_published(event)
    await asyncio.sleep(0)
    task.cancel()
    assert seen == [("report.turn.llm_streamer", TurnKind.DONE)]


async def test_a_follower_learns_of_a_loss_as_time_passes():
    bench = Bench()
    bench.live_session()
    changes = bench.receiver.follow("control.session.").changes()
    first = await anext(changes)
    bench.clock.advance_ms(3_001)
    bench.receiver.tick()
    last = await anext(changes)
    assert (first.new.phase, last.old.phase, last.new) == (Phase.ACTIVE, Phase.ACTIVE, None)


def test_the_acknowledgement_names_each_living_session_and_its_floor():
    bench = Bench()
    assert bench.receiver.applied() == {}
    bench.live_session(since_ms=100)
    assert bench.receiver.applied() == {"s": 100}
    bench.receiver.take_published(bench.parts("control.turn", TurnState(200, 0), "bot_main"))
    assert bench.receiver.applied() == {"s": 200}


async def test_what_the_contract_does_not_name_is_refused():
    receiver = Bench().receiver
    with pytest.raises(NotTheWriter):
        receiver.follow("report.health.bot_main")
    with pytest.raises(NotTheWriter):
        await anext(receiver.pull("flow.prompt"))
    with pytest.raises(NotTheWriter):
        Receiver("tts_bridge", FakeClock(), ("report.",))


def test_a_session_that_is_held_is_not_acknowledged():
    bench = Bench()
    ready: set[str] = set()
    bench.receiver.hold_sessions(ready.__contains__)
    bench.live_session(since_ms=100)
    assert bench.receiver.applied() == {}
    ready.add("s")
    assert bench.receiver.applied() == {"s": 100}
