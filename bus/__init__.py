"""The language between Miku's processes, and the runtime of a node. Law: `PROTOCOL.md`."""

from bus.interface import Bus, Change, LevelView, Received, Scope
from bus.runtime import client, run

__all__ = ["Bus", "Change", "LevelView", "Received", "Scope", "client", "run"]
