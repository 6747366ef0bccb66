"""A network between browser and gateway that can be cut and mended."""

import asyncio
import socket
from contextlib import suppress
from typing import Self


def port_of(listener: socket.socket) -> int:
    """The port on which a socket listens."""
    return int(listener.getsockname()[1])


class Proxy:
    """Forwards TCP connections to a port of this machine.

    Args:
        listener: a socket that listens already, so that nobody else takes its port; it stays open.
    """

    def __init__(self, target_port: int, listener: socket.socket) -> None:
        self.port = port_of(listener)
        self._listener = listener
        self._target_port = target_port
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, sock=self._listener.dup())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        """Every connection breaks, and none can be made."""
        self._is_cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """New connections work again."""
        self._is_cut = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError):
            while block := await reader.read(65_536):
                writer.write(block)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()
