"""Speakable text in, pieces for the voice out: whole sentences, the first one as early as sounds natural.

- The first piece ends at the first sentence end, or at the first clause with 8 spoken characters if that is
  sooner; without either it is cut between words within 60 characters and 12 words.
- Later pieces are sentences; one beyond 200 characters is cut at a clause, else between words.
- Text that has waited too long is released up to a clause or the last whole word (`poll`).
- Nothing is ever cut inside a word, unless the word alone is longer than the limit.

What is cut does not depend on how the text was fed, with one exception, the price of not waiting: a feed
that ends right behind a mark is judged as if a new sentence followed, wherever `core/boundaries.py` holds
that safe. Pure; time comes in as an argument.
"""

import re
from dataclasses import dataclass

from procs.tts_bridge.core.around import Kind
from procs.tts_bridge.core.boundaries import MARK, judge
from procs.tts_bridge.core.divisions import divide, last_word_end
from procs.tts_bridge.core.punctuation import CLAUSES, STOPS, STRONG
from procs.tts_bridge.core.speakable import Spoken

CLAUSE_CHARS = 8
"""Spoken characters of a clause that may open a turn: shorter ones ("Well,") sound cut off."""
FIRST_CHARS = 60
"""Longest first piece: about four seconds of speech."""
FIRST_WORDS = 12
"""Most words in the first piece."""
LONGEST_CHARS = 200
"""Longest later piece: the RVC server cuts there by itself, and voices drift on longer ones."""
MAX_WAIT_MS = 1_500
"""Text waits this long for its sentence to end: a stalled model shall not silence what is already there."""

LEADING_MARKS = re.compile(rf"[\s{re.escape(STRONG + STOPS + CLAUSES)}]+")
"""Left over when an end was taken early: nothing to say."""


@dataclass(frozen=True)
class Piece:
    """What the voice says in one go; `offsets` as in `Spoken`."""

    index: int
    """From 0, +1."""
    text: str
    offsets: tuple[int, ...]
    ends_sentence: bool
    """Whether a pause belongs behind it."""


class Sentences:
    """The splitter of one turn."""

    def __init__(self) -> None:
        self._text = ""
        self._offsets: tuple[int, ...] = ()
        self._scanned = 0
        self._clause_end = 0
        self._index = 0
        self._starts_sentence = True
        self._waiting_since_ms = 0

    def feed(self, spoken: Spoken, now_ms: int) -> list[Piece]:
        """Pieces that are complete with this text."""
        if not self._text:
            self._waiting_since_ms = now_ms
        self._text += spoken.text
        self._offsets += spoken.offsets
        return self._pieces(now_ms, is_final=False)

    def poll(self, now_ms: int) -> list[Piece]:
        """What may be said of text that has waited `MAX_WAIT_MS`: up to a clause or the last whole word."""
        deadline_ms = self.next_deadline_ms
        if deadline_ms is None or now_ms < deadline_ms:
            return []
        self._waiting_since_ms = now_ms
        return self._cut(self._releasable(), ends_sentence=self._ends_undecided())

    def finish(self) -> list[Piece]:
        """All that is left."""
        pieces = self._pieces(self._waiting_since_ms, is_final=True)
        return pieces + self._cut(len(self._text), ends_sentence=True)

    @property
    def next_deadline_ms(self) -> int | None:
        """When `poll` may have something; None while nothing could be released."""
        return self._waiting_since_ms + MAX_WAIT_MS if self._releasable() else None

    def _pieces(self, now_ms: int, *, is_final: bool) -> list[Piece]:
        pieces: list[Piece] = []
        self._drop_leading()
        while boundary := self._next_boundary(is_final=is_final):
            end, ends_sentence = boundary
            pieces += self._cut(end, ends_sentence=ends_sentence)
            self._waiting_since_ms = now_ms
        return pieces

    def _next_boundary(self, *, is_final: bool) -> tuple[int, bool] | None:
        """Where the next piece ends, and whether a sentence does; None to wait."""
        limit = self._limit()
        while found := MARK.search(self._text, self._scanned):
            if len(self._text[: found.end()].rstrip()) > limit:
                break
            kind = judge(self._text, found, starts_sentence=self._starts_sentence, is_final=is_final)
            if kind is Kind.UNDECIDED:
                return None
            self._scanned = found.end()
            if kind is Kind.SENTENCE:
                return found.end(), True
            if kind is Kind.CLAUSE:
                self._clause_end = found.end()
                if self._index == 0 and _n_spoken(self._text[: found.end()]) >= CLAUSE_CHARS:
                    return found.end(), False
        if len(self._text.rstrip()) > limit:
            return divide(self._text, limit, self._clause_end), False
        return None

    def _limit(self) -> int:
        if self._index:
            return LONGEST_CHARS
        words = self._text.split(" ", FIRST_WORDS)[:FIRST_WORDS]
        return min(FIRST_CHARS, len(" ".join(words)) if len(words) == FIRST_WORDS else FIRST_CHARS)

    def _releasable(self) -> int:
        """How much could be released without cutting a word: up to a mark, a clause or a word's end."""
        if not _n_spoken(self._text):
            return 0
        if self._ends_undecided():
            return len(self._text)
        return self._clause_end or last_word_end(self._text)

    def _ends_undecided(self) -> bool:
        found = MARK.search(self._text, self._scanned)
        return bool(found and not self._text[found.end() :].strip())

    def _cut(self, end: int, *, ends_sentence: bool) -> list[Piece]:
        text, offsets = self._text[:end], self._offsets[:end]
        self._text, self._offsets = self._text[end:], self._offsets[end:]
        self._scanned = self._clause_end = 0
        self._drop_leading()
        if not _n_spoken(text):
            return []
        n_skipped = len(text) - len(text.lstrip())
        text = text.strip()
        piece = Piece(self._index, text, offsets[n_skipped : n_skipped + len(text)], ends_sentence)
        self._index += 1
        self._starts_sentence = ends_sentence
        return [piece]

    def _drop_leading(self) -> None:
        if not self._scanned and (found := LEADING_MARKS.match(self._text)):
            self._text, self._offsets = self._text[found.end() :], self._offsets[found.end() :]


def _n_spoken(text: str) -> int:
    return sum(char.isalnum() for char in text)
