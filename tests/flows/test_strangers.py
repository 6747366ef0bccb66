"""Strangers at the sockets: wrong keys, no keys, raw bytes, many connections. Refused, counted, harmless."""

import asyncio
import os
import random
from collections.abc import AsyncIterator

import pytest
import zmq

from bus import codec, wire
from bus.header import PROTOCOL, Header
from bus.keys import KeyRing
from bus.messages import Request, RequestKind, Token
from bus.topics import TOPICS, Pattern, flow_port, publisher_port, topic
from tests.bus.samples import SAMPLES
from tests.bus.test_codec import mutated
from tests.flows.network import SESSION, Network, live_session
from tests.waiting import until

pytestmark = pytest.mark.flow

TURN = 2_000
LISTENERS = [
    publisher_port("llm_streamer", 0),
    publisher_port("bot_main", 0),
    flow_port("flow.token", 0),
    flow_port("flow.request", 0),
]


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    async with Network() as network:
        await network.start("bot_main", "llm_streamer", "tts_bridge", "discord_voice")
        yield network


async def still_works(network: Network) -> bool:
    """A token still passes from streamer to bridge."""
    streamer, bridge, sink = (network._running[n][1] for n in ("llm_streamer", "tts_bridge", "discord_voice"))
    live_session(sink)
    await until(lambda: bridge.is_live(SESSION, TURN) and streamer.is_live(SESSION, TURN))
    await streamer.push("flow.token", Token(0, "works"), SESSION, TURN)
    received = await asyncio.wait_for(anext(bridge.pull("flow.token")), 5)
    return received.message.text == "works"


async def test_a_stranger_with_other_keys_reads_and_writes_nothing(network):
    with network.transport("cli", keys=KeyRing.generate()) as stranger:
        heard: list[list[bytes]] = []
        reader = stranger.subscriber(["bot_main", "llm_streamer"], [""], heard.append)
        pusher = stranger.pusher(topic("flow.request"))
        await asyncio.sleep(0.3)
        assert heard == []
        assert pusher._try([b"flow.request", b"", b""]) is False
        reader.close()
        pusher.close()
    assert await still_works(network)


async def test_a_client_without_keys_reads_nothing(network):
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.subscribe(b"")
    socket.connect(f"tcp://127.0.0.1:{publisher_port('bot_main', network.settings.base_port)}")
    await asyncio.sleep(0.3)
    assert socket.poll(0) == 0
    context.destroy(linger=0)
    assert await still_works(network)


async def test_the_sniffer_can_not_pull_from_a_flow(network):
    with network.transport("sniffer") as sniffer:
        ports = {"llm_streamer": flow_port("flow.token", network.settings.base_port)}
        thief = sniffer.connect(zmq.PULL, ports, {})
        await asyncio.sleep(0.3)
        assert thief.poll(0) == 0
        assert await still_works(network)
        assert thief.poll(0) == 0
        thief.close()


async def test_raw_bytes_and_half_open_connections_on_every_kind_of_port_harm_nobody(network):
    rng = random.Random(5)
    for offset in LISTENERS:
        writers = []
        for i in range(50):
            _, writer = await asyncio.open_connection("127.0.0.1", network.settings.base_port + offset)
            writer.write(rng.randbytes(i * 10))
            writers.append(writer)
        for writer in writers:
            writer.close()
    assert await still_works(network)


async def test_mutated_messages_from_a_known_role_are_refused_counted_and_harmless(network):
    bot = network._running["bot_main"][1]
    rng = random.Random(7)
    header = codec.encode(Header(PROTOCOL, "cli", 1, 0, "", 0, 0, 0))
    request = codec.encode(Request("ok", RequestKind.STOP))
    n_bad = 0
    with network.transport("cli") as tool:
        pusher = tool.pusher(topic("flow.request"))
        for _ in range(300):
            parts = [b"flow.request", header, request]
            at = rng.randrange(3)
            parts[at] = mutated(rng, parts[at])
            n_bad += 1
            await pusher.push(parts)
        await pusher.push([b"x"] * 5)
        await pusher.push([b"flow.request", header, os.urandom(70_000)])
        await pusher.push([b"flow.request", header, request])
        seen = 0
        async for received in bot.pull("flow.request"):
            seen += 1
            if received.message.id == "ok" and seen > n_bad - bot.decode_errors:
                break
        pusher.close()
    assert bot.decode_errors > 200
    assert await still_works(network)


def test_every_sample_under_every_topic_is_accepted_only_where_it_belongs():
    for row in TOPICS.values():
        for sample in SAMPLES:
            body = codec.encode(sample)
            if type(sample) is row.message:
                assert wire.unpack_body(row, body) == sample


def test_people_write_requests_only():
    written = {row.pattern for row in TOPICS.values() if {"cli", "sniffer"} & set(row.writers)}
    assert written == {Pattern.REQUEST}
