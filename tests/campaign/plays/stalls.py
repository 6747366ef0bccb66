"""F18: somebody stops reading while everybody else goes on at full speed; queues keep their bounds, what was
lost is counted exactly, and nothing that died meanwhile is taken up afterwards."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest

from bus import wire
from bus.audio import SILENCE
from bus.errors import PeerStalled
from bus.messages import AudioFrame, ChatMessage, Prompt, Request, RequestKind, Token, TurnEvent, TurnKind
from bus.node import Node
from bus.stats import Gaps
from bus.topics import topic
from tests.campaign.campaign import Run
from tests.flows.network import SESSION, Network, floor, live_session
from tests.waiting import until

QUEUES = ("flow.audio.discord_voice", "flow.token", "flow.prompt", "flow.request", "published")
TURN = 2_000
SHORT_S, LONG_S = 1.0, 60.0
"""The first stall of each queue is short, so that a small share of the campaign is quick."""

GROWTH_BYTES = 50 * 1024 * 1024


def _message(queue: str, index: int) -> object:
    """As large as they come."""
    match queue:
        case "flow.audio.discord_voice":
            return AudioFrame(index, 0, SILENCE)
        case "flow.token":
            return Token(index, "a word " * 8)
        case "flow.prompt":
            return Prompt((ChatMessage("user", "x" * 40_000),), str(index))
        case _:
            return Request(str(index), RequestKind.PROMPT, "x" * 4_000)


def _index(message: Any) -> int:
    return int(
        message.index
        if isinstance(message, (AudioFrame, Token))
        else getattr(message, "verbatim", "") or message.id
    )


@asynccontextmanager
async def _network(*names: str) -> AsyncIterator[list[Node]]:
    """Nodes that run side by side in this process, the sink holding a session."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("bus.node.SYNC_PATIENCE_S", 0.2)
        async with Network() as network:
            nodes = await network.start(*names)
            live_session(next(node for node in nodes if node.name == "discord_voice"))
            yield nodes


async def f18_stall(run: Run) -> None:
    """One queue; every other time its turn dies while nobody reads."""
    queue = QUEUES[run.index % len(QUEUES)]
    stall_s = SHORT_S if run.index < len(QUEUES) else LONG_S
    before = psutil.Process().memory_info().rss
    if queue == "published":
        await _stall_subscriber(run, stall_s)
    else:
        await _stall_flow(run, queue, stall_s, dies=run.dice.random() < 0.5 and queue != "flow.request")
    growth = psutil.Process().memory_info().rss - before
    run.note("growth, MB", growth / 1e6)
    assert growth < GROWTH_BYTES, f"{queue}: grew by {growth / 1e6:.0f} MB"


async def _stall_flow(run: Run, queue: str, stall_s: float, *, dies: bool) -> None:
    row = topic(queue)
    names = dict.fromkeys((row.writers[0], row.readers[0], "bot_main", "discord_voice"))
    async with _network(*names) as nodes:
        by_name = {node.name: node for node in nodes}
        writer, reader, bot = (by_name[name] for name in (row.writers[0], row.readers[0], "bot_main"))
        session, turn = (SESSION, TURN) if queue != "flow.request" else ("", 0)
        if session:
            await until(lambda: writer.is_live(session, turn) and reader.is_live(session, turn))
        n_sent, n_refused = await _push_for(writer, queue, session, turn, stall_s)
        run.note("messages waiting at most", n_sent)
        run.note("messages refused", n_refused)
        if dies:
            floor(bot, turn + 1)
            await until(lambda: reader.is_live(session, turn + 1) and not reader.is_live(session, turn))
        taken = asyncio.create_task(_take_until(reader, queue, "the last"))
        last = Token(n_sent, "the last") if queue == "flow.token" else _message(queue, 10**9)
        await writer.push(queue, last, session, turn + 1 if session else 0)
        indices = await asyncio.wait_for(taken, 30)
        assert indices == ([] if dies else list(range(n_sent))), f"{queue}: {len(indices)} of {n_sent} came"
        dropped = reader.dropped_stale
        assert dropped == (n_sent if dies else 0), f"{queue}: {dropped} dropped of {n_sent}"


async def _push_for(writer: Node, queue: str, session: str, turn: int, stall_s: float) -> tuple[int, int]:
    """Push at full speed; (taken, refused). What is refused was not sent, so its number is used again."""
    n_sent = n_refused = 0
    deadline_s = time.monotonic() + stall_s
    while time.monotonic() < deadline_s:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + stall_s):
                await writer.push(queue, _message(queue, n_sent), session, turn)
            n_sent += 1
        except (PeerStalled, TimeoutError):
            n_refused += 1
        if n_sent % 64 == 0:
            await asyncio.sleep(0)
    return n_sent, n_refused


async def _take_until(reader: Node, queue: str, mark: str) -> list[int]:
    """Numbers of what the app gets before the last message."""
    indices: list[int] = []
    async for received in reader.pull(queue):
        message = received.message
        if getattr(message, "text", "") == mark or _index(message) == 10**9:
            return indices
        indices.append(_index(message))
    raise AssertionError("a flow never ends")


async def _stall_subscriber(run: Run, stall_s: float) -> None:
    """A sniffer that does not read: it alone loses, and knows how much."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("bus.node.SYNC_PATIENCE_S", 0.2)
        async with Network() as network:
            (streamer,) = await network.start("llm_streamer")
            gaps, seen = Gaps(), []

            def take(parts: list[bytes]) -> None:
                name, header = wire.unpack_header(parts)
                if name == "report.turn.llm_streamer":
                    gaps.observe(name, header)
                    seen.append(header.seq)

            def emit() -> None:
                event = TurnEvent(TurnKind.FAILED, detail="x" * 500)
                streamer.emit("report.turn.llm_streamer", event, SESSION, TURN)

            with network.transport("sniffer") as sniffer:
                reader = sniffer.subscriber(["llm_streamer"], ["report.turn."], take)
                await until(
                    lambda: streamer._publisher and streamer._publisher.is_watched("report.turn.llm_streamer")
                )
                emit()
                await until(lambda: seen)
                reader.pause()
                n_sent, deadline_s = 1, time.monotonic() + stall_s
                while time.monotonic() < deadline_s:
                    for _ in range(100):
                        emit()
                    n_sent += 100
                    await asyncio.sleep(0)
                reader.resume()
                await _flushed(emit, seen)
                n_sent = seen[-1] + 1
                reader.close()
            run.note("messages lost by the sleeper", gaps.gaps)
            assert gaps.gaps == n_sent - len(seen), f"{gaps.gaps} counted, {n_sent - len(seen)} lost"
            assert seen == sorted(seen)


async def _flushed(emit: Any, seen: list[int]) -> None:
    """Until what is sent now arrives."""
    while True:
        n_before = len(seen)
        emit()
        await asyncio.sleep(0.1)
        if len(seen) == n_before + 1:
            return
