"""A recording as viewers read it: JSON messages, sound as `foxglove.RawAudio`. Pure.

Viewers play by log time, while frames cross the bus in bursts ahead of their time; so a frame's log time
and timestamp are moved to where it sounds: the turn's first frame plus 20 ms for each index. Its publish
time stays true. Source: Foxglove's message schemas, RawAudio; MCAP's registry, JSON encoding.
"""

import base64
import json
from dataclasses import asdict, dataclass
from typing import Any

from bus.audio import FRAME_NS, SAMPLE_RATE_HZ
from bus.messages import AudioFrame
from bus.sniffer.render import as_json
from bus.sniffer.taps import Tapped
from bus.topics import TOPICS

SCHEMA_NAME = "foxglove.RawAudio"
"""Viewers know the schema by this name."""

_NATURAL = {"type": "integer", "minimum": 0}

SCHEMA: dict[str, Any] = {
    "title": SCHEMA_NAME,
    "type": "object",
    "properties": {
        "timestamp": {"type": "object", "properties": {"sec": _NATURAL, "nsec": _NATURAL}},
        "data": {"type": "string", "contentEncoding": "base64"},
        "format": {"type": "string"},
        "sample_rate": _NATURAL,
        "number_of_channels": _NATURAL,
    },
    "required": ["timestamp", "data", "format", "sample_rate", "number_of_channels"],
}


@dataclass(frozen=True)
class Viewed:
    """A message for viewers."""

    topic: str
    data: bytes
    log_time_ns: int
    is_sound: bool


class Translator:
    """Turns messages into what viewers read; remembers where each turn's sound began."""

    def __init__(self) -> None:
        self._starts: dict[tuple[str, str, int], int] = {}

    def translate(self, tapped: Tapped, body: dict[str, Any]) -> Viewed:
        """One message, with the body as it may be shown.

        A channel has one schema, so a frame without sound, which only ends a turn, goes to `<flow>.end`.
        """
        index, pcm = body.get("index"), body.get("pcm")
        if is_sound(tapped.topic) and type(index) is int and type(pcm) is bytes and pcm:
            log_time_ns = self._sounds_at(tapped, index)
            return Viewed(tapped.topic, _json(_raw_audio(log_time_ns, pcm)), log_time_ns, is_sound=True)
        topic = f"{tapped.topic}.end" if is_sound(tapped.topic) else tapped.topic
        message = {"header": asdict(tapped.header), "body": as_json(body)}
        return Viewed(topic, _json(message), tapped.received_wall_ns, is_sound=False)

    def _sounds_at(self, tapped: Tapped, index: int) -> int:
        key = (tapped.topic, tapped.header.session, tapped.header.turn)
        start_ns = self._starts.setdefault(key, tapped.received_wall_ns - index * FRAME_NS)
        return start_ns + index * FRAME_NS


def is_sound(topic: str) -> bool:
    """Whether a topic carries frames."""
    return topic in TOPICS and TOPICS[topic].message is AudioFrame


def _raw_audio(at_ns: int, pcm: bytes) -> dict[str, Any]:
    return {
        "timestamp": {"sec": at_ns // 1_000_000_000, "nsec": at_ns % 1_000_000_000},
        "data": base64.b64encode(pcm).decode(),
        "format": "pcm-s16",
        "sample_rate": SAMPLE_RATE_HZ,
        "number_of_channels": 1,
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
