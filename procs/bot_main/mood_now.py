"""The mood she is in, as it stands on the shelf."""

from procs.bot_main.core.chat import DM
from procs.bot_main.shelf import Shelf

NEUTRAL = "neutral"
"""Where nothing is kept."""
ASLEEP = "asleep"
MOOD = "mood"
"""Kind of the documents: one per guild, and one for direct messages."""


def mood_now(shelf: Shelf, guild_id: int = DM) -> str:
    """Name of her mood in a guild, or of her own one (that of direct messages)."""
    found = (shelf.get(MOOD, mood_key(guild_id)) or {}).get("name")
    return found if isinstance(found, str) and found else NEUTRAL


def mood_key(guild_id: int) -> str:
    """Key of her mood's document in a guild, or of her own one."""
    return str(guild_id) if guild_id != DM else "dm"
