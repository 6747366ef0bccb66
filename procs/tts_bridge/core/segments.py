"""What the RVC server makes of the text it gets, and when its sound is over. Pure.

The server synthesizes its buffer at a sentence end, at a pause mark, beyond 200 characters and at a flush,
and answers each segment with sound, but never says that it is done. This room mirrors its buffer, counts
what is due, and judges how long a silence means the end. Source: the RVC server's WebSocket interface
description (`/ws/stream`), section on synthesis triggers.
"""

import re
from enum import StrEnum

from bus.audio import SAMPLE_RATE_HZ

_RUN = re.compile(r"[^.!?。！？,;，、]*[.!?。！？,;，、]*")
"""Text up to and with a run of trigger characters."""
_TRIGGER = re.compile(r"[.!?。！？,;，、]$")
_SAYABLE = re.compile(r"\w")

LONGEST_CHARS = 200
"""The server synthesizes a buffer longer than this without waiting for a trigger."""

SETTLED_S = 0.15
"""Silence after which a turn is over whose segments have all been answered. Shorter than any word, so that
the end is known before the sink has played the last one."""

LEAST_MS_PER_CHAR = 15
"""Four times faster than speech: less sound than this for its text is not all of it."""


class Outcome(StrEnum):
    """What a silence means."""

    END = "end"
    """All sound is here."""
    STALLED = "stalled"
    """Sound is missing."""


def tokens_of(text: str) -> list[str]:
    """The text in parts that hold a trigger at their end only: whichever way the server looks for one,
    it then sees the same segments as we do."""
    return [part for part in _RUN.findall(text) if part]


class Segments:
    """One turn's mirror of the server's buffer.

    Args:
        quiet_s: silence that means the end when the count can't be trusted.
        stall_s: silence that means a failure while sound is due.
    """

    def __init__(self, quiet_s: float, stall_s: float) -> None:
        self._quiet_s = quiet_s
        self._stall_s = stall_s
        self._buffer = ""
        self._flushed = False
        self._countable = True
        self._n_chars = 0
        self._n_due = 0
        self._n_blobs = 0
        self._n_bytes = 0

    def sent(self, token: str) -> None:
        """A part of `tokens_of` went out."""
        self._buffer += token
        self._n_chars += len(token)
        if _TRIGGER.search(self._buffer) or len(self._buffer) > LONGEST_CHARS:
            self._cut()

    def flushed(self) -> None:
        """The flush went out: no more text comes."""
        self._flushed = True
        if self._buffer.strip():
            self._cut()

    def heard(self, n_bytes: int) -> None:
        """A blob of float32 came; more blobs than segments mean a server that sends smaller parts."""
        self._n_blobs += 1
        self._n_bytes += n_bytes
        self._countable &= self._n_blobs <= self._n_due

    def patience(self) -> tuple[float | None, Outcome]:
        """How long the silence since the last text or sound may last (None = for ever), and what it means
        when it lasts longer."""
        if not self._flushed:
            return (self._stall_s, Outcome.STALLED) if self._n_blobs < self._n_due else (None, Outcome.END)
        if not self._n_due:
            return 0, Outcome.END
        if self._n_bytes * 1000 // (4 * SAMPLE_RATE_HZ) < self._n_chars * LEAST_MS_PER_CHAR:
            return self._stall_s, Outcome.STALLED
        settled = self._countable and self._n_blobs == self._n_due
        return SETTLED_S if settled else self._quiet_s, Outcome.END

    def _cut(self) -> None:
        """The buffer became a segment; one without a letter or digit may or may not be answered."""
        self._n_due += 1
        if not _SAYABLE.search(self._buffer):
            self._countable = False
            self._n_due -= 1
        self._buffer = ""
