"""Written answers: what the model is asked, and what of a channel is remembered. Pure."""

from typing import Any

from bus.messages import ChatMessage
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.moods import feeling_line
from procs.bot_main.core.prompts import History, said_by

TEXT_RULES = """\
You write in a chat. Answer in one to four sentences, in the language you are spoken to; plain words, a \
little markdown and an emoji now and then are fine. Several people may talk to you: each message begins \
with the name of its writer, but you never put a name before your own words."""
"""What every persona must know to write."""

CHANNELS = 200
"""Channels that are remembered; the one that was quiet for longest is forgotten first."""


def system(persona: str, name: str, mood_name: str) -> ChatMessage:
    """Who she is, how she feels, how she writes."""
    parts = (persona.replace("{name}", name).strip(), feeling_line(name, mood_name), TEXT_RULES)
    return ChatMessage("system", "\n\n".join(part for part in parts if part))


def question(message: Incoming) -> str:
    """What somebody says, with what it answers to."""
    text = message.text.strip() or "(says nothing, only calls you)"
    if message.reply_to_text:
        text = f"(in reply to: {message.reply_to_text[:300]}) {text}"
    return said_by(message.author.name, text)


def asked(who: ChatMessage, history: History, message: Incoming) -> tuple[ChatMessage, ...]:
    """All that the model is asked."""
    return history.asking(who, question(message))


def tidy(answer: str, name: str) -> str:
    """The answer as she posts it: without a name before it that the model put there all the same."""
    text = answer.strip()
    for prefix in (f"{name}:", f"Evil {name}:"):
        text = text.removeprefix(prefix).lstrip()
    return text


def history_of(document: dict[str, Any] | None, limit: int) -> History:
    """What a channel's document remembers, whatever stands there."""
    found = (document or {}).get("messages")
    pairs = found if isinstance(found, list) else []
    known = [
        ChatMessage(pair[0], pair[1])
        for pair in pairs
        if isinstance(pair, list)
        and len(pair) == 2
        and pair[0] in ("user", "assistant")
        and isinstance(pair[1], str)
    ]
    return History(limit, known)


def document_of(history: History, now_ms: int) -> dict[str, Any]:
    """For the shelf."""
    return {"messages": [[m.role, m.content] for m in history.messages], "at_ms": now_ms}


def forgotten(documents: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Keys of channels beyond the limit, quiet for longest."""
    by_age = sorted(documents, key=lambda item: _at_ms(item[1]))
    return [key for key, _ in by_age[: max(0, len(by_age) - CHANNELS)]]


def _at_ms(document: dict[str, Any]) -> int:
    at_ms = document.get("at_ms")
    return at_ms if type(at_ms) is int else 0
