"""What people have heard of a reply: its text, up to what the sink has played. Pure.

Only this may enter the memory: a model that believes it said what nobody heard talks past people. The
position is the sink's own count of what it played, never the amount of sound that was made.
"""

from bus.messages import Mark, SpokenState

SLOW_SPEECH_MS_PER_CHARACTER = 80
"""Length assumed of a piece whose sound is still being made: slow speech, so that we claim too little."""

LONGEST_WORD = 30
"""Characters a word that has begun is completed by at most; scripts without spaces have no such words."""

FIRST_UNSPACED = 0x2E80
"""From here on (CJK and its punctuation) each character stands for itself."""


def heard_text(text: str, spoken: SpokenState | None, played_ms: int) -> str:
    """The beginning of `text` that was heard, to the end of the word that had begun.

    Args:
        text: the reply, raw, as the marks count it.
        spoken: marks of words or of longer pieces, in order; within a long piece, speech is taken as even.
        played_ms: position in the turn's sound up to which it was played.
    """
    if spoken is None or played_ms <= 0:
        return ""
    if spoken.complete and played_ms >= spoken.duration_ms:
        return text[: spoken.marks[-1].end_char] if spoken.is_shortened and spoken.marks else text
    begun = [mark for mark in spoken.marks if mark.start_ms < played_ms]
    if not begun:
        return ""
    mark, end_ms = begun[-1], _end_ms(spoken, len(begun) - 1)
    share = (played_ms - mark.start_ms) / max(end_ms - mark.start_ms, 1)
    n_heard = max(1, int(min(share, 1.0) * (mark.end_char - mark.first_char)))
    return text[: _word_end(text, mark.first_char + n_heard, mark)].rstrip()


def _end_ms(spoken: SpokenState, index: int) -> int:
    """Where a mark's sound ends: where the next one begins, or at the end of the sound."""
    if index + 1 < len(spoken.marks):
        return spoken.marks[index + 1].start_ms
    if spoken.complete:
        return spoken.duration_ms
    mark = spoken.marks[index]
    slow_ms = (mark.end_char - mark.first_char) * SLOW_SPEECH_MS_PER_CHARACTER
    return max(spoken.duration_ms, mark.start_ms + slow_ms)


def _word_end(text: str, offset: int, mark: Mark) -> int:
    """The end of the word that the character before `offset` belongs to, within the mark."""
    last = min(mark.end_char, len(text), offset + LONGEST_WORD)
    while 0 < offset < last and _joined(text[offset - 1]) and _joined(text[offset]):
        offset += 1
    return offset


def _joined(character: str) -> bool:
    """Whether a character is part of a word, or of the punctuation that clings to one."""
    return ord(character) < FIRST_UNSPACED and not character.isspace()
