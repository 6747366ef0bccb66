"""The mood she is in, as it stands on the shelf."""

from procs.bot_main.shelf import Shelf

NEUTRAL = "neutral"
"""Where nothing is kept."""
ASLEEP = "asleep"


def mood_now(shelf: Shelf, guild_id: int = 0) -> str:
    """Name of her mood in a guild, or of her own one (that of direct messages)."""
    found = (shelf.get("mood", str(guild_id) if guild_id else "dm") or {}).get("name")
    return found if isinstance(found, str) and found else NEUTRAL
