"""A voice behind the Soprano link: one request per piece of text, its sound streamed back over ZeroMQ.

Law: `docs/soprano-link.md`. Replies carry the request's id, so that turns share a connection and replies of
cancelled requests fall away.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import closing
from typing import Any

import zmq

from bus.errors import BackendError
from procs.tts_bridge.backends.soprano_link import CurveKeys, Link
from procs.tts_bridge.core.chunk import Chunk, Encoding, WordMark
from procs.tts_bridge.core.sentences import Piece
from procs.tts_bridge.core.soprano import bad_audio, chunk_of, server_error

REQUEST_LIMIT_BYTES = 64 * 1024 * 1024
"""Sound accepted for one piece: eight minutes of float32; a model that never ends is cut there."""


class SopranoZmq:
    """Speaks through a Soprano server (`procs.tts_bridge.backends.base.TtsBackend`).

    Args:
        context: the process's ZeroMQ context.
        url: the server's address, like `tcp://localhost:5555`.
        stall_timeout_s: longest wait for the next sound of a request.
        keys: for the embedded voice; a user's own server has none.
    """

    straight = False

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        url: str,
        stall_timeout_s: float,
        keys: CurveKeys | None = None,
    ) -> None:
        self._url = url
        self._stall_timeout_s = stall_timeout_s
        self._context = context
        self._keys = keys
        self._links = [Link(context, url, keys)]
        self._ids = itertools.count()

    async def warm_up(self) -> dict[str, str]:
        pong = await self._links[0].ping()
        facts = {key: str(pong.get(key, ""))[:64] for key in ("engine", "voice")}
        if not pong.get("warmed_up", True):
            raise BackendError("tts_loading", f"{self._url} warms up")
        return {**facts, "address": self._url}

    async def speak(self, pieces: AsyncIterator[Piece]) -> AsyncGenerator[Chunk, None]:
        async for piece in pieces:
            request, chunk = await self._begin(piece)
            with closing(request):
                yield chunk
                while not chunk.last:
                    chunk = await request.chunk()
                    yield chunk

    async def close(self) -> None:
        for link in self._links:
            link.close()

    async def _begin(self, piece: Piece) -> tuple["_Request", Chunk]:
        """A request with its first sound; the second try is for a server that died or lost the first."""
        try:
            return await self._first_chunk(piece)
        except BackendError as error:
            if not error.retryable or error.code == "tts_unreachable":
                raise
        return await self._first_chunk(piece)

    async def _first_chunk(self, piece: Piece) -> tuple["_Request", Chunk]:
        link = await self._free_link()
        request = _Request(link, f"{next(self._ids)}", piece, self._stall_timeout_s)
        try:
            request.send()
            return request, await request.chunk()
        except BaseException:
            request.close()
            raise

    async def _free_link(self) -> Link:
        """A connection with room for a request; others may take the room while it is being made."""
        while True:
            for link in self._links:
                if link.has_room:
                    break
            else:
                link = Link(self._context, self._url, self._keys)
                self._links.append(link)
            await link.connected()
            if link.has_room:
                return link


class _Request:
    """One piece of text on its way to sound."""

    def __init__(self, link: Link, request_id: str, piece: Piece, stall_timeout_s: float) -> None:
        self.id = request_id
        self._link = link
        self._piece = piece
        self._stall_timeout_s = stall_timeout_s
        self._replies: deque[tuple[dict[str, Any], bytes]] = deque()  # REQUEST_LIMIT_BYTES in all
        self._n_bytes = 0
        self._failure: BackendError | None = None
        self._news = asyncio.Event()
        self._seq = 0
        self._format: tuple[int, Encoding] | None = None

    def send(self) -> None:
        """Ask for the sound."""
        self._link.requests[self.id] = self
        self._link.send({"v": 1, "op": "say", "id": self.id, "text": self._piece.text})

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """A reply came."""
        self._n_bytes += len(payload)
        if self._n_bytes > REQUEST_LIMIT_BYTES:
            self.fail(BackendError("tts_bad_audio", "endless sound", retryable=False))
            return
        if header.get("last") is True or "code" in header:
            self._link.requests.pop(self.id, None)
        self._replies.append((header, payload))
        self._news.set()

    def fail(self, error: BackendError) -> None:
        """Nothing more will come."""
        self._failure = error
        self._news.set()

    async def chunk(self) -> Chunk:
        """The next sound; replies without any are passed over, their marks kept.

        Raises:
            BackendError: the server failed, stalled, or sent what is not sound.
        """
        marks: tuple[WordMark, ...] = ()
        while True:
            chunk = self._read(*await self._reply())
            marks += chunk.marks
            if chunk.data or chunk.last:
                return Chunk(self._piece.index, chunk.data, chunk.rate_hz, chunk.encoding, marks, chunk.last)

    def close(self) -> None:
        """No reply is wanted any more; the server is told unless it has finished."""
        if self._link.requests.pop(self.id, None) is not None:
            self._link.try_send({"v": 1, "op": "cancel", "id": self.id})

    async def _reply(self) -> tuple[dict[str, Any], bytes]:
        stalled = False
        while not self._replies:
            if self._failure is not None:
                raise self._failure
            if stalled:
                raise BackendError("tts_stalled", f"no sound for {self._stall_timeout_s:g} s")
            stalled = not await self._news_came()
        return self._replies.popleft()

    async def _news_came(self) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout(self._stall_timeout_s):
                return await self._news.wait()
        except TimeoutError:
            return False

    def _read(self, header: dict[str, Any], payload: bytes) -> Chunk:
        if "code" in header:
            raise server_error(header)
        chunk = chunk_of(header, payload, self._piece)
        if header.get("seq") != self._seq:
            raise bad_audio(f"reply {self._seq} is missing")
        self._seq += 1
        if self._format not in (None, (chunk.rate_hz, chunk.encoding)):
            raise bad_audio("the format changed within one request")
        self._format = (chunk.rate_hz, chunk.encoding)
        return chunk
