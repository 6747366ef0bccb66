"""Settings of the servers, live: read from the shelf at each use, changed by commands."""

from bus import Bus
from procs.bot_main.core import guild_settings
from procs.bot_main.core.guild_settings import GuildSettings, Wrong
from procs.bot_main.shelf import Shelf

KIND = "guild"
"""Kind of the documents; the key is the server's id."""


class Guilds:
    """All servers."""

    def __init__(self, bus: Bus, shelf: Shelf) -> None:
        self._bus = bus
        self._shelf = shelf

    def of(self, guild_id: int) -> GuildSettings:
        """A server's values."""
        return guild_settings.values(self._shelf.get(KIND, str(guild_id)))

    def shown(self, guild_id: int, name: str = "") -> str:
        """A server's values as text."""
        return guild_settings.shown(self._shelf.get(KIND, str(guild_id)), name)

    def change(self, guild_id: int, name: str, text: str, by: int) -> str:
        """Change a setting, at once; returns what to answer."""
        key, at_ms = str(guild_id), self._bus.clock.wall_ns() // 1_000_000
        document = guild_settings.changed(self._shelf.get(KIND, key), name, text, by, at_ms)
        if isinstance(document, Wrong):
            return document.said
        self._shelf.put(KIND, key, document)
        return f"✅ {self.shown(guild_id, name)}"
