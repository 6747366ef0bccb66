"""The text said so far and the gap before what comes next: white space, pauses, repeated punctuation. Pure.

White space is never written ahead of the character it separates, so what was cut out leaves no double
space, no blank before a full stop and no empty parentheses, whatever the size of the pieces fed.
"""

from enum import IntEnum

from procs.tts_bridge.core.glyphs import is_mark

TAIL_CHARS = 64
"""How far back anything looks: the longest part of a host name."""

RISING = frozenset("!?！？")
"""A run of these is said once each: `?!` stays, `!!!` does not."""
REPEATED = frozenset(",;:，、；：。")
"""A run of one of these is said once."""
TIGHT = frozenset(".,!?;:)]}…。，！？、；：）」』")
"""Punctuation that wants no gap before it."""
CLOSING = frozenset("\"')]%°")
"""What may stand between a word and the pause behind it."""


class Gap(IntEnum):
    """What separates two visible characters; the strongest one wins."""

    NONE = 0
    SPACE = 1
    SOFT = 2
    """A comma if a capital or a caseless letter follows: an emoji often stands for the full stop."""
    COMMA = 3
    """A comma if anything follows on the line: the bars of a table."""


class Spacing:
    """Writes visible characters with one gap between them, each with the offset it came from."""

    def __init__(self) -> None:
        self.tail = ""
        """The last characters said."""
        self._text: list[str] = []
        self._offsets: list[int] = []
        self._gap = Gap.NONE
        self._gap_at = 0
        self._has_cut = False
        self._opened: list[tuple[str, int]] = []

    def take(self) -> tuple[str, tuple[int, ...]]:
        """What was written since the last call."""
        text, offsets = "".join(self._text), tuple(self._offsets)
        self._text, self._offsets = [], []
        return text, offsets

    def word(self, text: str, offset: int) -> None:
        """Says a run of letters and digits."""
        self._close_gap(text[0])
        self._write(text, range(offset, offset + len(text)))

    def say(self, char: str, offset: int) -> None:
        """Says one character, unless it only repeats the punctuation before it."""
        if char in "(（":
            self._opened.append((char, offset))
        elif char in ")）" and self._opened:
            self._opened.pop()
            self._has_cut = True
        elif not self._is_repeated(char):
            self._close_gap(char)
            self._write(char, [offset])

    def space(self, offset: int, gap: Gap = Gap.SPACE, *, is_cut: bool = False) -> None:
        """Asks for a gap before the next character; `is_cut` when something was taken out here."""
        self._has_cut = self._has_cut or is_cut
        if gap > self._gap and not self._opened:
            self._gap, self._gap_at = gap, offset

    def pause(self, offset: int) -> None:
        """Says a comma at once, where one can stand."""
        if self.tail and not self._opened and (_is_word(self.tail[-1]) or self.tail[-1] in CLOSING):
            self._reset_gap()
            self._write(",", [offset])
        self.space(offset)

    def tighten(self) -> None:
        """Forgets the gap: what comes next belongs to what was said last."""
        self._reset_gap()

    def end_line(self, offset: int) -> None:
        """Says a line feed at once, one between any two lines."""
        self._reset_gap()
        if self.tail and self.tail[-1] != "\n":
            self._write("\n", [offset])

    def _is_repeated(self, char: str) -> bool:
        tail = self.tail
        if char in RISING:
            run = tail[len(tail.rstrip("!?！？")) :]
            return self._gap < Gap.SOFT and char in run
        if char == ".":
            return tail.endswith("...") or (tail.endswith(".") and self._gap == Gap.SPACE)
        return char in REPEATED and tail.endswith(char)

    def _close_gap(self, following: str) -> None:
        gap, last = self._gap, self.tail[-1:]
        if self._opened:
            following = "("
        if last in ("", "\n") or (self._has_cut and following in TIGHT):
            gap = Gap.NONE
        if gap == Gap.SOFT and not (_is_word(last) and following.isalpha() and not following.islower()):
            gap = Gap.SPACE
        if gap >= Gap.SOFT and (_is_word(last) or last in CLOSING):
            self._write(",", [self._gap_at])
        if gap:
            self._write(" ", [self._gap_at])
        for char, offset in self._opened:
            self._write(char, [offset])
        self._reset_gap()

    def _reset_gap(self) -> None:
        self._gap, self._has_cut = Gap.NONE, False
        self._opened.clear()

    def _write(self, text: str, offsets: list[int] | range) -> None:
        self._text.append(text)
        self._offsets += offsets
        self.tail = (self.tail + text)[-TAIL_CHARS:]


def _is_word(char: str) -> bool:
    return char.isalnum() or is_mark(char)
