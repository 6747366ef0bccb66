"""The time zone of a server, as it stands on the shelf; `schedule zone` puts it there."""

from zoneinfo import ZoneInfo

from procs.bot_main.shelf import Shelf

ZONE = "zone"
"""Kind of the documents: one per guild, {"name": "Europe/Berlin"}."""


def zone_of(name: str) -> ZoneInfo | None:
    """A time zone of the tz database by its name; None if there is none of that name."""
    try:
        return ZoneInfo(name) if name else None
    except (OSError, ValueError, KeyError):
        return None


def zone_name(shelf: Shelf, guild_id: int, default: str) -> str:
    """Name of a guild's time zone; the default where it has chosen none that can be used."""
    name = (shelf.get(ZONE, str(guild_id)) or {}).get("name", "")
    return name if isinstance(name, str) and zone_of(name) else default
