"""What a client is told of its turns, made from the levels of the bus. Pure.

The narrator looks at a scene again and again and says what is new in it. Levels may be lost, doubled or
late: nothing is said twice, offsets only grow, and each turn ends exactly once. Captions: a word was heard
once the position passed the start of its mark (`bus.messages.SpokenState`).
"""

import re
from dataclasses import dataclass

from bus.errors import CODES
from bus.messages import Mark, PlayoutState, ReplyState, SpokenState, TurnState
from procs.web_gateway.core import events
from procs.web_gateway.core.events import Event

HEARD_STEP_MS = 100
"""Positions closer than this are not worth an event."""

GONE_MS = 1_500
"""A turn that nobody works on any more is over after this, should the event of its end be lost."""

TURNS_KEPT = 64
"""Turns remembered; those that wait are fewer."""


@dataclass(frozen=True)
class Scene:
    """What the bus shows of one session now."""

    reply: ReplyState | None = None
    spoken: SpokenState | None = None
    playout: PlayoutState | None = None
    turns: TurnState | None = None
    heard_ms: int = 0
    """Position in `playout.turn` up to which it was heard, by the best that is known."""


@dataclass
class Turn:
    """What was told of a turn."""

    number: int
    text: str = ""
    is_final: bool = False
    marks: tuple[Mark, ...] = ()
    duration_ms: int = 0
    is_spoken: bool = False
    """Whether the whole reply has become sound."""
    heard_ms: int = 0
    outcome: str = ""
    code: str = ""
    was_active: bool = False
    is_owed: bool = False
    """Whether an earlier life of the gateway has accepted it, and the client still waits for its end."""
    gone_ms: int | None = None
    """Since when nobody works on it."""
    is_interrupted: bool = False
    is_over: bool = False

    @property
    def heard_chars(self) -> int:
        """Offset behind the last character that began to sound."""
        if self.outcome == "done":
            return len(self.text)
        if not self.heard_ms:
            return 0
        return max((mark.end_char for mark in self.marks if mark.start_ms < self.heard_ms), default=0)


class Narrator:
    """One session's story."""

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}

    def accepted(self, number: int) -> None:
        """A prompt of this client will be answered by turn `number`."""
        self._turn(number)

    def owed(self, number: int) -> None:
        """As `accepted`, by an earlier life: its end may have come while nobody listened."""
        self._turn(number).is_owed = True

    def ended(self, number: int, outcome: str, code: str) -> None:
        """`bot_main` says how a turn ended: `done`, `cut` or `failed`."""
        turn = self._turns.get(number)
        if turn and not turn.outcome:
            turn.outcome, turn.code = outcome, code

    def turn(self, number: int) -> Turn | None:
        """What is known of a turn."""
        return self._turns.get(number)

    @property
    def current(self) -> Turn | None:
        """The eldest turn that is not over; else the newest; None before the first."""
        running = [turn for turn in self._turns.values() if not turn.is_over]
        return min(running, key=lambda t: t.number) if running else next(reversed(self._turns.values()), None)

    def interrupt(self, number: int, heard_ms: int) -> list[Event]:
        """The client stops this turn; said at once, before the bus knows."""
        turn = self._turns.get(number)
        if turn is None:
            return [events.interrupted(number, heard_ms, 0)]
        turn.heard_ms = heard_ms
        return self._interrupt(turn)

    def close(self, number: int, heard_ms: int) -> list[Event]:
        """The session is over: each turn that is not ends here, turn `number` as far as it was heard."""
        said = []
        for turn in self._turns.values():
            if not turn.is_over:
                turn.heard_ms = heard_ms if turn.number == number else turn.heard_ms
                turn.outcome = turn.outcome or "cut"
                said += self._finish(turn)
        return said

    def look(self, scene: Scene, now_ms: int) -> list[Event]:
        """What is new; monotonic ms."""
        said = []
        if scene.reply:
            said += self._read(scene.reply, scene.turns)
        if scene.spoken and (turn := self._turns.get(scene.spoken.turn)):
            said += _caption(turn, scene.spoken)
        if scene.playout and (turn := self._turns.get(scene.playout.turn)):
            said += _position(turn, scene.heard_ms)
        for turn in list(self._turns.values()):
            if not turn.is_over:
                self._miss(turn, scene, now_ms)
                said += self._finish(turn)
        return said

    def _turn(self, number: int) -> Turn:
        if number not in self._turns:
            self._turns[number] = Turn(number)
            over = [known for known, turn in self._turns.items() if turn.is_over]
            for known in over[: max(0, len(self._turns) - TURNS_KEPT)]:
                del self._turns[known]
        return self._turns[number]

    def _read(self, reply: ReplyState, turns: TurnState | None) -> list[Event]:
        is_worked_on = turns is not None and turns.active == reply.turn
        if reply.turn not in self._turns and not is_worked_on:  # of before: told by an earlier life
            return []
        turn = self._turn(reply.turn)
        said = []
        if turn.is_final or turn.is_over:
            return []
        if len(reply.text) > len(turn.text):
            said.append(events.delta(turn.number, reply.text[len(turn.text) :], len(turn.text)))
            turn.text = reply.text
        if reply.complete:
            turn.is_final = True
            said.append(events.final(turn.number, turn.text, reply.finish_reason or "stop"))
        return said

    def _miss(self, turn: Turn, scene: Scene, now_ms: int) -> None:
        """Notice that a turn is over, should its end have gone unheard."""
        turns = scene.turns
        is_active = turns is not None and turns.active == turn.number
        turn.was_active |= is_active
        is_behind = turns is not None and max(turns.floor, turns.active) > turn.number
        rests = turns is not None and turns.active == 0
        is_gone = is_behind or (turn.was_active and not is_active) or (turn.is_owed and rests)
        if not is_gone or turn.outcome:
            turn.gone_ms = None
            return
        turn.gone_ms = now_ms if turn.gone_ms is None else turn.gone_ms
        if now_ms - turn.gone_ms >= GONE_MS:
            was_heard = scene.playout is not None and scene.playout.finished_turn >= turn.number
            is_cut = turns is not None and turns.floor > turn.number
            turn.outcome = "done" if was_heard and not is_cut else "cut"

    def _finish(self, turn: Turn) -> list[Event]:
        """Say the end of a turn that has one."""
        if not turn.outcome:
            return []
        said = []
        if turn.is_interrupted and turn.outcome == "done":
            turn.outcome = "cut"  # the sound ends before the bus is told why: bot_main may see the end alone
        if turn.outcome == "cut" and not turn.is_interrupted:
            said += self._interrupt(turn)
        if turn.outcome == "failed" and turn.code in CODES:
            said.append(events.error(turn.code))
        if not turn.is_final:
            turn.is_final = True
            reason = {"cut": "cut", "failed": turn.code}.get(turn.outcome, "stop")
            said.append(events.final(turn.number, turn.text, reason))
        turn.is_over = True
        said.append(events.ended(turn.number, turn.outcome, turn.code, turn.heard_chars))
        return said

    def _interrupt(self, turn: Turn) -> list[Event]:
        turn.is_interrupted = True
        return [events.interrupted(turn.number, turn.heard_ms, turn.heard_chars)]


def _caption(turn: Turn, spoken: SpokenState) -> list[Event]:
    if turn.is_over or (spoken.marks == turn.marks and spoken.complete <= turn.is_spoken):
        return []
    pairs = zip(turn.marks, spoken.marks, strict=False)
    same = [known == mark for known, mark in pairs]
    first = same.index(False) if False in same else len(same)
    turn.marks, turn.duration_ms, turn.is_spoken = spoken.marks, spoken.duration_ms, spoken.complete
    return [events.captions(turn.number, first, spoken.marks[first:], spoken.duration_ms, spoken.complete)]


def _position(turn: Turn, heard_ms: int) -> list[Event]:
    is_far = heard_ms - turn.heard_ms >= HEARD_STEP_MS
    if turn.is_over or turn.is_interrupted or not is_far:
        return []
    turn.heard_ms = heard_ms
    return [events.heard(turn.number, heard_ms, turn.heard_chars)]


_END = re.compile(r"""[.!?…]+["')\]»”’]*(?=\s|$)|[。！？]+[」』）”’]*|\n""")
"""Where a sentence ends, as readers see it."""


def sentence_end_ms(turn: Turn, position_ms: int) -> int | None:
    """Where the sentence that sounds at a position ends: ms in the turn.

    Returns:
        None while it is not known yet; the end of the turn where no other sentence follows.
    """
    sounding = [mark for mark in turn.marks if mark.start_ms <= position_ms]
    heard = max((mark.end_char for mark in sounding), default=1)
    found = _END.search(turn.text, max(0, heard - 1))
    if found is None and not turn.is_final:
        return None
    end_char = found.end() if found else len(turn.text)
    behind = [mark.start_ms for mark in turn.marks if mark.first_char >= end_char]
    if behind:
        return max(position_ms, min(behind))
    return turn.duration_ms if turn.is_spoken else None
