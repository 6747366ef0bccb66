"""Watches one turn from the request to its last sound, and shows the words as they are heard."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bus.messages import NodeState, TurnKind
from cli.heard import Transcript, heard_chars
from cli.link import Link, Progress, refused

LOOK_S = 0.05
"""How often levels are looked at; the sink reports each 100 ms."""

STILLNESS_S = 120.0
"""Without any progress for this long a turn is given up; every stage has a shorter deadline of its own."""

LAST_WORDS_S = 2.0
"""From a failure to the end of what was spoken before it."""


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

    def timings(self) -> str:
        """One line for people; times since the request."""
        named = [
            ("first text", self.first_text_s),
            ("first sound", self.first_sound_s),
            ("done", self.done_s),
        ]
        return ", ".join(f"{name} {value:.2f} s" for name, value in named if value is not None)


@dataclass
class _Watch:
    """What was seen of the turn so far."""

    started_s: float
    outcome: Outcome = field(default_factory=Outcome)
    transcript: Transcript = field(default_factory=Transcript)
    failed_s: float | None = None
    moved_s: float = 0.0
    last: Progress | None = None


async def follow_turn(
    link: Link,
    session: str,
    turn: int,
    started_s: float,
    on_words: Callable[[str], None],
    on_wait: Callable[[str], None],
) -> Outcome:
    """Wait until a turn was heard to its end, was cut, or failed.

    Args:
        started_s: monotonic time of the request.
        on_words: gets each new piece of the reply as it begins to sound.
        on_wait: gets one line on what is being waited for, until the first sound.
    """
    watch = _Watch(started_s, moved_s=time.monotonic())
    milestones = asyncio.create_task(_note_milestones(link, session, turn, watch))
    try:
        while not _look(link, session, turn, watch, on_words):
            if watch.outcome.first_sound_s is None:
                on_wait(_waiting_for(link, watch))
            await asyncio.sleep(LOOK_S)
    finally:
        milestones.cancel()
    watch.outcome.done_s = time.monotonic() - started_s
    return watch.outcome


def _look(link: Link, session: str, turn: int, watch: _Watch, on_words: Callable[[str], None]) -> bool:
    """Take in the levels as they are now; returns whether the turn is over."""
    now_s, progress, outcome = time.monotonic(), link.progress(session, turn), watch.outcome
    if progress != watch.last:
        watch.last, watch.moved_s = progress, now_s
    if progress.text and outcome.first_text_s is None:
        outcome.first_text_s = now_s - watch.started_s
    playout = progress.playout
    if playout is not None and playout.turn == turn:
        outcome.recording = playout.recording or outcome.recording
        if playout.played_ms and outcome.first_sound_s is None:  # the milestone may have been lost
            outcome.first_sound_s = now_s - watch.started_s
        if progress.spoken is not None:
            heard = heard_chars(progress.spoken.marks, playout.played_ms)
            on_words(watch.transcript.upto(progress.text, heard))
    if playout is not None and playout.finished_turn >= turn:
        outcome.cut = not outcome.code and not link.bus.is_live(session, turn)
        if not outcome.cut:
            on_words(watch.transcript.upto(progress.text, len(progress.text)))
        return True
    return _is_lost(link, session, watch, now_s)


def _is_lost(link: Link, session: str, watch: _Watch, now_s: float) -> bool:
    """Whether nothing more will come."""
    if watch.failed_s is not None:
        return now_s - watch.failed_s > LAST_WORDS_S
    if link.bus.session(session) is None:
        watch.outcome.code = "sink_failed"
        return True
    if now_s - watch.moved_s > STILLNESS_S:
        watch.outcome.code = "turn_timeout"
        return True
    return False


async def _note_milestones(link: Link, session: str, turn: int, watch: _Watch) -> None:
    """Milestones are exact but may be lost; levels make up for it."""
    outcome = watch.outcome
    async for received in link.bus.events("report.turn."):
        if (received.session, received.turn) != (session, turn):
            continue
        event, now_s = received.message, time.monotonic()
        if event.kind is TurnKind.FIRST_TOKEN and outcome.first_text_s is None:
            outcome.first_text_s = now_s - watch.started_s
        elif event.kind is TurnKind.FIRST_FRAME and outcome.first_sound_s is None:
            outcome.first_sound_s = now_s - watch.started_s
        elif event.kind is TurnKind.FAILED:
            outcome.code = outcome.code or event.code
            watch.failed_s = watch.failed_s or now_s


def _waiting_for(link: Link, watch: _Watch) -> str:
    for src, _, health in link.health.items():
        if health.state is NodeState.LOADING:
            return f"waiting: {src} is loading {health.detail}".rstrip()
    return "waiting for the voice ..." if watch.outcome.first_text_s is not None else "thinking ..."


def check(outcome: Outcome) -> None:
    """Refuse in the code's words what failed.

    Raises:
        Refusal: the turn failed.
    """
    if outcome.code:
        raise refused(outcome.code)
