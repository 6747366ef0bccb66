"""The operator's text that says who Miku is. Read once, at start."""

from pathlib import Path

from bus.errors import BadSettings

PERSONA_LIMIT_BYTES = 16 * 1024
"""With history and prompt it must fit into one message of the bus (64 KiB), and into a model's context."""


def read_persona(file: str, key: str = "bot.persona_file") -> str:
    """The text of a persona file; `key` is the setting that names it.

    Raises:
        BadSettings: missing, unreadable, empty, too long or not UTF-8; one sentence with the remedy.
    """
    path = Path(file).expanduser()
    try:
        text = path.read_bytes()[: PERSONA_LIMIT_BYTES + 1]
        persona = text.decode().strip()
    except OSError as error:
        raise BadSettings(f"{key} {path.name} can't be read: {error.strerror}. Correct the path.") from None
    except UnicodeDecodeError:
        raise BadSettings(f"{key} {path.name} is not UTF-8 text. Save it as UTF-8.") from None
    if not persona or len(text) > PERSONA_LIMIT_BYTES:
        state = "longer than 16 KiB" if persona else "empty"
        raise BadSettings(f"{key} {path.name} is {state}. Write a few paragraphs of English text.")
    return persona
