"""Bytes of a chat server's answer → tokens, the last one final, exactly once. Pure."""

from collections.abc import Iterator

from bus.messages import Token
from procs.llm_streamer.core import deltas
from procs.llm_streamer.core.failures import Failure
from procs.llm_streamer.core.reply import CHARS_PER_TOKEN, Reply
from procs.llm_streamer.core.sse import Event, SseParser


class TokenStream:
    """One answer on its way.

    Args:
        stop: texts at which the reply ends, kept here whatever the server does.
        max_tokens: asked length; who ignores it is cut at `CHARS_PER_TOKEN` times as many characters.
        max_chars: length at which any reply is cut.
    """

    def __init__(self, stop: tuple[str, ...], max_tokens: int, max_chars: int) -> None:
        self.finished = False
        """Whether the final token was given."""
        self.n_tokens = 0
        """Tokens given so far."""
        self._sse = SseParser()
        self._reply = Reply(stop, min(max_chars, max_tokens * CHARS_PER_TOKEN))
        self._has_thoughts = False

    @property
    def is_cut(self) -> bool:
        """Whether the reply ended here while the server may still have more to say."""
        return bool(self._reply.ended)

    def feed(self, chunk: bytes) -> Iterator[Token]:
        """Take bytes of an event stream in, none at its end; gives tokens until one is final.

        Raises:
            Failure: the server reports an error, talks nonsense or said nothing at all; the tokens before
                that have been given.
            BackendError: an event beyond all bounds.
        """
        for event in self._sse.feed(chunk) if chunk else self._sse.finish():
            yield from self._take(event)
        if not chunk:
            yield from self.end("stop")

    def answer(self, body: str) -> Iterator[Token]:
        """The server did not stream: its whole answer.

        Raises:
            Failure: as `feed`.
        """
        yield from self._take(Event("", body))
        yield from self.end("stop")

    def end(self, reason: str) -> Iterator[Token]:
        """Give the final token, once.

        Raises:
            Failure: there was no text at all.
        """
        if self.finished:
            return
        rest = self._reply.finish()
        if not self.n_tokens and not rest.strip():
            raise Failure("llm_empty", "only thoughts came" if self._has_thoughts else "no text came")
        self.finished = True
        yield self._token(rest, final=True, finish_reason=self._reply.ended or reason)

    def _take(self, event: Event) -> Iterator[Token]:
        if self.finished:
            return
        delta = deltas.read(event)
        self._has_thoughts = self._has_thoughts or delta.is_thought
        if text := self._reply.feed(delta.text):
            yield self._token(text)
        if reason := self._reply.ended or delta.finish_reason:
            yield from self.end(reason)

    def _token(self, text: str, final: bool = False, finish_reason: str = "") -> Token:
        self.n_tokens += 1
        return Token(self.n_tokens - 1, text, final, finish_reason)
