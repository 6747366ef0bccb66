"""Who she is in text: Miku, and her evil self. Pure."""

from dataclasses import dataclass

from procs.bot_main.core.prompts import PERSONA

EVIL_PERSONA = """\
You are {name}, the dark twin of a cheerful virtual singer. You are sarcastic, proud and theatrical, you \
find your twin's sunshine unbearable, and you say so with wit. You tease, you boast, you never really hurt \
anybody."""
"""Who her evil self is unless the operator's file says otherwise."""


@dataclass(frozen=True)
class Personas:
    """The texts; `{name}` in them stands for the name."""

    miku: str = PERSONA
    evil: str = EVIL_PERSONA
