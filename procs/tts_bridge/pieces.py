"""The reply as the voice asks for it: tokens are put in as they arrive, pieces are taken out."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from bus.clock import Clock
from bus.messages import Token
from procs.tts_bridge.core.script import Script, Splitter
from procs.tts_bridge.core.sentences import Piece

TOKENS_LIMIT = 16_384
"""Tokens of a turn that may wait. A reply has 16,000 characters at most, so none is ever refused."""

TOKEN_PATIENCE_S = 30.0
"""Between two tokens: llm_streamer gives up earlier, so after this time it is gone."""

END = Token(0, "", final=True)
"""Stands for the end of a reply whose own end got lost."""


class Pieces(AsyncIterator[Piece]):
    """One turn's text.

    Args:
        splitter: how the voice wants it cut.
        on_piece: called with each piece as the voice takes it.
        is_spent: whether the speech of what was taken is long enough, given whether that ends a sentence.
    """

    def __init__(
        self,
        clock: Clock,
        splitter: Splitter,
        on_piece: Callable[[Piece], None],
        is_spent: Callable[[bool], bool],
    ) -> None:
        self._clock = clock
        self._script = Script(splitter)
        self._on_piece = on_piece
        self._is_spent = is_spent
        self._ends_sentence = False
        self.is_shortened = False
        """Whether the reply goes on behind what the voice was given."""
        self._tokens: asyncio.Queue[Token] = asyncio.Queue(TOKENS_LIMIT)
        self._ready: deque[Piece] = deque()

    @property
    def exhausted(self) -> bool:
        """Whether the voice gets no more."""
        return self.is_shortened or (self._script.finished and not self._ready)

    def put(self, token: Token) -> bool:
        """A token arrived; False if it found no room."""
        try:
            self._tokens.put_nowait(token)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """No more tokens will come: what came is the reply."""
        self.put(END)

    def is_next_known(self) -> bool:
        """Whether the next piece is here already."""
        while not self._ready and not self._script.finished and not self._tokens.empty():
            self._feed(self._tokens.get_nowait())
        return bool(self._ready)

    async def __anext__(self) -> Piece:
        while not self.is_next_known():
            if self._script.finished:
                raise StopAsyncIteration
            await self._wait()
        self.is_shortened = self.is_shortened or self._is_spent(self._ends_sentence)
        if self.is_shortened:
            raise StopAsyncIteration
        piece = self._ready.popleft()
        self._ends_sentence = piece.ends_sentence
        self._on_piece(piece)
        return piece

    async def _wait(self) -> None:
        """Until a token comes, a piece has waited long enough, or the patience ends."""
        deadline_ms = self._script.next_deadline_ms
        wait_s = TOKEN_PATIENCE_S if deadline_ms is None else max(0.0, (deadline_ms - self._now_ms) / 1000)
        try:
            async with asyncio.timeout(wait_s):
                self._feed(await self._tokens.get())
        except TimeoutError:
            if deadline_ms is None:
                self._feed(END)
            else:
                self._ready += self._script.poll(self._now_ms)

    def _feed(self, token: Token) -> None:
        self._ready += self._script.feed(token, self._now_ms)

    @property
    def _now_ms(self) -> int:
        return self._clock.mono_ns() // 1_000_000
