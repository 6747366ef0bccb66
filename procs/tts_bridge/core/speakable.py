"""Raw model text in, speakable text out, as it streams. Pure.

A letter passes at once. Text is held back only while a construct is open that may turn out unspeakable
(`core/markup/`), never longer than its limit, its line or the reply. The output, text and offsets, does not
depend on how the input was cut. Marks of sentence ends (`.` `!` `?` and the like) are never held behind a
word, so the splitter hears of a sentence's end with the token that brings it.
"""

import re
from dataclasses import dataclass

from procs.tts_bridge.core.glyphs import JOINERS, carries_mark, glyph, is_joined, is_mark
from procs.tts_bridge.core.markup import CONSTRUCTS
from procs.tts_bridge.core.markup.faces import EMOTICON_HEADS, emoticon
from procs.tts_bridge.core.markup.here import Cut, Here, Verdict
from procs.tts_bridge.core.markup.links import SCHEME_HEADS, address
from procs.tts_bridge.core.spacing import Gap, Spacing

WORD = re.compile(r"[A-Za-z0-9]+|[^\W_A-Za-z0-9\u2139\u30fd\u30fe\U0001d400-\U0001d7ff]+")
"""Letters and digits that are said as they are: ASCII apart, since faces and addresses begin with them."""

HIDDEN_KEPT_CHARS = 32
"""Kept of hidden text to recognise its end when that comes in parts: longer than any closing tag."""


@dataclass(frozen=True)
class Spoken:
    """Text for the voice; `offsets[i]` is where in the raw reply `text[i]` came from; they never fall."""

    text: str
    offsets: tuple[int, ...]


class Speakable:
    """The filter of one reply."""

    def __init__(self) -> None:
        self._held = ""
        self._held_at = 0
        self._before = ""
        self._hides_until: re.Pattern[str] | None = None
        self._spacing = Spacing()

    def feed(self, text: str) -> Spoken:
        """What can be said once `text` has come."""
        self._held += text
        return self._advance(is_final=False)

    def finish(self) -> Spoken:
        """What is left at the end of the reply: an open construct is plain text after all."""
        return self._advance(is_final=True)

    def _advance(self, *, is_final: bool) -> Spoken:
        at, held = 0, self._held
        while at < len(held):
            until = self._hides_until
            taken = self._skip_hidden(until, at) if until else self._step(at, is_final)
            if not taken:
                break
            at += taken
            self._before = held[at - 1]
        self._held, self._held_at = held[at:], self._held_at + at
        return Spoken(*self._spacing.take())

    def _skip_hidden(self, until: re.Pattern[str], at: int) -> int:
        """How many hidden characters can be forgotten."""
        if found := until.search(self._held, at):
            self._hides_until = None
            return found.end() - at
        return max(0, len(self._held) - at - HIDDEN_KEPT_CHARS)

    def _step(self, at: int, is_final: bool) -> int:
        """Takes in the next word, character or construct; returns its length, 0 to wait for more."""
        char, offset = self._held[at], self._held_at + at
        if word := WORD.match(self._held, at):
            verdict = self._judge_word(at, word[0], is_final)
            if verdict is Verdict.PLAIN:
                self._spacing.word(word[0], offset)
                return len(word[0])
        else:
            verdict = Verdict.PLAIN
            if construct := CONSTRUCTS.get(char):
                verdict = construct(self._here(at, is_final))
        if isinstance(verdict, Cut):
            self._cut(verdict, at)
            return verdict.length
        if verdict is Verdict.WAIT:
            return 0
        self._character(char, offset)
        return 1

    def _judge_word(self, at: int, word: str, is_final: bool) -> Cut | Verdict:
        """Faces and addresses that begin like a word; only where a word begins."""
        verdict: Cut | Verdict = Verdict.PLAIN
        if word[0] in SCHEME_HEADS and not self._here(at, is_final).is_glued:
            verdict = address(self._here(at, is_final))
        if verdict is Verdict.PLAIN and word[0] in EMOTICON_HEADS:
            verdict = emoticon(self._here(at, is_final))
        return verdict

    def _here(self, at: int, is_final: bool) -> Here:
        return Here(self._held, at, self._before, self._spacing.tail, is_final)

    def _cut(self, cut: Cut, at: int) -> None:
        offset = self._held_at + at
        self._hides_until = cut.hides_until
        if cut.ends_line:
            self._spacing.end_line(offset)
        if cut.is_tight:
            self._spacing.tighten()
        if cut.is_pause:
            self._spacing.pause(offset)
        if cut.gap:
            self._spacing.space(offset, cut.gap, is_cut=True)
        for char in cut.said:
            self._character(char, offset)
        for index in range(at + cut.kept[0], at + cut.kept[1]):
            self._character(self._held[index], self._held_at + index)

    def _character(self, char: str, offset: int) -> None:
        said = glyph(char)
        if char in JOINERS and is_joined(self._before):
            self._spacing.say(char, offset)
        elif said is None:
            self._spacing.space(offset, Gap.SOFT, is_cut=True)
        elif said == "\n":
            self._spacing.end_line(offset)
        elif said == " ":
            self._spacing.space(offset)
        elif not is_mark(char) or carries_mark(self._before):
            for each in said:
                self._spacing.say(each, offset)
