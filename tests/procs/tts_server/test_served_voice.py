"""The embedded voice as its clients hear it: real sockets, real espeak-ng."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import numpy as np
import pytest
import zmq

from bus.messages import NodeState
from procs.tts_server.app import TtsServer
from procs.tts_server.backends.base import Engine
from procs.tts_server.backends.engine_thread import EngineThread
from procs.tts_server.backends.espeak import Espeak
from procs.tts_server.backends.link_socket import LinkSocket
from procs.tts_server.backends.soprano import Soprano
from tests.procs.tts_server.client import LinkClient, Spoken, connected, free_address, memory_bus

pytestmark = pytest.mark.flow

LONG = ("The quick brown fox jumps over the lazy dog. " * 60)[:2_000]


class Server:
    """A served engine and where to reach it."""

    def __init__(self, engine: Engine) -> None:
        self.address = free_address()
        self.bus = memory_bus()
        self.context = zmq.Context()
        self.app = TtsServer(self.bus, EngineThread(engine), LinkSocket(self.context, self.address))


@asynccontextmanager
async def served(engine: Engine) -> AsyncIterator[Server]:
    server = Server(engine)
    task = asyncio.create_task(server.app.run())
    try:
        yield server
    finally:
        await server.app.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        server.context.destroy(linger=0)


@asynccontextmanager
async def voice() -> AsyncIterator[tuple[Server, LinkClient]]:
    async with served(Espeak("en-us+f5")) as server, connected(server.address) as client:
        await client.warmed_up()
        yield server, client


async def spoken_until_silence(client: LinkClient) -> set[str]:
    """The requests whose sound came whole before nothing more came."""
    whole = set()
    with suppress(TimeoutError):
        while True:
            header, _ = await asyncio.wait_for(client.receive(), 0.3)
            if header.get("last"):
                whole.add(header["id"])
    return whole


def loudness(spoken: Spoken) -> float:
    return float(np.sqrt(np.mean(spoken.samples**2)))


async def test_hello_is_heard() -> None:
    async with voice() as (_, client):
        spoken = await client.say("Hello")
        assert 0.3 < spoken.seconds < 0.9
        assert loudness(spoken) > 0.04
        assert [header["seq"] for header in spoken.headers] == list(range(len(spoken.headers)))
        assert [header["last"] for header in spoken.headers] == [False] * (len(spoken.headers) - 1) + [True]


async def test_sound_comes_in_chunks_of_about_60_ms() -> None:
    async with voice() as (_, client):
        spoken = await client.say("Hello there, how are you today?")
        lengths_ms = [len(payload) / 2 / 22.05 for payload in spoken.payloads[:-1]]
        assert 20 < lengths_ms[0] < 70
        assert max(lengths_ms) < 320  # a chunk may bring the pause before it along


async def test_words_are_marked_in_the_request_s_text() -> None:
    text = "Grüße aus Zürich, said Miku. 2 naïve cafés!"
    async with voice() as (_, client):
        spoken = await client.say(text)
        assert [text[char:].split(maxsplit=1)[0] for char, _ in spoken.marks] == text.split()
        samples = [sample for _, sample in spoken.marks]
        assert samples == sorted(samples)
        assert 0 <= samples[0] < samples[-1] < len(spoken.samples)


async def test_a_cancel_ends_a_long_text_and_the_next_is_unaffected() -> None:
    async with voice() as (server, client):
        whole = await client.say("Hello")
        for number in range(10):
            await client.ask("say", id="long", text=LONG)
            for _ in range(number):
                await client.receive()
            await client.ask("cancel", id="long")
            cancelled = (await client.finished("long"))["long"]
            assert cancelled.code == "cancelled"
            again = await client.say("Hello", f"after{number}")  # nothing of "long" comes in between
            assert again.seconds == pytest.approx(whole.seconds, abs=0.05)
        assert server.bus.health.state is NodeState.READY


async def test_a_client_does_not_wait_for_another_s_backlog() -> None:
    async with voice() as (server, one), connected(server.address) as other:
        backlog = [f"r{number}" for number in range(8)]
        for request_id in backlog:
            await one.ask("say", id=request_id, text=LONG)
        hello = await other.say("Hello")
        assert 0.3 < hello.seconds < 0.9
        for request_id in backlog[1:]:
            await one.ask("cancel", id=request_id)
        spoken = await one.finished(*backlog)
        assert spoken["r0"].seconds > 60
        assert spoken["r7"].code == "cancelled"  # it was still waiting when the other had been served


async def test_many_clients_at_once_all_get_their_own_words() -> None:
    texts = ["Yes.", "This is longer than yes.", "And this one is by far the longest of the three of them."]
    async with voice() as (server, client):
        lengths = [(await client.say(text)).seconds for text in texts]

        async def speak(number: int) -> tuple[int, float]:
            async with connected(server.address) as own:
                return number % 3, (await own.say(texts[number % 3])).seconds

        for kind, seconds in await asyncio.gather(*map(speak, range(24))):
            assert seconds == pytest.approx(lengths[kind], abs=0.1)


async def test_garbage_is_answered_and_others_go_on() -> None:
    async with voice() as (server, client), connected(server.address) as vandal:
        await client.ask("say", id="r", text=LONG)
        garbage = [b"", b"\x00\xff", b"[" * 20_000, b'{"v":1}', b"null", b"x" * 40_000, b'{"v":1,"op":"say"}']
        for frame in garbage:
            await vandal.send(frame)
        codes = [(await vandal.receive())[0]["code"] for _ in garbage]
        assert codes == ["bad_request"] * 5 + ["too_large", "bad_request"]
        assert (await client.finished("r"))["r"].code == ""
        async with asyncio.timeout(5):
            while server.bus.health.facts["refused"] != str(len(garbage)):
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("text", ["", "...", "😀🎉", "\u0000", "\ud800"])
async def test_nothing_to_say_is_one_empty_last_reply(text: str) -> None:
    async with voice() as (_, client):
        spoken = await client.say(text)
        assert spoken.payloads == [b""]
        assert spoken.headers[0]["last"]


async def test_the_longest_text_is_spoken_to_its_end() -> None:
    async with voice() as (_, client):
        spoken = await client.say(LONG)
        assert 60 < spoken.seconds < 240
        assert len(spoken.marks) == len(LONG.split())
        assert (await client.say("x" * 2_001, "longer")).code == "too_large"


async def test_sentences_join_with_natural_gaps() -> None:
    pause_s = 0.2  # what the bridge puts between sentences
    async with voice() as (_, client):
        parts = [await client.say(text) for text in ("I love to sing.", "What about you?", "Tell me more!")]
        rate_hz = parts[0].rate_hz
        silence = np.zeros(round(pause_s * rate_hz))
        for before, after in pairwise(parts):
            joined = np.concatenate([before.samples, silence, after.samples])
            loud = np.flatnonzero(np.abs(joined) > 0.01)
            longest_s = np.diff(loud).max() / rate_hz
            assert 0.15 < longest_s < 0.35


async def test_soprano_without_its_package_says_so_and_stays_up() -> None:
    async with served(Soprano()) as server, connected(server.address) as client:
        async with asyncio.timeout(5):
            while server.bus.health.state is not NodeState.DEGRADED:
                await asyncio.sleep(0.005)
        assert "pip install soprano-tts" in server.bus.health.detail
        assert (await client.say("Hello")).code == "unavailable"
        pong = await client.pong(5)
        assert (pong["pong"], pong["warmed_up"], pong["engine"]) == (5, False, "soprano")


async def test_stopping_in_the_middle_of_a_text_takes_no_time_for_the_text() -> None:
    async with voice() as (server, client):
        for number in range(16):
            await client.ask("say", id=f"r{number}", text=LONG)
        await client.receive()
        async with asyncio.timeout(1):
            await server.app.stop()
        assert "r15" not in await spoken_until_silence(client)
