"""Settings of the servers, live: read from the shelf at each use, changed by commands."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from bus import Bus
from procs.bot_main.core import guild_settings, quiet, settings_copy
from procs.bot_main.core.chat import Names
from procs.bot_main.core.guild_settings import GuildSettings, Wrong
from procs.bot_main.shelf import Shelf
from procs.bot_main.zone_now import zone_name

KIND = "guild"
"""Kind of the documents; the key is the server's id."""
QUIET = "quiet_hours"
EXPORT, IMPORT = "export", "import"
"""Words in the place of a setting's name."""


class Guilds:
    """All servers.

    Args:
        zone: time zone of servers that have chosen none.
        names: what a server's channels and roles are called.
    """

    def __init__(
        self,
        bus: Bus,
        shelf: Shelf,
        zone: str = "UTC",
        names: Callable[[int], Names] = lambda guild_id: Names(),
    ) -> None:
        self._bus = bus
        self._shelf = shelf
        self._zone = zone
        self._names = names

    def of(self, guild_id: int) -> GuildSettings:
        """A server's values."""
        return guild_settings.values(self._shelf.get(KIND, str(guild_id)))

    def quiet_until(self, guild_id: int) -> str:
        """When the quiet hours end that a server has now, like `07:00 (Europe/Berlin)`; empty = none now."""
        hours = self.of(guild_id).quiet_hours
        zone, now = self._local(guild_id)
        is_quiet = quiet.is_quiet(hours, 60 * now.hour + now.minute)
        return f"{quiet.clock(hours[1])} ({zone})" if is_quiet else ""

    def knows(self, name: str) -> bool:
        """Whether there is a setting of that name."""
        return name.lower() in {row.name for row in guild_settings.SETTINGS}

    def shown(self, guild_id: int, name: str = "") -> str:
        """A server's values as text."""
        text = guild_settings.shown(self._shelf.get(KIND, str(guild_id)), name)
        if name.lower() != QUIET:
            return text
        zone, now = self._local(guild_id)
        return f"{text} Time zone here: {zone}, where it is {now:%H:%M} now."

    def change(self, guild_id: int, name: str, text: str, by: int) -> str:
        """Change a setting, at once; returns what to answer."""
        key, at_ms = str(guild_id), self._bus.clock.wall_ns() // 1_000_000
        before, names = self._shelf.get(KIND, key), self._names(guild_id)
        if is_import := name.lower() == IMPORT:
            document = settings_copy.imported(before, text, by, at_ms, names)
        else:
            document = guild_settings.changed(before, name, text, by, at_ms, names)
        if isinstance(document, Wrong):
            return document.said
        self._shelf.put(KIND, key, document)
        return f"✅ {self.shown(guild_id, '' if is_import else name)}"

    def exported(self, guild_id: int) -> str:
        """What a server has changed, as JSON."""
        return f"```json\n{settings_copy.exported(self._shelf.get(KIND, str(guild_id)))}\n```"

    def _local(self, guild_id: int) -> tuple[str, datetime]:
        """A server's time zone and its time now."""
        zone = zone_name(self._shelf, guild_id, self._zone)
        return zone, datetime.fromtimestamp(self._bus.clock.wall_ns() / 1e9, ZoneInfo(zone))
