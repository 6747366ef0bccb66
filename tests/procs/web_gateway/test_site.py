"""Connections that ask for nothing, and those that want a place among them."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from procs.web_gateway.backends import site
from tests.procs.web_gateway.house import House, running
from tests.waiting import until

pytestmark = pytest.mark.flow

HEAD = b"GET /healthz HTTP/1.1\r\nHost: "


class Line:
    """A TCP connection on which nothing is said but what a test says."""

    def __init__(self, reader, writer):
        self.got = b""
        self.is_open = True
        self.writer = writer
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader):
        with suppress(ConnectionError):
            while data := await reader.read(4_096):
                self.got += data
        self.is_open = False


@asynccontextmanager
async def lines(house, n, address="127.0.0.1"):
    opened = [
        Line(*await asyncio.open_connection("127.0.0.1", house.port, local_addr=(address, 0)))
        for _ in range(n)
    ]
    try:
        yield opened
    finally:
        for line in opened:
            line.writer.transport.abort()


def n_open(*held):
    return sum(line.is_open for line in held)


async def test_silent_connections_neither_pile_up_nor_shut_the_page_out(house):
    n = 3 * site.PER_NETWORK
    async with house.client() as client, lines(house, n) as silent:
        await client.start()
        async with lines(house, n) as more:
            await until(lambda: n_open(*silent, *more) < site.PER_NETWORK)
            async with house.browser() as browser, browser.get("/healthz") as response:
                assert response.status in (200, 503)
                assert "processes" in await response.json()
            assert await client.ask(), "a session is not put out by connections that ask for nothing"
        assert not client.ws.closed


async def test_many_addresses_do_not_take_every_place_either(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "SPARE", 6)
    async with (
        running(House(tmp_path, max_connections=2)) as house,
        lines(house, 6, "127.0.0.2") as some,
        lines(house, 6, "127.0.0.3") as others,
    ):
        await until(lambda: n_open(*some, *others) == 8)
        async with house.browser() as browser, browser.get("/api/me") as response:
            assert response.status == 200


async def test_where_every_connection_is_in_use_another_is_told_so(house, monkeypatch):
    monkeypatch.setattr(site, "PER_NETWORK", 2)
    async with house.client() as first, house.client() as second, lines(house, 1) as (line,):
        await until(lambda: not line.is_open)
        assert line.got.startswith(b"HTTP/1.1 503 ")
        assert b"Too many connections" in line.got
        assert await first.start()
        assert await second.start()
        await second.send("session.stop")
        await second.closed()
        async with house.browser() as browser, browser.get("/api/me") as response:
            assert response.status == 200


async def test_a_head_that_does_not_end_and_a_line_that_rests_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(site, "HEAD_S", 0.3)
    async with (
        running(House(tmp_path)) as house,
        lines(house, 3) as (silent, slow, resting),
        house.client() as client,
    ):
        await client.start()
        resting.writer.write(HEAD + house.host.encode() + b"\r\n\r\n")
        slow.writer.write(HEAD)
        while slow.is_open:
            slow.writer.write(b"x")
            await asyncio.sleep(0.02)
        await until(lambda: not n_open(silent, resting))
        assert b'"processes"' in resting.got, "it was answered before"
        assert slow.got == silent.got == b""
        assert await client.ask(), "a quiet session stays"


async def test_who_reads_no_answer_makes_room(house, monkeypatch):
    """Answers that nobody takes hold a connection, but no request is being answered on it."""
    monkeypatch.setattr(site, "PER_NETWORK", 2)
    async with asyncio.timeout(20), lines(house, 1) as (greedy,):
        greedy.writer.transport.pause_reading()
        request = f"GET /style.css HTTP/1.1\r\nHost: {house.host}\r\n\r\n".encode()
        while not greedy.writer.transport.is_closing():  # until writing shows that it was put out
            greedy.writer.write(request * 5_000)
            async with lines(house, 2), house.browser() as browser, browser.get("/api/me") as response:
                assert response.status == 200
        assert not greedy.got
