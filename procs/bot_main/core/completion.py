"""A chat completion: the body of the request, the text of the answer, what a refusal means. Pure.

Source: the chat completions API of OpenAI with its image parts, and how its many servers differ from it.
"""

import base64
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from bus.foreign_json import read_json
from bus.messages import ChatMessage

STATUSES = {
    401: "llm_refused",
    403: "llm_refused",
    404: "llm_model_unknown",
    408: "llm_timeout",
    413: "llm_prompt_too_long",
    429: "llm_busy",
    502: "llm_loading",
    503: "llm_loading",
    504: "llm_loading",
}
"""HTTP status → error code; other 4xx are refusals, other 5xx failures."""
ANSWER_CHARS = 20_000
"""Longest text of an answer: more than 4,000 tokens make, and ten messages in a chat."""
TRIED_AGAIN = frozenset({"llm_loading", "llm_busy", "llm_unreachable"})
"""What passes by itself, so that waiting helps."""
_TOO_LONG = re.compile(r"context (size|length|window)|maximum context|exceed_context_size", re.IGNORECASE)
_UNKNOWN = re.compile(
    r"\bmodel\b.{0,100}\b(not found|not exist|unknown)\b|\b(no such|unknown)\b.{0,40}\bmodel", re.I
)
_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_VERSION = re.compile(r"/v\d+\w*(/|$)")
_ZERO_WIDTH_SPACE = "\u200b"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def api(base_url: str) -> str:
    """Where the API lives: `host:port`, `http://host/`, `.../v1` and `.../v1/chat/completions` all do.

    Raises:
        ValueError: no usable http or https address.
    """
    text = base_url.strip()
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("not an http or https address")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if _VERSION.search(path) else f'{path}/v1'}"


def is_loopback(base_url: str) -> bool:
    """Whether it is on this machine, where no proxy is to be asked."""
    return urlsplit(base_url).hostname in _LOOPBACK


def request(
    messages: Sequence[ChatMessage],
    pictures: Sequence[tuple[str, bytes]],
    model: str,
    max_tokens: int,
    temperature: float,
) -> dict[str, Any]:
    """The body; pictures (media type, bytes) go with the last message, as data, never as addresses."""
    sent: list[dict[str, Any]] = [{"role": m.role, "content": m.content} for m in messages]
    if pictures and sent:
        parts: list[dict[str, Any]] = [{"type": "text", "text": sent[-1]["content"]}]
        for media_type, data in pictures:
            url = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        sent[-1]["content"] = parts
    return {
        "model": model,
        "messages": sent,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "stream": False,
    }


def text_of(body: str) -> tuple[str, str]:
    """(text, error code) of an answer with status 200; reasoning is no part of the text.

    A server may ignore `max_tokens`: what is beyond `ANSWER_CHARS` is cut off.
    """
    answer = _object(body)
    if answer is None or answer.get("error"):
        return "", "llm_failed"
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else choice.get("text")
    if isinstance(content, list):
        parts = [
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        ]
        content = "".join(part for part in parts if isinstance(part, str))
    text = _written(content) if isinstance(content, str) else ""
    return (text, "") if text else ("", "llm_empty")


def _written(content: str) -> str:
    """What people read of it; zero-width spaces, by which some models are told apart, they don't."""
    return _THOUGHT.sub("", content.replace(_ZERO_WIDTH_SPACE, "")).strip()[:ANSWER_CHARS]


def refusal(status: int, body: str) -> str:
    """Error code of an answer with another status."""
    if _TOO_LONG.search(body):
        return "llm_prompt_too_long"
    if status == 400 and _UNKNOWN.search(body):
        return "llm_model_unknown"
    return STATUSES.get(status) or ("llm_refused" if 400 <= status < 500 else "llm_failed")


def first_model(body: str) -> str:
    """The first model of a list that does not look like one for other work; empty if there is none."""
    listing = _object(body) or {}
    data = listing.get("data")
    ids = [each.get("id") for each in data if isinstance(each, dict)] if isinstance(data, list) else []
    names = [name for name in ids if isinstance(name, str) and name]
    return next((n for n in names if not re.search(r"embed|rerank|whisper|tts|vision", n, re.I)), "")


def _object(body: str) -> dict[str, Any] | None:
    try:
        found = read_json(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
