"""The two protocols' words for the same events. Pure.

A dialect turns events into text messages and counts the sound, since live chat numbers its chunks.
"""

import json
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from bus.audio import FRAME_MS
from procs.web_gateway.core.events import Event

STARTS_KEPT = 64


class Dialect(Protocol):
    """How one protocol says it."""

    rate_hz: int
    """Rate of the sound."""

    def texts(self, event: Event, seq: int) -> list[str]:
        """The messages for an event; empty if the protocol has no word for it."""
        ...

    def sound_queued(self) -> None:
        """A frame is on its way."""
        ...

    def sound_dropped(self, n_frames: int) -> None:
        """The last frames on their way were taken back."""
        ...


class V1:
    """WS v1: the envelope, with the data's fields at the top for older clients."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz

    def texts(self, event: Event, seq: int) -> list[str]:
        """One message, always."""
        envelope = {
            **event.data,
            "type": event.type,
            "seq": seq,
            "source": event.source,
            "trackId": event.track,
            "data": event.data,
        }
        return [_json(envelope)]

    def sound_queued(self) -> None:
        """Frames have no number here."""

    def sound_dropped(self, n_frames: int) -> None:
        """Frames have no number here."""


@dataclass(frozen=True)
class _Start:
    chunk: int
    turn: int
    position_ms: int


class Chat:
    """Live chat: few messages, numbered chunks."""

    rate_hz = 24_000

    def __init__(self) -> None:
        self._next_chunk = 0
        self._starts: deque[_Start] = deque(maxlen=STARTS_KEPT)
        self._texts: dict[int, str] = {}
        self._open: set[int] = set()
        """Turns that were asked for and are not over."""

    def texts(self, event: Event, seq: int) -> list[str]:
        """The messages that say it."""
        del seq
        return [_json(message) for message in self._messages(event)]

    def sound_queued(self) -> None:
        """One more chunk."""
        self._next_chunk += 1

    def sound_dropped(self, n_frames: int) -> None:
        """These numbers are given again."""
        self._next_chunk -= n_frames
        while self._starts and self._starts[-1].chunk >= self._next_chunk > 0:
            self._starts.pop()

    def heard(self, last_chunk: int) -> tuple[int, int]:
        """(turn, position in ms) behind a chunk; (0, 0) if none was heard."""
        started = [start for start in self._starts if start.chunk <= last_chunk]
        if not started:
            return 0, 0
        start = started[-1]
        return start.turn, start.position_ms + (last_chunk - start.chunk + 1) * FRAME_MS

    def _messages(self, event: Event) -> list[dict[str, Any]]:  # noqa: PLR0911 - a table as a match
        data = event.data
        match event.type:
            case "session.starting":
                return [_status("starting")]
            case "session.started":
                return [{"type": "video_mode", "enabled": False}, _status("listening")]
            case "session.stopped":
                ended = _status("ended")
                return [{**ended, "code": data["reason"], "message": data["message"]}]
            case "input.accepted":
                self._open.add(data["turn_id"])
                return [_status("thinking")] if len(self._open) == 1 else []
            case "assistant.response.delta":
                self._texts = {data["turn_id"]: self._texts.get(data["turn_id"], "") + data["text"]}
                return [_response(data["turn_id"], self._texts[data["turn_id"]], final=False)]
            case "assistant.response.final":
                self._texts.clear()
                return [_response(data["turn_id"], data["text"], final=True)]
            case "output.audio.start":
                start = _Start(self._next_chunk, data["turn_id"], data["position_ms"])
                self._starts.append(start)
                named = {"turn_id": start.turn, "chunk_id": start.chunk, "position_ms": start.position_ms}
                return [{"type": "audio_start", **named}, _status("speaking")]
            case "turn.ended":
                self._open.discard(data["turn_id"])
                return [_status("thinking" if self._open else "listening")]
            case "response.interrupted":
                return [
                    {"type": "interrupt", "turn_id": data["turn_id"], "last_chunk_id": self._next_chunk - 1}
                ]
            case "error" | "input.audio.unrecognised":
                return [{"type": "error", "code": data["code"], "message": data["message"]}]
            case "ping" | "pong":
                return [{"type": event.type}]
        return []


def _status(state: str) -> dict[str, Any]:
    return {"type": "status", "state": state}


def _response(turn: int, text: str, *, final: bool) -> dict[str, Any]:
    return {"type": "response_text", "turn_id": turn, "text": text, "final": final}


def _json(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)
