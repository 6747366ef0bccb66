"""A blocking engine beside a living event loop."""

import asyncio
import threading
from contextlib import aclosing

import pytest

from procs.tts_server.backends.base import Chunk, Emit, EngineError
from procs.tts_server.backends.engine_thread import CHUNKS_AHEAD, EngineThread
from procs.tts_server.core.link import Say

pytestmark = pytest.mark.unit


class Counting:
    """Emits numbered chunks; a text of digits says how many, `for ever` never ends, others fail."""

    name, voice, sample_rate_hz, dtype = "counting", "none", 22_050, "s16le"

    def __init__(self) -> None:
        self.emitted = 0
        self.threads: set[int] = set()
        self.resting = threading.Event()
        self.resting.set()

    def load(self) -> None:
        self.threads.add(threading.get_ident())

    def synthesize(self, say: Say, emit: Emit) -> None:
        assert self.resting.is_set(), "two texts at once"
        self.resting.clear()
        self.threads.add(threading.get_ident())
        self.emitted = 0
        try:
            if not say.text.isdigit() and say.text != "for ever":
                raise EngineError("failed", "as asked")
            while say.text == "for ever" or self.emitted < int(say.text):
                if not emit(Chunk(b"%d" % self.emitted)):
                    return
                self.emitted += 1
        finally:
            self.resting.set()


async def spoken(thread: EngineThread, text: str) -> list[bytes]:
    async with aclosing(thread.say(Say("r", text))) as chunks:
        return [chunk.payload async for chunk in chunks]


async def test_chunks_arrive_complete_and_in_order_from_one_thread() -> None:
    engine = Counting()
    thread = EngineThread(engine)
    await thread.load()
    for count in (0, 1, 5, 10 * CHUNKS_AHEAD):
        assert await spoken(thread, str(count)) == [b"%d" % n for n in range(count)]
    assert len(engine.threads) == 1
    assert threading.get_ident() not in engine.threads


async def test_the_engine_waits_while_the_loop_is_behind() -> None:
    engine = Counting()
    thread = EngineThread(engine)
    async with aclosing(thread.say(Say("r", "for ever"))) as chunks:
        await anext(chunks)
        async with asyncio.timeout(5):
            while engine.emitted < CHUNKS_AHEAD:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert engine.emitted <= CHUNKS_AHEAD + 1


async def test_an_interrupt_ends_the_chunks_and_the_next_text_is_unaffected() -> None:
    thread = EngineThread(Counting())
    received = 0
    async with aclosing(thread.say(Say("r", "for ever"))) as chunks:
        async for _ in chunks:
            received += 1
            if received == 3:
                thread.interrupt()
    assert received <= 3 + CHUNKS_AHEAD
    assert await spoken(thread, "2") == [b"0", b"1"]


async def test_a_text_that_is_dropped_half_way_leaves_the_engine_at_rest() -> None:
    engine = Counting()
    thread = EngineThread(engine)
    for _ in range(20):
        async with aclosing(thread.say(Say("r", "for ever"))) as chunks:
            await anext(chunks)
        assert engine.resting.is_set()


async def test_an_engine_s_error_arrives_where_its_chunks_were_awaited() -> None:
    thread = EngineThread(Counting())
    with pytest.raises(EngineError, match="as asked"):
        await spoken(thread, "nonsense")
    assert await spoken(thread, "1") == [b"0"]


async def test_close_brings_a_speaking_engine_to_rest() -> None:
    engine = Counting()
    thread = EngineThread(engine)
    chunks = thread.say(Say("r", "for ever"))
    await anext(chunks)
    await thread.close()
    assert engine.resting.is_set()
    await chunks.aclose()
