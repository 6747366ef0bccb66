"""Drops what some models write before they speak: white space, and a block of thoughts. Pure.

Servers that do not split reasoning off send it as text between marks at the very beginning. White space
there would meet a stop string of line feeds and end the reply before its first word.
"""

MARKS = {"<think>": "</think>", "<thinking>": "</thinking>"}
"""Begin → end of a block of thoughts."""


class Opening:
    """Takes pieces of text, gives them back from the first spoken character on."""

    def __init__(self) -> None:
        self._over = False
        self._end_mark = ""
        """Mark that ends the block of thoughts we are in; empty outside."""
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece in; gives what is spoken of it."""
        if self._over:
            return piece
        self._held += piece
        while True:
            if self._end_mark and not self._leave_thoughts():
                return ""
            self._held = self._held.lstrip()
            if any(mark.startswith(self._held) for mark in MARKS if mark != self._held):
                return ""
            if not self._enter_thoughts():
                self._over = True
                return self._held

    def finish(self) -> str:
        """The text has ended: what was held back is spoken, unless it is a thought."""
        return "" if self._over or self._end_mark else self._held

    def _enter_thoughts(self) -> bool:
        for begin, end in MARKS.items():
            if self._held.startswith(begin):
                self._held = self._held[len(begin) :]
                self._end_mark = end
                return True
        return False

    def _leave_thoughts(self) -> bool:
        _, mark, behind = self._held.partition(self._end_mark)
        if not mark:
            # Thoughts are forgotten at once, except a tail that may begin the mark.
            self._held = self._held[-len(self._end_mark) + 1 :]
            return False
        self._held, self._end_mark = behind, ""
        return True
