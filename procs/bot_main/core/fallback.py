"""What is written when something could not be said: the answer as text, and one notice per outage. Pure."""

from bus.errors import CODES, sentence
from bus.messages import TurnKind
from procs.bot_main.core.record import Ended

CONFUSED = "(in voice) *Miku seems confused...*"
AS_TEXT = "⚠️ (Voice failed, text mode): {text}"
UNSPOKEN = "💬 (Nothing in it can be spoken): {text}"
IN_FULL = "📜 (Too long to be spoken here, so this is all of it): {text}"
TOO_LONG = "📜 That is longer than I may speak here: I have read the beginning."
QUIET = "🌙 (Quiet hours, in writing): {text}"
UNANSWERED = "⚠️ I could not answer this one. Ask me again."
PUT_OUT = ("voice_kicked", "voice_channel_gone", "voice_guild_gone")
"""Ends after which nobody wants to read on."""
RESTORED = "🎤 My voice is back."


class Fallback:
    """The voice of one session, as its turns show it."""

    def __init__(self) -> None:
        self._code = ""
        """Why the voice is away, empty while it is there."""

    def texts(self, ended: Ended, *, is_over: bool = False) -> list[str]:
        """What to write about a turn that is over.

        Args:
            is_over: whether the session ended with it: why is told for all its turns at once.
        """
        if ended.outcome.kind is TurnKind.CUT:
            return []
        if is_over:
            is_lost = ended.text and ended.outcome.code not in PUT_OUT
            form = QUIET if ended.outcome.code == "quiet_hours" else AS_TEXT
            return [form.format(text=ended.text)] if is_lost else []
        if ended.outcome.kind is TurnKind.DONE and not ended.was_heard:
            return [UNSPOKEN.format(text=ended.text)] if ended.text.strip() else []
        if ended.outcome.kind is TurnKind.DONE:
            was_away, self._code = bool(self._code), ""
            restored = [RESTORED] if was_away and ended.received else []
            return restored + _in_full(ended)
        if ended.is_model_at_fault:
            return [f"{CONFUSED}\n{_told(ended.outcome.code)}"]
        answer = AS_TEXT.format(text=ended.text) if ended.text else UNANSWERED
        return [*self._notice(ended.outcome.code), answer]

    def _notice(self, code: str) -> list[str]:
        """Cause and remedy, once until the voice is back or fails for another reason."""
        is_new, self._code = code != self._code, code
        return [f"⚠️ {_told(code)} Until then I write my answers."] if is_new else []


def _in_full(ended: Ended) -> list[str]:
    """All of an answer whose end was not spoken; a text to be read out stands in the channel already."""
    if not ended.is_shortened:
        return []
    return [TOO_LONG if ended.asked.verbatim else IN_FULL.format(text=ended.text)]


def _told(code: str) -> str:
    return sentence(code if code in CODES else "turn_timeout")
