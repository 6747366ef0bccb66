"""What is done when a voice connection ends: one table, and the policy that reads it. No clock, no I/O.

Each row names what happened and what is tried, in order, as often as it happens within one outage. An
outage ends once a connection has stood for `STABLE_MS`; a list that is used up, or an outage that is too
long, ends the session with the row's error code. So every story ends: connected, or lost with a name.

Source of the codes: "Voice close event codes" of Discord's developer documentation.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

STABLE_MS = 5_000
"""A connection that stood for so long ends the outage before it."""
OUTAGE_LIMIT_MS = 60_000
"""Nobody waits longer for her voice; the session ends and says so."""
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 100, 5_000
"""Pause before a step; doubles with each step of an outage."""
WAIT_MS = 5_000
"""Being put out, moved and served from elsewhere look alike at first: so long Discord has to say which."""


class Move(StrEnum):
    """What can be tried."""

    RESUME = "resume"
    """The same session and the same UDP path on a new WebSocket (OP 7): no silence."""
    IDENTIFY = "identify"
    """A new connection with the pair at hand."""
    RENEW = "renew"
    """Ask `bot_main` for a new pair (leave and join), then a new connection with it; it also limits how often
    she joins."""
    WAIT = "wait"
    """Up to 5 s for what Discord says by the main gateway; a new pair is taken at once."""
    STOP = "stop"
    """The session ends with an error code."""


class Event(StrEnum):
    """What can end a connection, or an attempt to make one."""

    ENDED = "ended"
    DROPPED = "dropped"
    CRASHED = "crashed"
    OUR_FAULT = "our fault"
    PAIR_DEAD = "pair dead"
    REMOVED = "removed"
    DAVE_MISSING = "DAVE missing"
    RATE_LIMITED = "rate limited"
    UNKNOWN = "unknown code"
    RESUME_REFUSED = "resume refused"
    UNANSWERED = "unanswered"
    NO_DISCOVERY = "discovery lost"
    UDP_SILENT = "UDP silent"
    NOTHING_CAME = "nothing came"
    NO_PAIR = "no pair"


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    event: Event
    codes: tuple[int, ...]
    """Close codes that mean it; none where it is seen otherwise."""
    moves: tuple[Move, ...]
    """First, second, ... time within an outage; then STOP."""
    error: str
    """Key of `CODES` (`bus/errors.py`) when the moves are used up."""
    note: str


_RESUME, _IDENTIFY, _RENEW, _WAIT = Move.RESUME, Move.IDENTIFY, Move.RENEW, Move.WAIT

ROWS: tuple[Row, ...] = (
    Row(Event.ENDED, (1000,), (_RENEW, _RENEW), "voice_lost",
        "The server ended it in good order; she is still wanted."),
    Row(Event.DROPPED, (1001, 1006), (_RESUME, _RESUME, _IDENTIFY, _RENEW), "voice_lost",
        "The network, a reset TCP connection; any other code below 4000, too."),
    Row(Event.CRASHED, (4015,), (_RESUME, _RESUME, _IDENTIFY, _RENEW), "voice_lost",
        "The voice server crashed and knows the session still."),
    Row(Event.OUR_FAULT, (4001, 4002, 4003, 4005, 4012, 4016, 4020), (_IDENTIFY,) * 3, "voice_lost",
        "One side did not understand the other; logged."),
    Row(Event.PAIR_DEAD, (4004, 4006, 4009, 4011), (_RENEW,) * 3, "voice_lost",
        "Session or token are no longer valid."),
    Row(Event.REMOVED, (4014, 4022), (_WAIT, _WAIT), "voice_lost",
        "Put out, moved, or served from elsewhere: the main gateway says which."),
    Row(Event.DAVE_MISSING, (4017,), (), "voice_dave_missing",
        "End-to-end encryption is demanded and missing."),
    Row(Event.RATE_LIMITED, (4021,), (), "voice_rate_limited", "Trying again would make it worse."),
    Row(Event.UNKNOWN, (), (_RENEW, _RENEW), "voice_lost", "Any other code from 4000 up."),
    Row(Event.RESUME_REFUSED, (), (_IDENTIFY,) * 3, "voice_lost",
        "The session could not be resumed, or not in time."),
    Row(Event.UNANSWERED, (), (_IDENTIFY, _RENEW, _RENEW), "voice_lost",
        "The voice server can't be reached, or says nothing."),
    Row(Event.NO_DISCOVERY, (), (), "voice_udp_blocked",
        "Six discovery packets within 3 s, and no answer."),
    Row(Event.UDP_SILENT, (), (_IDENTIFY, _IDENTIFY), "voice_udp_blocked",
        "A server that answered keep-alives answers them no longer; the discovery tells what it is."),
    Row(Event.NOTHING_CAME, (), (_IDENTIFY, _RENEW, _RENEW), "voice_lost",
        "5 s after being removed the main gateway has said nothing."),
    Row(Event.NO_PAIR, (), (_RENEW,) * 3, "voice_lost", "8 s after it was asked for no new pair has come."),
)  # fmt: skip
"""Every way in which it can end."""

_ROWS = {row.event: row for row in ROWS}
_BY_CODE = {code: row.event for row in ROWS for code in row.codes}


def event_of(code: int) -> Event:
    """What a close code means; everything below 4000 that is not listed is the network."""
    return _BY_CODE.get(code, Event.DROPPED if code < 4000 else Event.UNKNOWN)


class Closed(Exception):
    """A connection, or the attempt to make one, has ended.

    Args:
        event: why.
        code: the close code, 0 without one.
    """

    def __init__(self, event: Event, code: int = 0) -> None:
        super().__init__(f"{event} {code}")
        self.event = event
        self.code = code


@dataclass(frozen=True)
class Step:
    """What to do now."""

    move: Move
    delay_ms: int = 0
    """To wait before it."""
    error: str = ""
    """Why it ends, with STOP."""


class Policy:
    """Reads the table for one session."""

    def __init__(self) -> None:
        self._seen: Counter[Event] = Counter()
        self._outage_since_ms: int | None = None
        self._connected_ms: int | None = None

    def connected(self, now_ms: int) -> None:
        """A connection stands."""
        self._connected_ms = now_ms

    def next(self, event: Event, now_ms: int, *, resumable: bool = False) -> Step:
        """What to do about an event.

        Args:
            resumable: whether there is a session that could be resumed; a new connection takes its place.
        """
        self._look(now_ms)
        row = _ROWS[event]
        delay_ms = min(BACKOFF_MIN_MS << min(self._seen.total(), 10), BACKOFF_MAX_MS)
        n_seen = self._seen[event]
        self._seen[event] += 1
        if n_seen >= len(row.moves):
            return Step(Move.STOP, error=row.error)
        move = row.moves[n_seen]
        if move is Move.RESUME and not resumable:
            move = Move.IDENTIFY
        if move is Move.WAIT or (move is Move.RESUME and not n_seen):
            delay_ms = 0
        return self._bounded(move, delay_ms, now_ms)

    def _bounded(self, move: Move, delay_ms: int, now_ms: int) -> Step:
        """The step, unless the outage would last too long."""
        assert self._outage_since_ms is not None
        if now_ms + delay_ms - self._outage_since_ms > OUTAGE_LIMIT_MS:
            return Step(Move.STOP, error="voice_lost")
        return Step(move, delay_ms)

    def _look(self, now_ms: int) -> None:
        """Begin an outage, or go on with the one that never really ended."""
        stood_ms = 0 if self._connected_ms is None else now_ms - self._connected_ms
        self._connected_ms = None
        if self._outage_since_ms is None or stood_ms >= STABLE_MS:
            self._outage_since_ms = now_ms
            self._seen.clear()
