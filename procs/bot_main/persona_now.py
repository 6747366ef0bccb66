"""Which of her two selves writes, as it stands on the shelf."""

from bus.messages import ChatMessage
from procs.bot_main.core.moods import feeling_line
from procs.bot_main.core.personas import Personas
from procs.bot_main.core.prompts import system_message
from procs.bot_main.mood_now import mood_now
from procs.bot_main.shelf import Shelf


def is_evil(shelf: Shelf) -> bool:
    """Whether her evil self writes; text chat keeps it (`evil on`)."""
    return (shelf.get("persona", "all") or {}).get("name") == "evil"


def persona_now(shelf: Shelf, personas: Personas) -> str:
    """The text that says who she is now."""
    return personas.evil if is_evil(shelf) else personas.miku


def spoken_system(shelf: Shelf, personas: Personas, name: str, guild_id: int) -> ChatMessage:
    """Who she is when she speaks in a guild (0 = elsewhere): her self, its mood, the rules of speech."""
    feeling = feeling_line(name, mood_now(shelf, guild_id))
    return system_message(f"{persona_now(shelf, personas)}\n\n{feeling}", name)
