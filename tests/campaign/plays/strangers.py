"""S5, S6: strangers at every port of a running stack while she speaks: they read nothing, write nothing, and
cost her nothing."""

import asyncio
import random
import socket
from collections.abc import Callable
from contextlib import closing, suppress

import psutil
import zmq

from bus import codec
from bus.header import PROTOCOL, Header
from bus.keys import KeyRing
from bus.messages import Request, RequestKind
from bus.topics import NODES, TOPICS, Pattern, flow_port, publisher_port
from tests.campaign.campaign import Run
from tests.campaign.home import Home, Said
from tests.campaign.tones import heard, letters
from tests.campaign.world import Kind

SPEECH = "while she says this, others knock at all of her doors, and none of them is let in or heard. "

CONNECTIONS = 500
"""Of one run of S5."""

GROWTH_BYTES = 20 * 1024 * 1024
"""A process may grow by so much."""

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\0" + bytes(31)
"""How a CURVE client of ZMTP 3.1 greets."""


async def _speaks_exactly(home: Home, text: str) -> Said:
    """A text whose sound must be whole."""
    before = home.playout(await home.session())
    said = await home.speaks(text)
    read = heard(await home.recorded(said.answer))
    assert (read.text, read.n_slips) == (letters(text), 0), f"heard {read}"
    after = home.playout(said.answer.session)
    if before and after:
        assert after.nulled == before.nulled, f"{after.nulled - before.nulled} frames were missing"
    return said


# --- S5 -------------------------------------------------------------------------------------------------


def _listeners(home: Home) -> list[int]:
    """Every TCP port the stack listens on."""
    ports = set()
    for process in home.stack.processes():
        with suppress(psutil.Error):
            found = process.net_connections("tcp")
            ports |= {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN}
    return sorted(ports)


def _noise(dice: random.Random) -> bytes:
    """What a stranger says first."""
    return dice.choice(
        (
            b"",
            dice.randbytes(dice.randrange(1, 4_000)),
            GREETING,
            GREETING + dice.randbytes(dice.randrange(1, 300)),
            GREETING[: dice.randrange(1, 64)],
            b"\xff" * 64,
            b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            b"\x04\x19\x05HELLO" + bytes(200),
        )
    )


async def _knock(dice: random.Random, port: int) -> socket.socket:
    """A connection that has said something."""
    stranger = socket.socket()
    stranger.setblocking(False)
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        await asyncio.wait_for(loop.sock_connect(stranger, ("127.0.0.1", port)), 5)
        await asyncio.wait_for(loop.sock_sendall(stranger, _noise(dice)), 5)
    return stranger


def _memory(home: Home) -> dict[int, int]:
    return {process.pid: process.memory_info().rss for process in home.stack.processes()}


async def s5_raw_bytes(run: Run) -> None:
    """Five hundred connections with raw bytes, half handshakes or nothing, a third of them left open."""
    await run.world.end(Kind.SOPRANO)  # a sink tells the longest gap of its life
    home = await run.world.home(Kind.SOPRANO)
    await home.session()
    ports, before = _listeners(home), _memory(home)
    assert len(ports) >= len(NODES), f"the stack listens on {ports} only"
    speaking = asyncio.create_task(_speaks_exactly(home, SPEECH))
    left_open = []
    try:
        for _ in range(CONNECTIONS):
            stranger = await _knock(run.dice, run.dice.choice(ports))
            left_open.append(stranger)
            if run.dice.random() < 0.66:
                left_open.pop(run.dice.randrange(len(left_open))).close()
        await speaking
    finally:
        for stranger in left_open:
            stranger.close()
    growth = {pid: rss - before[pid] for pid, rss in _memory(home).items() if pid in before}
    run.note("growth of a process, MB", *(each / 1e6 for each in growth.values()))
    assert max(growth.values()) < GROWTH_BYTES, f"a process grew by {max(growth.values()) / 1e6:.1f} MB"
    assert home.is_well(), home.states()
    await _speaks_exactly(home, "and she goes on.")
    run.note("gap worst, ms", (await home.pace())["gap_max_ms"])


# --- S6 -------------------------------------------------------------------------------------------------

LISTEN_S = 0.5
"""So long a stranger waits for something to read: levels come to who may at once, and each second."""


class Stranger:
    """A ZeroMQ socket with or without keys."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", kind: int) -> None:
        self.socket = context.socket(kind)
        self.socket.linger = 0
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        if kind == zmq.SUB:
            self.socket.subscribe(b"")

    def pretend(self, own: tuple[bytes, bytes], server: bytes) -> "Stranger":
        """Use keys."""
        self.socket.curve_publickey, self.socket.curve_secretkey = own
        self.socket.curve_serverkey = server
        return self

    def connect(self, port: int) -> "Stranger":
        """Go to a door."""
        self.socket.connect(f"tcp://127.0.0.1:{port}")
        return self


Attack = Callable[["zmq.Context[zmq.Socket[bytes]]", Run, KeyRing, int], Stranger]


def _node(run: Run) -> str:
    return run.dice.choice(NODES)


def _flow(run: Run) -> str:
    return run.dice.choice([row.name for row in TOPICS.values() if row.pattern is Pattern.FLOW])


def _no_keys(context: "zmq.Context[zmq.Socket[bytes]]", run: Run, keys: KeyRing, base: int) -> Stranger:
    return Stranger(context, zmq.SUB).connect(publisher_port(_node(run), base))


def _other_keys(context: "zmq.Context[zmq.Socket[bytes]]", run: Run, keys: KeyRing, base: int) -> Stranger:
    node = _node(run)
    stranger = Stranger(context, zmq.SUB).pretend(zmq.curve_keypair(), keys.public(node))
    return stranger.connect(publisher_port(node, base))


def _wrong_server(context: "zmq.Context[zmq.Socket[bytes]]", run: Run, keys: KeyRing, base: int) -> Stranger:
    node, public = _node(run), zmq.curve_keypair()[0]
    return (
        Stranger(context, zmq.SUB).pretend(keys.pair("sniffer"), public).connect(publisher_port(node, base))
    )


def _thief(context: "zmq.Context[zmq.Socket[bytes]]", run: Run, keys: KeyRing, base: int) -> Stranger:
    """One of ours, which may look at flows but not take from them."""
    flow = _flow(run)
    writer = TOPICS[flow].writers[0]
    stranger = Stranger(context, zmq.PULL).pretend(keys.pair("sniffer"), keys.public(writer))
    return stranger.connect(flow_port(flow, base))


def _forger(context: "zmq.Context[zmq.Socket[bytes]]", run: Run, keys: KeyRing, base: int) -> Stranger:
    """Somebody who would ask in another's name."""
    own = run.dice.choice((keys.pair("sniffer"), keys.pair("tts_bridge"), zmq.curve_keypair()))
    stranger = Stranger(context, zmq.PUSH).pretend(own, keys.public("bot_main"))
    return stranger.connect(flow_port("flow.request", base))


def _sleeper(context: "zmq.Context[zmq.Socket[bytes]]", run: Run, keys: KeyRing, base: int) -> Stranger:
    """One of ours that subscribes to everything and never reads."""
    stranger = Stranger(context, zmq.SUB)
    stranger.socket.setsockopt(zmq.RCVHWM, 1)
    for node in NODES:
        stranger.pretend(keys.pair("sniffer"), keys.public(node)).connect(publisher_port(node, base))
    return stranger


ATTACKS: tuple[Attack, ...] = (_no_keys, _other_keys, _wrong_server, _thief, _forger, _sleeper)


def _stop_request() -> list[bytes]:
    """Would silence her if anybody listened."""
    header = codec.encode(Header(PROTOCOL, "cli", 1, 0, "", 0, 0, 0))
    return [b"flow.request", header, codec.encode(Request("forged", RequestKind.STOP))]


async def s6_wrong_keys(run: Run) -> None:
    """One stranger while she speaks."""
    home = await run.world.home(Kind.SOPRANO)
    await home.session()
    keys, base = KeyRing.load(home.stack.state_path), home.stack.base_port
    attack = ATTACKS[run.index % len(ATTACKS)]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    speaking = asyncio.create_task(_speaks_exactly(home, "nobody hears or stops this but you."))
    with closing(attack(context, run, keys, base).socket) as stranger:
        deadline_s = asyncio.get_running_loop().time() + LISTEN_S
        while asyncio.get_running_loop().time() < deadline_s:
            if stranger.type == zmq.PUSH:
                with suppress(zmq.Again):
                    stranger.send_multipart(_stop_request(), zmq.NOBLOCK)
                    raise AssertionError("a forged request was taken")
            elif attack is not _sleeper:
                assert not stranger.poll(0), f"{attack.__name__} read {stranger.recv_multipart()[0]!r}"
            await asyncio.sleep(0.02)
        await speaking
    context.term()
