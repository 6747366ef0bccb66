"""What the model is asked: who Miku is, what was said before, what is said now. Pure.

The history holds what people said and what they heard of the answers. It always alternates between
`user` and `assistant` and begins with `user`, as many models' chat templates demand. A prompt is put
together from finished messages: asking costs the same on the first turn and on the thousandth.
"""

from collections.abc import Iterable

from bus.messages import ChatMessage, Prompt
from procs.bot_main.core.running import Asked

PERSONA = """\
You are {name}, a cheerful virtual singer in a voice call with friends. You are curious, warm and a \
little playful; you love music, silly jokes and hearing about people's day. When you do not know \
something, you say so lightly."""
"""Who she is unless the operator's persona file says otherwise."""

INTERRUPTED = "[INTERRUPTED - user started speaking]"
"""Ends the part that was heard of a reply that was cut off."""

VOICE_RULES = f"""\
Everything you write is spoken aloud at once by your own voice. Answer in one to three short sentences \
of plain spoken English. Never use markdown, lists, links, emoji, stage directions or *actions*; write \
numbers and signs as they are spoken. Several people may talk to you: each message begins with the name \
of its speaker, but you never put a name before your own words. A reply of yours that ends with \
{INTERRUPTED} was cut off there, and people heard only what stands before it; never write that mark."""
"""What every persona must know to be spoken: our voices speak English and read signs out."""

HISTORY_CHARACTERS = 6_000
"""All of the history: about 1,500 tokens, small beside a context of 4,096, and at most 24 KiB on the bus."""

MESSAGE_CHARACTERS = 2_000
"""One message of the history: two minutes of speech."""


def system_message(persona: str, name: str) -> ChatMessage:
    """Persona and the rules of speech; `{name}` in the persona stands for her name."""
    return ChatMessage("system", f"{persona.replace('{name}', name).strip()}\n\n{VOICE_RULES}")


def said_by(user: str, text: str) -> str:
    """A person's words as the model reads them: `name: words`, the name on one line."""
    name = " ".join("".join(c if c.isprintable() else " " for c in user).split())
    return f"{name}: {text.strip()}"


class History:
    """What one session remembers, oldest first.

    Args:
        limit: messages kept at most.
        messages: what an earlier life of this process remembered.
    """

    def __init__(self, limit: int, messages: Iterable[ChatMessage] = ()) -> None:
        self._limit = limit
        self.messages: tuple[ChatMessage, ...] = ()
        for message in messages:
            self._add(message.role, message.content)

    def remember(self, said: str, received: str, *, interrupted: bool = False) -> None:
        """One exchange: a person's line, and the part of the reply that people got, if any."""
        if said:
            self._add("user", said)
        if received and interrupted:
            received = f"{received[: MESSAGE_CHARACTERS - len(INTERRUPTED) - 1]} {INTERRUPTED}"
        if received:
            self._add("assistant", received)

    def asking(self, system: ChatMessage, said: str) -> tuple[ChatMessage, ...]:
        """The messages that ask the model to answer `said`."""
        return (system, *_appended(self.messages, "user", said))

    def _add(self, role: str, content: str) -> None:
        messages = _appended(self.messages, role, content[:MESSAGE_CHARACTERS])
        # When it is full, a quarter goes at once, so that the beginning stays the same for some turns: a
        # model server's prompt cache holds as far as the beginning does.
        while len(messages) > self._limit or _n_characters(messages) > HISTORY_CHARACTERS:
            messages = messages[max(2, self._limit // 4) :]
        while messages and messages[0].role != "user":
            messages = messages[1:]
        self.messages = messages


def _appended(messages: tuple[ChatMessage, ...], role: str, content: str) -> tuple[ChatMessage, ...]:
    """With one more message; it joins a last one of the same role, unless both together are too long."""
    if not messages or messages[-1].role != role:
        return (*messages, ChatMessage(role, content))
    joined = f"{messages[-1].content}\n{content}"
    return (*messages[:-1], ChatMessage(role, joined if len(joined) <= MESSAGE_CHARACTERS else content))


def _n_characters(messages: tuple[ChatMessage, ...]) -> int:
    return sum(len(message.content) for message in messages)


def prompt_of(asked: Asked, system: ChatMessage, history: History) -> Prompt:
    """What is handed to the model, or past it to the voice."""
    if asked.verbatim:
        return Prompt(messages=(), verbatim=asked.text)
    return Prompt(history.asking(system, said_by(asked.user, asked.text)))
