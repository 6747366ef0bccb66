"""The link's real socket: who gets in, and what happens to those who do not read or go away."""

import asyncio
from contextlib import suppress

import pytest
import zmq
from zmq.auth.asyncio import AsyncioAuthenticator

from bus.errors import AddressTaken
from procs.tts_server.backends import link_socket
from procs.tts_server.backends.base import ClientGone
from procs.tts_server.backends.link_socket import MAX_FINAL_REPLIES, ZAP_DOMAIN, LinkSocket
from procs.tts_server.core.link import MAX_REQUEST_BYTES
from tests.procs.tts_server.client import connected, free_address

pytestmark = pytest.mark.flow


class Server:
    """A link that keeps what arrives."""

    def __init__(self, secret_key: bytes | None = None, *, listening: bool = True) -> None:
        self.listening = listening
        self.address = free_address()
        self.context = zmq.Context()
        self.link = LinkSocket(self.context, self.address, secret_key)
        self.received: asyncio.Queue[tuple[bytes, list[bytes]]] = asyncio.Queue()

    async def __aenter__(self) -> "Server":
        await self.link.open()
        if self.listening:
            self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.link.close()
        self.context.destroy(linger=0)

    def listen(self) -> None:
        self.link.listen(lambda client, frames: self.received.put_nowait((client, frames)))

    async def next(self) -> tuple[bytes, list[bytes]]:
        async with asyncio.timeout(10):
            return await self.received.get()


async def filled(link: LinkSocket, client: bytes) -> int:
    """Send sound until the client's queue stays full; returns how many replies went out."""
    sent = failures = 0
    while failures < 20:
        if link.send(client, [b"{}", bytes(200_000)]):
            sent, failures = sent + 1, 0
        else:
            failures += 1
            await asyncio.sleep(0.002)  # the network's own buffers may still take something
    return sent


async def vanished(link: LinkSocket, client: bytes) -> None:
    """Send until the socket notices that the client has gone."""
    async with asyncio.timeout(10):
        while True:
            link.send(client, [b"{}", b""])
            await asyncio.sleep(0.005)


async def test_frames_go_both_ways() -> None:
    async with Server() as server, connected(server.address) as client:
        await client.send(b"one")
        await client.send(b"two", b"", b"three")
        address, frames = await server.next()
        assert frames == [b"one"]
        assert (await server.next()) == (address, [b"two", b"", b"three"])
        assert server.link.send(address, [b'{"n":1}', b"payload"])
        assert await client.receive() == ({"n": 1}, b"payload")


async def test_what_comes_before_anybody_listens_waits() -> None:
    async with Server(listening=False) as server, connected(server.address) as client:
        await client.send(b"early")
        server.listen()
        assert (await server.next())[1] == [b"early"]


async def test_many_messages_at_once_all_arrive() -> None:
    async with Server() as server, connected(server.address) as client:
        for number in range(500):
            await client.send(b"%d" % number)
        got = [(await server.next())[1][0] for _ in range(500)]
        assert got == [b"%d" % number for number in range(500)]


async def test_far_too_large_messages_cut_the_connection_and_the_client_may_come_back() -> None:
    async with Server() as server, connected(server.address) as client:
        await client.send(bytes(4 * MAX_REQUEST_BYTES))
        async with connected(server.address) as other:
            await other.send(b"hello")
            assert (await server.next())[1] == [b"hello"]
        assert server.received.empty()


async def test_a_client_that_does_not_read_loses_sound_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(link_socket._OPTIONS, zmq.SNDHWM, 4)
    async with Server() as server, connected(server.address, receive_limit=1) as idle:
        await idle.send(b"hello")
        address, _ = await server.next()
        sent = await filled(server.link, address)
        server.link.send_final(address, [b'{"last":true}', b""])
        async with connected(server.address) as other:
            await other.send(b"hello")
            lively, _ = await server.next()
            assert server.link.send(lively, [b'{"ok":1}', b""])
            assert await other.receive() == ({"ok": 1}, b"")
        replies = [await idle.receive() for _ in range(sent + 1)]
        assert replies[-1] == ({"last": True}, b"")


async def test_last_words_wait_in_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Server() as server, connected(server.address) as idle:
        await idle.send(b"hello")
        address, _ = await server.next()
        with monkeypatch.context() as patch:
            patch.setattr(server.link, "_try", lambda client, frames: False)  # as if it were full
            for number in range(3 * MAX_FINAL_REPLIES):
                server.link.send_final(address, [b'{"n":%d}' % number, b""])
        assert not server.link.send(address, [b"{}", b""])  # nothing overtakes a last word
        numbers = [(await idle.receive())[0]["n"] for _ in range(MAX_FINAL_REPLIES)]
        assert numbers == list(range(2 * MAX_FINAL_REPLIES, 3 * MAX_FINAL_REPLIES))


async def test_a_client_that_has_gone_is_reported() -> None:
    async with Server() as server:
        async with connected(server.address) as client:
            await client.send(b"hello")
            address, _ = await server.next()
        with pytest.raises(ClientGone):
            await vanished(server.link, address)
        server.link.send_final(address, [b"{}", b""])  # for nobody: dropped without a word


async def test_a_taken_port_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_socket, "BIND_PATIENCE_S", 0.05)
    async with Server() as server:
        late = LinkSocket(server.context, server.address)
        with pytest.raises(AddressTaken, match=r"bus\.base_port"):
            await late.open()
        late.close()


async def test_only_admitted_keys_are_heard() -> None:
    public, secret = zmq.curve_keypair()
    friend, stranger = zmq.curve_keypair(), zmq.curve_keypair()

    class Admission:
        def callback(self, domain: str, key: bytes) -> bool:
            return domain == ZAP_DOMAIN and key == friend[0]

    async with Server(secret) as server:
        authenticator = AsyncioAuthenticator(server.context)
        authenticator.start()
        authenticator.configure_curve_callback(domain=ZAP_DOMAIN, credentials_provider=Admission())
        try:
            async with (
                connected(server.address, (public, *stranger)) as refused,
                connected(server.address) as keyless,
                connected(server.address, (zmq.curve_keypair()[0], *friend)) as misled,
                connected(server.address, (public, *friend)) as admitted,
            ):
                for unwelcome in (refused, keyless, misled):
                    with suppress(zmq.Again):  # it may have been turned away already
                        await unwelcome.send(b"let me in")
                await admitted.send(b"friend")
                address, frames = await server.next()
                assert frames == [b"friend"]
                server.link.send(address, [b'{"ok":1}', b""])
                assert await admitted.receive() == ({"ok": 1}, b"")
                assert server.received.empty()
        finally:
            authenticator.stop()
