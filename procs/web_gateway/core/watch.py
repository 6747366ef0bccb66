"""What the operator's view shows, as plain JSON values. Pure: levels and the time come in.

The view is a snapshot in sections; afterwards only sections that differ are sent, each whole, so that a
reader who misses one never shows a mixture for long. No text of a conversation is in it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bus.errors import CODES
from bus.messages import (
    FeatureState,
    Health,
    HouseState,
    NodeState,
    Phase,
    PlayoutState,
    SessionState,
    SettingsState,
    TurnState,
)

View = dict[str, Any]

TURNS_SHOWN = 8

SERVING = frozenset({NodeState.READY, NodeState.LOADING, NodeState.DEGRADED})
"""States in which a process does its work, or all of it that can be done."""


class Since:
    """When things became as they are."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, int]] = {}

    def note(self, key: str, value: object, now_ms: int) -> int:
        """Tell how something is now; returns since when it is so."""
        before = self._known.get(key)
        if before is None or before[0] != value:
            before = (value, now_ms)
            self._known[key] = before
        return before[1]


def process(node: str, said: Health | None, since_ms: int) -> View:
    """How a process is: by its health, None = it is not heard."""
    if said is None:
        gone = {"name": node, "alive": False, "state": "silent", "since_ms": since_ms, **explained("")}
        return {
            **gone,
            "cause": "It is not heard.",
            "remedy": "It is started again by itself; its log has the reason.",
        }
    return {
        "name": node,
        "alive": True,
        "state": said.state.value,
        "since_ms": since_ms,
        "pid": said.pid,
        "uptime_s": said.uptime_s,
        "loop_lag_ms": said.loop_lag_ms,
        "detail": said.detail,
        "facts": dict(said.facts),
        "counted": {
            "stale": said.dropped_stale,
            "refused": said.decode_errors,
            "missed": said.gaps,
            "fenced": said.fenced,
        },
        **explained(said.code),
    }


def explained(code: str) -> View:
    """A code with cause and remedy; a foreign one stands for itself."""
    known = CODES.get(code)
    return {"code": code, "cause": known.cause if known else code, "remedy": known.remedy if known else ""}


def session(name: str, state: SessionState, turn: TurnState | None, playout: PlayoutState | None) -> View:
    """A session and how its sound is."""
    return {
        "session": name,
        "sink": state.sink,
        "phase": state.phase.value,
        "since_ms": state.since_ms,
        "turn": turn.active if turn else 0,
        "played_ms": playout.played_ms if playout else 0,
        "buffered_ms": playout.buffered_ms if playout else 0,
        "underruns": playout.underruns if playout else 0,
        "nulled": playout.nulled if playout else 0,
        "late": playout.late if playout else 0,
        "deficit": playout.deficit if playout else 0,
        **explained(state.refusal or state.reason),
    }


def house(state: HouseState | None, *, in_session: bool) -> View:
    """What the bot does besides speaking."""
    if state is None:
        return {"known": False, "mood": "", "persona": "", "queued": 0, "oldest_queued_ms": 0, "features": []}
    return {
        "known": True,
        "mood": state.mood,
        "persona": state.persona,
        "queued": state.queued,
        "oldest_queued_ms": state.oldest_queued_ms,
        "features": [feature(f, in_session=in_session) for f in state.features],
        "gpu": dict(state.gpu),
    }


def feature(state: FeatureState, *, in_session: bool) -> View:
    """A feature; why it stands back, and until when."""
    until = (
        "" if state.is_open else "until a service of it is back" if state.code else "until the session ends"
    )
    why = (
        "" if state.is_open or state.code else "a voice session runs" if in_session else "a session is ending"
    )
    return {
        "name": state.name,
        "title": state.title or state.name,
        "is_open": state.is_open,
        "action": state.action,
        "why": why,
        "until": until,
        **explained(state.code),
    }


def settings(known: Mapping[str, SettingsState]) -> list[View]:
    """Every setting once, by name; processes that were started with different values are named."""
    nodes: dict[str, dict[str, list[str]]] = {}
    for node in sorted(known):
        for setting in known[node].settings:
            nodes.setdefault(setting.name, {}).setdefault(setting.value, []).append(node)
    return [
        {"name": name, "values": [_by(v, who) if len(values) > 1 else v for v, who in values.items()]}
        for name, values in sorted(nodes.items(), key=lambda row: ("." in row[0], row[0]))
    ]


def _by(value: str, nodes: list[str]) -> str:
    return f"{value} ({', '.join(nodes)})"


def rates(
    now: Mapping[str, tuple[int, int]], before: Mapping[str, tuple[int, int]], passed_s: float
) -> list[View]:
    """Messages and bytes a second of every topic between two counts; topics that were silent have 0."""
    return [
        {
            "topic": topic,
            "hz": round((now[topic][0] - before.get(topic, (0, 0))[0]) / passed_s, 1),
            "bytes_per_s": round((now[topic][1] - before.get(topic, (0, 0))[1]) / passed_s),
        }
        for topic in sorted(now)
        if passed_s > 0
    ]


def changed(before: View, now: View) -> View:
    """The sections that differ."""
    return {name: value for name, value in now.items() if before.get(name) != value}


def is_live(state: SessionState) -> bool:
    """Whether a session holds a place."""
    return state.phase is not Phase.IDLE


def judged(processes: Iterable[View]) -> tuple[int, View]:
    """HTTP status and body for a health check: 503 as soon as one process can't do its work."""
    rows = {
        row["name"]: {
            "alive": row["alive"],
            "ready": row["alive"] and row["state"] in SERVING,
            "degraded": row["state"] == NodeState.DEGRADED,
            "state": row["state"],
            "code": row["code"],
            "reason": f"{row['cause']} {row['remedy']}".strip(),
            "since_ms": row["since_ms"],
        }
        for row in processes
    }
    if not all(row["ready"] for row in rows.values()):
        return 503, {"status": "unavailable", "processes": rows}
    status = "degraded" if any(row["degraded"] for row in rows.values()) else "ready"
    return 200, {"status": status, "processes": rows}
