"""Which of her two selves writes, as it stands on the shelf."""

from procs.bot_main.core.personas import Personas
from procs.bot_main.shelf import Shelf


def is_evil(shelf: Shelf) -> bool:
    """Whether her evil self writes; text chat keeps it (`evil on`)."""
    return (shelf.get("persona", "all") or {}).get("name") == "evil"


def persona_now(shelf: Shelf, personas: Personas) -> str:
    """The text that says who she is now."""
    return personas.evil if is_evil(shelf) else personas.miku
