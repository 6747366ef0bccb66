"""The UDP path to a voice server: found out once, kept open in silence, and seen to be blocked.

Source: "IP Discovery" of Discord's documentation of voice connections; the keep-alive is what Discord's own
clients send.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from procs.discord_voice.core.link import Closed, Event

DISCOVERY_TRIES, DISCOVERY_WAIT_S = 6, 0.5
"""A lost discovery packet is sent again; 3 s without any answer mean that UDP does not get through."""
KEEPALIVE_S = 5.0
"""As Discord's own clients do; routers forget an idle UDP path after 30 s."""
ECHO_WAIT_S, ECHO_TRIES = 0.5, 3
"""A keep-alive that is not answered is repeated at once, so often."""
RECEIVE_BYTES = 2048
_DISCOVERY = struct.Struct(">HHI64sH")
_ASKING, _REST_BYTES = 1, 70
_COUNTER = struct.Struct("<Q")


async def discover(path: socket.socket, ssrc: int) -> tuple[str, int]:
    """Address and port under which the server sees this connected socket.

    Raises:
        Closed: no answer (NO_DISCOVERY).
        ValueError: an answer that is none.
    """
    for _ in range(DISCOVERY_TRIES):
        with suppress(OSError):
            path.send(_DISCOVERY.pack(_ASKING, _REST_BYTES, ssrc, b"", 0))
        answer = await received(path, _DISCOVERY.size, DISCOVERY_WAIT_S)
        if answer:
            _, _, _, address, port = _DISCOVERY.unpack(answer)
            return address.partition(b"\0")[0].decode("ascii"), port
    raise Closed(Event.NO_DISCOVERY)


async def keep_open(path: Callable[[], socket.socket]) -> None:
    """Keep the path open, and see when it no longer is.

    Args:
        path: the socket that is in use now.

    Raises:
        Closed: a server that has echoed does so no longer (UDP_SILENT). Not every server echoes.
    """
    has_echoed = False
    for counter in range(1 << 62):
        await asyncio.sleep(KEEPALIVE_S)
        for _ in range(ECHO_TRIES if has_echoed else 1):
            if await _is_echoed(path(), _COUNTER.pack(counter)):
                has_echoed = True
                break
        else:
            if has_echoed:
                raise Closed(Event.UDP_SILENT)


async def _is_echoed(path: socket.socket, packet: bytes) -> bool:
    drain(path)
    with suppress(OSError):
        path.send(packet)
    return bool(await received(path, len(packet), ECHO_WAIT_S))


def drain(path: socket.socket) -> None:
    """Throw away what others have said since: nobody listens here, and the echo needs room."""
    with suppress(OSError):
        for _ in range(RECEIVE_BYTES):
            path.recv(RECEIVE_BYTES)


async def received(path: socket.socket, n_bytes: int, wait_s: float) -> bytes:
    """The next packet of this length; empty if none comes in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_s):
            while True:
                try:
                    packet = await asyncio.get_running_loop().sock_recv(path, RECEIVE_BYTES)
                except ConnectionError:  # "unreachable", told by the network: maybe not the next time
                    await asyncio.sleep(wait_s)
                    continue
                if len(packet) == n_bytes:
                    return packet
    return b""
