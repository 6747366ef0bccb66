"""What a server's refusal means: which code a user sees, and whether asking again can help. Pure.

Servers agree on little: llama.cpp, Ollama, vLLM and llama-swap (old and new) send the error as an object, as
a string, or as plain text, and use different numbers for the same thing. What is known of each is here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bus.foreign_json import read_json
from bus.messages import NodeState

UNTIL_DEADLINE = 1_000
"""Retries of a loading server: as often as the time for the first word allows."""

PAUSES_S = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Pauses between attempts. The first one is none: llama.cpp closes a connection that it said it would keep.
The last one repeats, so a model is in use at most 1 s after it has loaded."""

BUSY_PAUSE_S = 1.0
"""Pause when a busy server names none."""

RETRY_AFTER_LIMIT_S = 5.0
"""Longest wait a server may ask of someone who stands in a conversation; beyond, the turn fails at once."""

EXCERPT_CHARS = 200
"""As much of a server's words as goes into a detail."""

_TELLTALE_CHARS = 20
"""Servers that echo a request echo its beginning; this much of it is no coincidence."""
_WORD_CHARS = 4
"""Shorter secrets are found in any sentence."""


class Failure(Exception):
    """One attempt to get a reply has failed.

    Args:
        code: key of `bus.errors.CODES`.
        detail: one technical line.
        retries: how often this kind may be tried again within one turn, if nothing has been spoken yet.
        wait_s: pause the server asked for.
    """

    def __init__(self, code: str, detail: str, retries: int = 0, wait_s: float | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.retries = retries
        self.wait_s = wait_s


class Patience:
    """Decides within one turn whether, and when, a failed attempt is repeated."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}

    def pause_s(self, failure: Failure, left_s: float) -> float | None:
        """Seconds to wait before the next attempt; None = give up.

        Args:
            left_s: time until the first word is overdue.
        """
        earlier = self._failures.get(failure.code, 0)
        self._failures[failure.code] = earlier + 1
        pause_s = failure.wait_s
        if pause_s is None:
            pause_s = PAUSES_S[min(earlier, len(PAUSES_S) - 1)]
        may_repeat = earlier < failure.retries and pause_s <= min(left_s, RETRY_AFTER_LIMIT_S)
        return pause_s if may_repeat else None


@dataclass(frozen=True)
class Kind:
    """What an HTTP status means."""

    code: str
    retries: int = 0


STATUSES = {
    400: Kind("llm_refused"),
    401: Kind("llm_refused"),
    403: Kind("llm_refused"),
    404: Kind("llm_model_unknown"),
    408: Kind("llm_timeout", 1),
    413: Kind("llm_prompt_too_long"),
    429: Kind("llm_busy", 2),
    # A server that fails while it loads recovers in seconds; one that can't load fails for ever.
    500: Kind("llm_failed", 5),
    502: Kind("llm_loading", UNTIL_DEADLINE),
    503: Kind("llm_loading", UNTIL_DEADLINE),
    504: Kind("llm_loading", UNTIL_DEADLINE),
}

_TOO_LONG_NAMES = ("exceed_context_size_error", "context_length_exceeded")
_TOO_LONG = re.compile(r"maximum context|context (size|length|window)|exceeds.{0,40}context", re.IGNORECASE)
_MODEL_UNKNOWN = re.compile(
    r"\bmodel\b.{0,100}\b(not found|not exist|unknown)\b"
    r"|\b(could not find|no such|unknown|missing or invalid)\b.{0,60}\bmodel",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class _Words:
    """A server's complaint, whatever its shape was."""

    message: str = ""
    name: str = ""
    """`type` or `code`, where they are words."""
    status: int = 0
    """`code`, where it is an HTTP status."""


def from_status(status: int, body: str, retry_after: str = "") -> Failure:
    """An answer other than 200."""
    if status == 400 and not body.strip():
        # llama-swap has been seen to answer the first request after a swap so.
        return Failure("llm_refused", "HTTP 400 without a word", retries=1)
    wait_s = _seconds(retry_after, BUSY_PAUSE_S) if status == 429 else None
    return _judge(status, _words_of_body(body), f"HTTP {status}", wait_s)


def from_error(error: object) -> Failure:
    """An error inside a stream that began with 200: an object or a string."""
    words = _words(error)
    return _judge(words.status, words, "error in the stream")


def while_waiting(failure: Failure) -> str:
    """Code that describes the server until the next attempt: who fails and may recover is loading."""
    return failure.code if failure.code in ("llm_unreachable", "llm_busy") else "llm_loading"


def state_of(code: str) -> NodeState:
    """State of a node whose server is in this condition: work waits for a busy or loading one."""
    return NodeState.LOADING if code in ("llm_loading", "llm_busy") else NodeState.DEGRADED


def discreet(detail: str, secrets: Iterable[str]) -> str:
    """The detail, unless the server's words repeat a secret or the beginning of one."""
    beginnings = (secret.strip()[:_TELLTALE_CHARS] for secret in secrets)
    if any(beginning in detail for beginning in beginnings if len(beginning) >= _WORD_CHARS):
        return f"{detail.partition(':')[0]}: its words repeat the prompt and are not shown"
    return detail


def _judge(status: int, words: _Words, where: str, wait_s: float | None = None) -> Failure:
    kind = STATUSES.get(status) or Kind("llm_refused" if 400 <= status < 500 else "llm_failed")
    if words.name in _TOO_LONG_NAMES or _TOO_LONG.search(words.message):
        kind = Kind("llm_prompt_too_long")
    elif words.name == "model_not_found" or (status == 400 and _MODEL_UNKNOWN.search(words.message)):
        kind = Kind("llm_model_unknown")
    said = " ".join((words.message or words.name).split())[:EXCERPT_CHARS]
    return Failure(kind.code, f"{where}: {said}" if said else where, kind.retries, wait_s)


def _words_of_body(body: str) -> _Words:
    try:
        value = read_json(body)
    except ValueError:
        return _Words(message=body)
    if isinstance(value, dict):
        return _words(value.get("error") or value)
    return _words(value)


def _words(error: Any) -> _Words:
    if not isinstance(error, dict):
        return _Words(message=str(error))
    code = error.get("code")
    named = [name for name in (error.get("type"), code) if isinstance(name, str)]
    known = [name for name in named if name in (*_TOO_LONG_NAMES, "model_not_found")]
    message = error.get("message")
    return _Words(
        message=message if isinstance(message, str) else "",
        name=(known or named or [""])[0],
        status=code if type(code) is int else 0,
    )


def _seconds(retry_after: str, default: float) -> float:
    """Seconds of a Retry-After header; a date or anything else gives the default."""
    try:
        seconds = float(retry_after)
    except ValueError:
        return default
    return seconds if seconds >= 0 else default
