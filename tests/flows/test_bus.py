"""The bus over real sockets: late joiners, restarts, stale data, backpressure, taps, fences."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bus.audio import SILENCE
from bus.errors import AddressTaken, NotTheWriter, PeerStalled
from bus.messages import (
    AudioFrame,
    Health,
    Intent,
    NodeState,
    Prompt,
    Request,
    RequestAnswer,
    RequestKind,
    Token,
    TurnEvent,
    TurnKind,
)
from bus.node import Node
from bus.sockets import tap
from bus.topics import TOPICS, topic
from tests.flows.network import SESSION, Network, floor, live_session
from tests.waiting import until

pytestmark = pytest.mark.flow

TURN = 2_000


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network() as network:
        yield network


class Collector:
    """Takes everything a flow hands to an app."""

    def __init__(self, node: Node, flow: str) -> None:
        self.received = []
        self._task = asyncio.create_task(self._collect(node, flow))

    async def _collect(self, node: Node, flow: str) -> None:
        async for received in node.pull(flow):
            self.received.append(received)

    @property
    def texts(self) -> list[str]:
        return [received.message.text for received in self.received]


async def test_a_late_joiner_learns_every_level_at_once(network):
    bot, sink = await network.start("bot_main", "discord_voice")
    live_session(sink)
    floor(bot, 1_500)
    bot.set_state("control.intent", Intent(True, "discord_voice", 1, 1), SESSION)
    (late,) = await network.start("tts_bridge")
    assert late.is_live(SESSION, 1_500)
    assert not late.is_live(SESSION, 1_499)


async def test_every_node_acknowledges_a_session_and_its_floor(network):
    bot, _, _, sink = await network.start("bot_main", "llm_streamer", "tts_bridge", "discord_voice")
    live_session(sink)
    floor(bot, 1_500)
    health = sink.follow("report.health.")
    peers = {"bot_main", "llm_streamer", "tts_bridge", "web_gateway"}
    await until(lambda: {src for src, _, h in health.items() if h.applied == {SESSION: 1_500}} >= peers)
    assert {src for src, _, h in health.items() if SESSION in h.applied} == peers


async def test_a_token_arrives_with_its_turn_and_in_order(network):
    streamer, bridge, sink = await network.start("llm_streamer", "tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: streamer.is_live(SESSION, TURN) and bridge.is_live(SESSION, TURN))
    collector = Collector(bridge, "flow.token")
    for i in range(500):
        await streamer.push("flow.token", Token(i, str(i)), SESSION, TURN)
    await until(lambda: len(collector.received) == 500)
    assert collector.texts == [str(i) for i in range(500)]
    assert {(r.session, r.turn, r.header.src) for r in collector.received} == {
        (SESSION, TURN, "llm_streamer")
    }


async def test_data_of_a_dead_turn_drops_itself_and_is_counted(network):
    bot, streamer, bridge, sink = await network.start(
        "bot_main", "llm_streamer", "tts_bridge", "discord_voice"
    )
    live_session(sink)
    floor(bot, TURN + 1)
    await until(lambda: bridge.is_live(SESSION, TURN + 1) and not bridge.is_live(SESSION, TURN))
    collector = Collector(bridge, "flow.token")
    for i in range(20):
        await streamer.push("flow.token", Token(i, "stale"), SESSION, TURN)
    await streamer.push("flow.token", Token(0, "fresh"), SESSION, TURN + 1)
    await until(lambda: collector.received)
    assert collector.texts == ["fresh"]
    health = sink.follow("report.health.")
    await until(lambda: health.get(src="tts_bridge").dropped_stale == 20)


async def test_raising_the_floor_cancels_work_in_other_processes(network):
    bot, bridge, sink = await network.start("bot_main", "tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: bridge.is_live(SESSION, TURN))
    entered = asyncio.Event()

    async def work() -> bool:
        async with bridge.turn_scope(SESSION, TURN) as scope:
            entered.set()
            await asyncio.sleep(3600)
        return scope.cancelled

    task = asyncio.create_task(work())
    await entered.wait()
    floor(bot, TURN + 1)
    assert await asyncio.wait_for(task, 5)


async def test_a_flow_without_a_reader_fails_after_its_deadline_and_works_again_later(network):
    (streamer,) = await network.start("llm_streamer")
    with pytest.raises(PeerStalled, match=r"flow\.token"):
        await streamer._pushers["flow.token"].push([b"flow.token", b"", b""], deadline_s=0.05)
    bridge, sink = await network.start("tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: bridge.is_live(SESSION, TURN) and streamer.is_live(SESSION, TURN))
    collector = Collector(bridge, "flow.token")
    await streamer.push("flow.token", Token(0, "hello"), SESSION, TURN)
    await until(lambda: collector.texts == ["hello"])


async def test_nothing_queued_for_a_dead_reader_reaches_its_successor(network):
    streamer, _, sink = await network.start("llm_streamer", "tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: streamer.is_live(SESSION, TURN))
    for i in range(50):  # nobody pulls in the app: they wait in the reader
        await streamer.push("flow.token", Token(i, "for the dead"), SESSION, TURN)
    await network.kill("tts_bridge")
    (reborn,) = await network.start("tts_bridge")
    collector = Collector(reborn, "flow.token")
    await streamer.push("flow.token", Token(0, "for the living"), SESSION, TURN)
    await until(lambda: collector.received)
    assert collector.texts == ["for the living"]


async def test_a_restarted_writer_is_heard_without_anybody_doing_anything(network):
    streamer, bridge, sink = await network.start("llm_streamer", "tts_bridge", "discord_voice")
    live_session(sink)
    collector = Collector(bridge, "flow.token")
    await until(lambda: bridge.is_live(SESSION, TURN))
    await streamer.push("flow.token", Token(0, "before"), SESSION, TURN)
    await until(lambda: collector.texts == ["before"])
    await network.kill("llm_streamer")
    (reborn,) = await network.start("llm_streamer")
    await reborn.push("flow.token", Token(0, "after"), SESSION, TURN)
    await until(lambda: len(collector.texts) > 1)
    assert collector.texts == ["before", "after"]


async def test_a_slow_reader_blocks_its_writer_and_loses_nothing(network):
    bridge, sink = await network.start("tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: bridge.is_live(SESSION, TURN))
    n_frames = 20_000

    async def write() -> None:
        for i in range(n_frames):
            await bridge.push("flow.audio.discord_voice", AudioFrame(i, 0, SILENCE), SESSION, TURN)

    writing = asyncio.create_task(write())
    reader = sink.pull("flow.audio.discord_voice")
    first = await anext(reader)
    await asyncio.sleep(0.2)
    assert not writing.done()
    indices = [first.message.index]
    async for received in reader:
        indices.append(received.message.index)
        if len(indices) == n_frames:
            break
    await writing
    assert indices == list(range(n_frames))


async def test_the_tap_of_a_flow_shows_what_passes_and_takes_nothing(network):
    streamer, bridge, sink = await network.start("llm_streamer", "tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: streamer.is_live(SESSION, TURN) and bridge.is_live(SESSION, TURN))
    assert streamer._publisher is not None
    assert not streamer._publisher.is_watched("flow.token")
    collector = Collector(bridge, "flow.token")
    seen: list[list[bytes]] = []
    with network.transport("sniffer") as transport:
        reader = tap(transport, ["flow.token"], seen.append)
        await until(lambda: streamer._publisher.is_watched("flow.token"))
        for i in range(100):
            await streamer.push("flow.token", Token(i, str(i)), SESSION, TURN)
        await until(lambda: len(seen) == 100 and len(collector.received) == 100)
        reader.close()
    await until(lambda: not streamer._publisher.is_watched("flow.token"))


async def test_a_second_writer_is_refused_by_the_kernel(network, monkeypatch):
    monkeypatch.setattr("bus.sockets.BIND_PATIENCE_S", 0.05)
    await network.start("llm_streamer")
    with network.transport("llm_streamer") as transport, pytest.raises(AddressTaken, match=r"bus\.base_port"):
        transport.publisher()


async def test_events_and_requests_pass_and_any_number_of_tools_may_ask(network):
    bot, cli = await network.start("bot_main", "cli")
    answers = []

    async def listen() -> None:
        async for received in cli.events("report.request"):
            answers.append(received.message.id)

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    requests = bot.pull("flow.request")
    await cli.push("flow.request", Request("first", RequestKind.JOIN), "", 0)
    received = await asyncio.wait_for(anext(requests), 5)
    bot.emit("report.request", RequestAnswer(received.message.id, True))
    await until(lambda: answers == ["first"])
    await network.start("cli")  # a younger tool: the older one is not fenced by it
    await cli.push("flow.request", Request("second", RequestKind.STOP), "", 0)
    assert (await asyncio.wait_for(anext(requests), 5)).message.id == "second"
    listening.cancel()


async def test_a_writer_renews_its_own_control_levels_for_itself(network, monkeypatch):
    monkeypatch.setattr("bus.node.BEAT_S", 0.05)
    row = replace(topic("control.session.discord_voice"), period_ms=50, lease_ms=200)
    monkeypatch.setitem(TOPICS, row.name, row)
    (sink,) = await network.start("discord_voice")
    live_session(sink)
    await asyncio.sleep(0.5)
    assert sink.is_live(SESSION, TURN)


async def test_an_event_reaches_who_listens(network):
    bot, streamer = await network.start("bot_main", "llm_streamer")
    events = bot.events("report.turn.")
    waiting = asyncio.create_task(anext(events))
    await asyncio.sleep(0)
    streamer.emit("report.turn.llm_streamer", TurnEvent(TurnKind.FAILED, 1.0, "llm_timeout"), SESSION, TURN)
    received = await asyncio.wait_for(waiting, 5)
    assert (received.turn, received.message.code) == (TURN, "llm_timeout")


async def test_a_node_that_goes_away_on_purpose_says_so(network):
    bot, streamer = await network.start("bot_main", "llm_streamer")
    health = bot.follow("report.health.")
    streamer.report(NodeState.READY, model="demo")
    await until(lambda: (h := health.get(src="llm_streamer")) and h.state is NodeState.READY)
    streamer.say_stopping()
    await until(lambda: health.get(src="llm_streamer").state is NodeState.STOPPING)
    assert health.get(src="llm_streamer").facts == {"model": "demo"}


async def test_a_contract_beyond_the_list_is_refused_at_the_start(network):
    with network.transport("llm_streamer") as transport:
        for reads, writes in [((), ("flow.audio.discord_voice",)), (("flow.token",), ())]:
            with pytest.raises(NotTheWriter):
                Node("llm_streamer", reads, writes, transport, None, None)


async def test_a_topic_that_was_not_declared_can_not_be_written(network):
    (streamer,) = await network.start("llm_streamer")
    with pytest.raises(NotTheWriter):
        await streamer.push("flow.prompt", Prompt(()), SESSION, TURN)
    with pytest.raises(NotTheWriter):
        streamer.set_state("report.health.bot_main", Health(NodeState.READY, 1))


@pytest.mark.parametrize("paused", [False, True])
async def test_a_flow_that_rests_lets_its_processes_sleep(network, monkeypatch, paused):
    streamer, bridge, sink = await network.start("llm_streamer", "tts_bridge", "discord_voice")
    live_session(sink)
    await until(lambda: bridge.is_live(SESSION, TURN))
    for i in range(topic("flow.token").limit + 1 if paused else 1):  # nobody pulls: a full inbox pauses
        await streamer.push("flow.token", Token(i, ""), SESSION, TURN)
    loop, n_wakes = asyncio.get_running_loop(), 0
    select = loop._selector.select

    def counted(timeout: float | None) -> object:
        nonlocal n_wakes
        n_wakes += 1
        return select(timeout)

    await asyncio.sleep(0.1)
    monkeypatch.setattr(loop._selector, "select", counted)
    await asyncio.sleep(0.5)
    assert n_wakes < 100
