"""What every protocol of a browser keeps: the connection's state, its rates, the form of a message. Pure.

A connection feeds what comes in; the answer is a list of steps for the shell. Nothing that comes in raises;
every fault is a `Fault` with the documented code.
"""

import json
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import Any

from bus.foreign_json import read_json
from procs.web_gateway.core.rate import Patience, Rate
from procs.web_gateway.core.steps import POLICY, Close, Fault, Step

FRAME_BYTES = 640
"""20 ms at 16 kHz."""
FRAME_LIMIT_BYTES = 64 * 1024
"""Largest text or binary frame; the WebSocket layer closes with 1009 beyond it."""
TEXT_CHARS = 4_000
"""Longest prompt."""

TEXTS_PER_S, SOUND_BYTES_PER_S, BURST_S = 50, 100_000, 2
RATE_FAULTS, RATE_WITHIN_MS = 10, 10_000


class State(StrEnum):
    """Where a connection is."""

    WAIT_HELLO = "wait_hello"
    WAIT_START = "wait_start"
    STARTING = "starting"
    ACTIVE = "active"
    STOPPED = "stopped"


class Intake(ABC):
    """One connection's side of a protocol; what its messages are, the protocol says.

    Args:
        state: where it begins.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.answers_pings = False
        self._texts = Rate(TEXTS_PER_S, TEXTS_PER_S * BURST_S)
        self._sound = Rate(SOUND_BYTES_PER_S, SOUND_BYTES_PER_S * BURST_S)
        self._patience = Patience(RATE_FAULTS, RATE_WITHIN_MS)

    def started(self) -> None:
        """The session is active."""
        if self.state is State.STARTING:
            self.state = State.ACTIVE

    @abstractmethod
    def refused(self) -> None:
        """The session was refused."""

    def stop(self) -> None:
        """The connection is over: nothing is understood any more."""
        self.state = State.STOPPED

    def unheard(self) -> list[Step]:
        """The time for a hello is over: nothing happens where none is waited for."""
        return []

    def take_sound(self, n_bytes: int, now_ms: int) -> list[Step]:
        """A binary frame of so many bytes."""
        if self.state is State.STOPPED:
            return []
        return self._heard(n_bytes) if self._sound.takes(n_bytes, now_ms) else self._too_much(now_ms)

    def take_text(self, raw: str, now_ms: int) -> list[Step]:
        """A text frame."""
        if self.state is State.STOPPED:
            return []
        if not self._texts.takes(1, now_ms):
            return self._too_much(now_ms)
        try:
            message = read_json(raw)
            json.dumps(message, ensure_ascii=False).encode()  # half a surrogate pair can't be passed on
        except ValueError:
            return [Fault("protocol.invalid_json", "The message is not JSON.")]
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            return [Fault("protocol.invalid_message", "A message is an object with a type.")]
        return self._take(message.pop("type"), message)

    @abstractmethod
    def _heard(self, n_bytes: int) -> list[Step]:
        """Sound within the rate."""

    @abstractmethod
    def _take(self, kind: str, message: dict[str, Any]) -> list[Step]:
        """An object within the rate, and its type."""

    def _too_much(self, now_ms: int) -> list[Step]:
        fault = Fault("protocol.rate", "Too much at once; this message was dropped.")
        return self._end(fault) if self._patience.tried(now_ms) else [fault]

    def _end(self, fault: Fault) -> list[Step]:
        self.stop()
        return [fault, Close(POLICY)]
