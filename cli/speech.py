"""Watches one turn from the request to its last sound, and shows the words as they are heard."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bus.messages import NodeState, RequestAnswer, TurnKind
from cli.heard import Transcript, heard_chars
from cli.link import Link, Progress, refused
from cli.view import View

LOOK_S = 0.05
"""How often levels are looked at; the sink reports each 100 ms."""

STILLNESS_S = 120.0
"""Without any progress for this long a turn is given up; every stage has a shorter deadline of its own."""

LAST_WORDS_S = 2.0
"""From the end of a turn, by failure or by force, to the sink's last report of it."""


@dataclass
class Outcome:
    """What became of a turn."""

    code: str = ""
    """Error code; empty if it was spoken to its end."""
    cut: bool = False
    """Whether somebody stopped it."""
    recording: str = ""
    """File name of its sound, where the sink keeps one."""
    first_text_s: float | None = None
    first_sound_s: float | None = None
    done_s: float = 0.0

    @property
    def was_silent(self) -> bool:
        """Whether it came to its end without a sound: emoji alone, say, or nothing but punctuation."""
        return not self.code and not self.cut and self.first_sound_s is None

    def timings(self) -> str:
        """One line for people; times since the request."""
        named = [
            ("first text", self.first_text_s),
            ("first sound", self.first_sound_s),
            ("done", self.done_s),
        ]
        return ", ".join(f"{name} {value:.2f} s" for name, value in named if value is not None)


class TurnWatch:
    """One turn as the person waits for it.

    Args:
        started_s: monotonic time of the request.
        on_words: gets each new piece of the reply as it begins to sound.
        on_wait: gets one line on what is being waited for, until the first sound.
    """

    def __init__(
        self,
        link: Link,
        session: str,
        turn: int,
        started_s: float,
        on_words: Callable[[str], None],
        on_wait: Callable[[str], None],
    ) -> None:
        self.outcome = Outcome()
        self._link = link
        self._session = session
        self._turn = turn
        self._started_s = started_s
        self._on_words = on_words
        self._on_wait = on_wait
        self._transcript = Transcript()
        self._last: Progress | None = None
        self._moved_s = time.monotonic()
        self._ended_s: float | None = None

    async def run(self) -> Outcome:
        """Wait until the turn was heard to its end, was cut, or failed."""
        milestones = asyncio.create_task(self._note_milestones())
        try:
            while not self._look():
                if self.outcome.first_sound_s is None:
                    self._on_wait(self._waiting_for())
                await asyncio.sleep(LOOK_S)
        finally:
            milestones.cancel()
        self.outcome.done_s = self._elapsed_s()
        return self.outcome

    def _look(self) -> bool:
        """Take in the levels as they are now; returns whether the turn is over."""
        progress = self._link.progress(self._session, self._turn)
        if progress != self._last:
            self._last, self._moved_s = progress, time.monotonic()
        self._note_progress(progress)
        if progress.finished:
            self.outcome.cut = not self.outcome.code and not self._is_live()
            if not self.outcome.cut and not self.outcome.code:
                self._on_words(self._transcript.upto(progress.text, len(progress.text)))
            return True
        return self._is_lost()

    def _note_progress(self, progress: Progress) -> None:
        """Levels make up for milestones that were lost."""
        outcome = self.outcome
        outcome.code = outcome.code or progress.failure
        outcome.recording = progress.recording or outcome.recording
        if progress.text and outcome.first_text_s is None:
            outcome.first_text_s = self._elapsed_s()
        if progress.played_ms and outcome.first_sound_s is None:
            outcome.first_sound_s = self._elapsed_s()
        if progress.played_ms:
            self._on_words(
                self._transcript.upto(progress.text, heard_chars(progress.marks, progress.played_ms))
            )

    async def _note_milestones(self) -> None:
        outcome = self.outcome
        async for received in self._link.bus.events("report.turn."):
            if (received.session, received.turn) != (self._session, self._turn):
                continue
            kind = received.message.kind
            if kind is TurnKind.FIRST_TOKEN and outcome.first_text_s is None:
                outcome.first_text_s = self._elapsed_s()
            elif kind is TurnKind.FIRST_FRAME and outcome.first_sound_s is None:
                outcome.first_sound_s = self._elapsed_s()
            elif kind is TurnKind.FAILED:
                self._end(received.message.code)

    def _is_lost(self) -> bool:
        """Whether nothing more will come."""
        now_s = time.monotonic()
        if self._ended_s is None and not self._is_live():
            state = self._link.bus.session(self._session)
            self._end(state.reason if state else "")
            self.outcome.cut = not self.outcome.code
        if self._ended_s is not None:
            return now_s - self._ended_s > LAST_WORDS_S
        if now_s - self._moved_s > STILLNESS_S:
            self._end("turn_timeout")
            return True
        return False

    def _end(self, code: str) -> None:
        self.outcome.code = self.outcome.code or code
        self._ended_s = self._ended_s or time.monotonic()

    def _is_live(self) -> bool:
        return self._link.bus.is_live(self._session, self._turn)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _waiting_for(self) -> str:
        for src, _, health in self._link.health.items():
            if health.state is NodeState.LOADING:
                return f"waiting: {src} is loading {health.detail}".rstrip()
        return "thinking ..." if self.outcome.first_text_s is None else "waiting for the voice ..."


async def hear(link: Link, view: View, session: str, answer: RequestAnswer, started_s: float) -> Outcome:
    """Show a turn to the person: progress until the first word, then the words as they are heard."""
    before = f" ({answer.waiting} before this one)" if answer.waiting else ""
    with view.progress(f"thinking ...{before}") as progress:

        def heard(words: str) -> None:
            if words:
                progress.hide()
                view.piece(words)

        outcome = await TurnWatch(link, session, answer.turn, started_s, heard, progress.tell).run()
    view.line(" (stopped)" if outcome.cut else "")
    view.note(outcome.timings())
    if outcome.was_silent:
        view.note("There was nothing in it that can be spoken.")
    return outcome


def check(outcome: Outcome) -> None:
    """Refuse in the code's words what failed.

    Raises:
        Refusal: the turn failed.
    """
    if outcome.code:
        raise refused(outcome.code)
