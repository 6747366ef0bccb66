"""Faults on demand: a test arms one at a named point, and the point asks whether it strikes now.

A fault is consumed by striking; `times=None` strikes until it is disarmed.
"""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class Point(StrEnum):
    """Where a fault can be armed, and what its details are."""

    REST = "rest"
    """status= (429 with retry_after=, is_global=) | do="hang" | "drop" (nothing happens, the connection dies)
    | "drop_after" (it happens, the answer is lost). `at` matches "METHOD /route/{template}"."""
    IDENTIFY = "identify"
    """do="invalid" (OP 9) | "silence" | code=close code."""
    RESUME = "resume"
    """do="invalid" | code=close code."""
    OP4 = "op4"
    """do="swallow"; | do="no_server" (VOICE_SERVER_UPDATE never comes) | do="no_endpoint" (it is null)."""
    VOICE_IDENTIFY = "voice_identify"
    """code=close code | do="silence"."""
    VOICE_RESUME = "voice_resume"
    """code=close code."""
    DISCOVERY = "discovery"
    """Strikes = the packet is lost."""
    UDP_IN = "udp_in"
    """Strikes = all packets from the bot are lost before anybody sees them (a firewall)."""
    DAVE_WELCOME = "dave_welcome"
    """Strikes = the welcome is damaged on its way; `at` = the id of the bot it goes to."""
    DAVE_COMMIT = "dave_commit"
    """Strikes = the announced commit is damaged on its way; `at` = the id of the bot it goes to."""


@dataclass
class Fault:
    """One armed fault."""

    point: Point
    at: str = "*"
    times: int | None = 1
    status: int = 0
    code: int = 0
    do: str = ""
    retry_after: float = 1.0
    is_global: bool = False
    struck: int = 0
    lifted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the fault is disarmed: requests that hang are let go (their connections die)."""


class Faults:
    """All armed faults, and how many of the bot's voice packets are lost."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self.loss: float = 0.0
        """Share of the bot's voice packets that get lost, 0 to 1."""

    def arm(self, point: Point | str, at: str = "*", times: int | None = 1, **how: Any) -> Fault:
        """Makes a fault strike the next `times` occasions at `point` that match `at`."""
        fault = Fault(Point(point), at, times, **how)
        self._armed.append(fault)
        return fault

    def strikes(self, point: Point, occasion: str = "") -> Fault | None:
        """The fault that strikes now; counted."""
        for fault in self._armed:
            if fault.point is point and fnmatchcase(occasion, fault.at):
                fault.struck += 1
                if fault.times is not None and fault.struck >= fault.times:
                    self._armed.remove(fault)
                return fault
        return None

    def disarm(self, fault: Fault | None = None) -> None:
        """Takes one fault away, or all (and the loss with them)."""
        for one in [fault] if fault else list(self._armed):
            one.lifted.set()
            if one in self._armed:
                self._armed.remove(one)
        if fault is None:
            self.loss = 0.0
