"""The director over HTTP, for tests whose Discord is a process of its own. Loopback only, no TLS.

`POST /` with `{"on": "person", "name": "Ann", "do": "says", "with": {"place": "general", "text": "hi"}}`
calls that method, or reads that attribute, of the director's person Ann; the answer is `{"result": ...}` or
`{"error": ...}`. `on` is one of `KINDS`.
"""

import base64
import dataclasses
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from aiohttp import web

from tests.discord.director import Director
from tests.discord.director.bot import Bot
from tests.discord.director.person import Person
from tests.discord.director.place import Place
from tests.discord.faults import Fault
from tests.discord.voice.heard import Heard, Utterance
from tests.discord.world.errors import Refused
from tests.discord.world.model import Channel, Guild, Interaction, Message, Role, User

KINDS: dict[str, Callable[[Director, str], Any]] = {
    "director": lambda director, _: director,
    "person": lambda director, name: director.people[name],
    "place": lambda director, name: director.places[name],
    "bot": lambda director, name: director.bots[name],
    "faults": lambda director, _: director.faults,
    "rules": lambda director, _: director.rules,
    "journal": lambda director, _: director.journal,
}
MISTAKES = (
    AttributeError,
    KeyError,
    LookupError,
    TypeError,
    ValueError,
    PermissionError,
    Refused,
    AssertionError,
)
"""What a wrong call ends in; told to the caller."""


def _line(value: Any, status: int = 200) -> web.Response:
    """JSON as a person in a terminal reads it."""
    line = json.dumps(value, ensure_ascii=False) + "\n"
    body = line.encode(errors="backslashreplace")  # half a surrogate pair, as JSON escapes it
    return web.json_response(body=body, status=status)


async def start(director: Director, port: int) -> web.AppRunner:
    """Serves the director on a loopback port until the runner is cleaned up."""

    async def handle(request: web.Request) -> web.Response:
        asked = await request.json()
        try:
            result = await call(director, asked)
        except MISTAKES as mistake:
            return _line({"error": f"{type(mistake).__name__}: {mistake}"}, 400)
        return _line({"result": plain(result)})

    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


async def call(director: Director, asked: dict[str, Any]) -> Any:
    """What one request asks for. `set` changes an attribute (of rules and faults)."""
    target = KINDS[asked["on"]](director, asked.get("name", ""))
    if "set" in asked:
        for name, value in asked["set"].items():
            setattr(target, _public(name, target), value)
        return None
    found = getattr(target, _public(asked["do"], target))
    if not callable(found):
        return found
    result = found(**_unpacked(asked.get("with", {})))
    return await result if inspect.isawaitable(result) else result


def _public(name: str, target: object) -> str:
    if name.startswith("_") or not hasattr(target, name):
        raise AttributeError(f"{type(target).__name__} has no {name!r}")
    return name


def _unpacked(value: Any) -> Any:
    """Sound and bytes, which JSON carries as base64, as themselves."""
    if not isinstance(value, dict):
        return value
    if set(value) == {"int16"}:
        return np.frombuffer(base64.b64decode(value["int16"]), np.int16)
    if set(value) == {"bytes"}:
        return base64.b64decode(value["bytes"])
    return {name: _unpacked(one) for name, one in value.items()}


def _message(message: Message) -> Any:
    return {
        "id": message.id,
        "place": message.channel.name,
        "author": message.author.name,
        "content": message.content,
        "reply_to": message.reply_to.id if message.reply_to else None,
        "pings": dataclasses.asdict(message.pings),
        "mentions_are_explicit": message.mentions_are_explicit,
        "is_hidden": message.is_hidden,
        "embeds": message.embeds,
        "components": message.components,
        "attachments": [one.filename for one in message.attachments],
        "reactions": {emoji: [user.name for user in users] for emoji, users in message.reactions.items()},
        "flags": message.flags,
        "edited_at": message.edited_at,
    }


def _interaction(interaction: Interaction) -> Any:
    return {
        "id": interaction.id,
        "answer_kind": interaction.answer_kind,
        "answered_after_ms": interaction.answered_after_ms,
        "answer": interaction.answer,
        "original": plain(interaction.original),
        "followups": plain(interaction.followups),
    }


def _heard(heard: Heard) -> Any:
    names = (
        "frames",
        "unheard",
        "clear",
        "unannounced",
        "lost",
        "keepalives",
        "violations",
        "pacing",
        "utterances",
    )
    return {name: plain(getattr(heard, name)) for name in names}


def _utterance(utterance: Utterance) -> Any:
    names = ("samples", "lost", "silences", "is_over", "arrivals_ns", "gaps_ms")
    return {name: plain(getattr(utterance, name)) for name in names}


SHAPES: dict[type, Callable[[Any], Any]] = {
    Message: _message,
    Interaction: _interaction,
    Heard: _heard,
    Utterance: _utterance,
    Channel: lambda channel: channel.name,
    Guild: lambda guild: guild.name,
    User: lambda user: user.name,
    Role: lambda role: role.id,
    Place: lambda place: place.channel.name,
    Person: lambda person: person.name,
    Bot: lambda bot: bot.user.name,
    Fault: lambda fault: {"point": str(fault.point), "struck": fault.struck},
    np.ndarray: lambda array: {"int16": base64.b64encode(array.astype(np.int16).tobytes()).decode()},
}


def plain(value: Any) -> Any:
    """A result as JSON can carry it."""
    shape = SHAPES.get(type(value))
    if shape:
        return shape(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    elif dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, Iterable) else repr(value)
