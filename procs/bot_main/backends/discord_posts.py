"""From a `Post` to the bodies of Discord's REST requests. Pure.

Every body says who may be notified, whatever its way: an omitted `allowed_mentions` would mean everybody.
Source: Discord's "Message", "Allowed Mentions Object", "Component Reference".
"""

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bus.errors import BadMessage
from procs.bot_main.core import pages
from procs.bot_main.core.chat import Button, File, Post

Json = dict[str, Any]
SUPPRESS_EMBEDS, EPHEMERAL = 1 << 2, 1 << 6
CUSTOM_ID = "miku"
CUSTOM_ID_CHARS = 100
LABEL_CHARS = 80
BUTTONS_A_ROW, ROWS = 5, 5
FILES = 10
PINGS = 100
NONCE_CHARS = 20
_ROW, _BUTTON, _GREY, _RED = 1, 2, 2, 4
_COMMAND = re.compile(r"[a-z0-9_-]{1,32}\Z")


@dataclass(frozen=True)
class Body:
    """One request's body."""

    payload: Json
    files: tuple[File, ...] = ()


def bodies(post: Post, replied_author: int = 0) -> list[Body]:
    """The messages a post becomes: the reply is the first, buttons and files hang on the last.

    Args:
        post: what to write.
        replied_author: who wrote the message that it replies to, where that is known.
    """
    texts = pages.split(pages.sound(post.text)) or [""]
    nonce = _nonce(post)
    made = [_body(post, text) for text in texts]
    for number, payload in enumerate(made):
        payload |= {"nonce": f"{nonce}.{number}", "enforce_nonce": True}
    if post.reply_to:
        # A message that is gone meanwhile is answered all the same.
        made[0]["message_reference"] = {"message_id": str(post.reply_to), "fail_if_not_exists": False}
        made[0]["allowed_mentions"]["replied_user"] = replied_author in post.pings
    made[-1] |= _buttons(post.buttons)
    return [*(Body(one) for one in made[:-1]), _with_files(made[-1], post.files)]


def edited(post: Post) -> Body:
    """The body that puts a post in the place of a message.

    Raises:
        BadMessage: it does not fit in one.
    """
    texts = pages.split(pages.sound(post.text)) or [""]
    if len(texts) > 1:
        raise BadMessage("an edited post must fit in one message")
    payload: Json = {"components": [], "attachments": []} | _body(post, texts[0]) | _buttons(post.buttons)
    return _with_files(payload, post.files)


def _body(post: Post, text: str) -> Json:
    flags = (0 if post.unfolds_links else SUPPRESS_EMBEDS) | (EPHEMERAL if post.is_hidden else 0)
    return {"content": text, "flags": flags, "allowed_mentions": _mentions(post)}


def _mentions(post: Post) -> Json:
    """Nobody but `pings`."""
    return {"parse": [], "users": [str(id_) for id_ in post.pings[:PINGS]], "replied_user": False}


def _nonce(post: Post) -> str:
    """The post's, shortened where it is too long; a new one where it has none, so that retries are one."""
    if not post.nonce:
        return secrets.token_hex(NONCE_CHARS // 2)
    if len(post.nonce) <= NONCE_CHARS:
        return post.nonce
    return hashlib.sha256(post.nonce.encode()).hexdigest()[:NONCE_CHARS]


def _with_files(payload: Json, files: tuple[File, ...]) -> Body:
    if not files:
        return Body(payload)
    named = [{"id": number, "filename": file.name} for number, file in enumerate(files[:FILES])]
    return Body(payload | {"attachments": named}, files[:FILES])


def _buttons(buttons: tuple[Button, ...]) -> Json:
    if not buttons:
        return {}
    shown = [_button(one) for one in buttons[: BUTTONS_A_ROW * ROWS]]
    rows = [shown[first : first + BUTTONS_A_ROW] for first in range(0, len(shown), BUTTONS_A_ROW)]
    return {"components": [{"type": _ROW, "components": row} for row in rows]}


def _button(button: Button) -> Json:
    return {
        "type": _BUTTON,
        "style": _RED if button.is_danger else _GREY,
        "label": button.label[:LABEL_CHARS],
        "custom_id": custom_id(button.command, button.arguments),
    }


def custom_id(command: str, arguments: Mapping[str, str]) -> str:
    """What a button sends back when it is clicked.

    Raises:
        BadMessage: longer than Discord takes.
    """
    packed = json.dumps(dict(arguments), separators=(",", ":"), ensure_ascii=False) if arguments else ""
    made = f"{CUSTOM_ID}:{command}:{packed}"
    if len(made) > CUSTOM_ID_CHARS:
        raise BadMessage(f"button {command}: its arguments are too long for the {CUSTOM_ID_CHARS} characters")
    return made


def clicked(custom_id_: str) -> tuple[str, dict[str, str]] | None:
    """Command and arguments of a click; None where the button is none of ours."""
    prefix, _, rest = custom_id_[:CUSTOM_ID_CHARS].partition(":")
    command, _, packed = rest.partition(":")
    if prefix != CUSTOM_ID or not _COMMAND.match(command):
        return None
    try:
        arguments = json.loads(packed) if packed else {}
    except ValueError:
        return None
    if not isinstance(arguments, dict) or not all(isinstance(one, str) for one in arguments.values()):
        return None
    return command, arguments
