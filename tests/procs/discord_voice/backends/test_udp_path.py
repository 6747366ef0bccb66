"""The address is found out in spite of losses; a path that goes dead is noticed, missing echoes are not."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from procs.discord_voice.backends import udp_path
from procs.discord_voice.backends.udp_path import discover, drain, keep_open, received
from procs.discord_voice.core.link import Closed, Event
from tests.waiting import until

pytestmark = pytest.mark.flow
Answer = Callable[[bytes], list[bytes]]


class Far:
    """The other end: answers each packet with these."""

    def __init__(self) -> None:
        self.socket = _bound()
        self.path = _bound()
        self.path.connect(self.socket.getsockname())
        self.socket.connect(self.path.getsockname())
        self.seen: list[bytes] = []
        self.answer: Answer = lambda packet: []
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        packet = self.socket.recv(2048)
        self.seen.append(packet)
        for one in self.answer(packet):
            self.socket.send(one)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()
        self.path.close()


def _bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


@pytest.fixture
async def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    for name in ("KEEPALIVE_S", "ECHO_WAIT_S", "DISCOVERY_WAIT_S"):
        monkeypatch.setattr(udp_path, name, 0.02)
    made = Far()
    yield made
    made.close()


def told(packet: bytes) -> list[bytes]:
    ssrc = struct.unpack_from(">I", packet, 4)[0]
    return [struct.pack(">HHI64sH", 2, 70, ssrc, b"203.0.113.7", 50_004)]


async def test_the_address_is_asked_for_until_it_is_told(far: Far) -> None:
    far.answer = lambda packet: told(packet) if len(far.seen) == 3 else []
    assert await discover(far.path, 77) == ("203.0.113.7", 50_004)
    assert far.seen == [struct.pack(">HHI66x", 1, 70, 77)] * 3


async def test_without_any_answer_it_is_told_as_blocked(far: Far) -> None:
    with pytest.raises(Closed) as closed:
        await discover(far.path, 77)
    assert closed.value.event is Event.NO_DISCOVERY
    assert len(far.seen) == udp_path.DISCOVERY_TRIES


async def test_an_address_that_is_none_is_a_mistake_by_name(far: Far) -> None:
    far.answer = lambda packet: [struct.pack(">HHI64sH", 2, 70, 77, b"\xff\xfe", 1)]
    with pytest.raises(ValueError, match="ascii"):
        await discover(far.path, 77)


async def test_only_packets_of_the_length_count(far: Far) -> None:
    far.socket.send(b"x" * 100)
    far.socket.send(b"12345678")
    assert await received(far.path, 8, 1.0) == b"12345678"
    assert await received(far.path, 8, 0.01) == b""


async def test_what_was_said_meanwhile_is_thrown_away(far: Far) -> None:
    for _ in range(50):
        far.socket.send(b"x" * 100)
    drain(far.path)
    assert await received(far.path, 100, 0.01) == b""


async def test_a_server_that_never_echoes_is_left_in_peace(far: Far) -> None:
    keeping = asyncio.create_task(keep_open(lambda: far.path))
    await until(lambda: len(far.seen) >= 4)
    assert not keeping.done()
    assert far.seen == [struct.pack("<Q", counter) for counter in range(len(far.seen))], "none twice"
    keeping.cancel()


async def test_one_that_echoes_no_longer_is_told_after_some_tries(far: Far) -> None:
    far.answer = lambda packet: [packet] if len(far.seen) < 3 else []
    with pytest.raises(Closed) as closed:
        await keep_open(lambda: far.path)
    assert closed.value.event is Event.UDP_SILENT
    assert far.seen[-udp_path.ECHO_TRIES :] == [far.seen[-1]] * udp_path.ECHO_TRIES


async def test_a_lost_echo_is_no_end(far: Far) -> None:
    far.answer = lambda packet: [] if len(far.seen) == 2 else [packet]
    keeping = asyncio.create_task(keep_open(lambda: far.path))
    await until(lambda: len(far.seen) >= 6)
    assert not keeping.done()
    keeping.cancel()
