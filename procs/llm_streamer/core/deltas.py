"""One event of a stream → what it adds to the reply. Pure.

Understands chat deltas, whole chat messages and text completions. Reasoning is noticed and never becomes
text: llama-swap reports its loading as reasoning, and nobody wants to hear either. Usage and timings add
nothing. Source: the chat completions API as OpenAI, llama.cpp, Ollama, vLLM and llama-swap speak it.
"""

from dataclasses import dataclass
from typing import Any

from bus.foreign_json import read_json
from procs.llm_streamer.core.failures import Failure, from_error
from procs.llm_streamer.core.sse import Event


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event adds."""

    text: str = ""
    """To be spoken."""
    finish_reason: str = ""
    """`stop` or `length` when the reply ends here."""
    is_thought: bool = False
    """Whether the event carried reasoning."""


def read(event: Event) -> Delta:
    """Read an event.

    Raises:
        Failure: it reports an error, or is not what a chat server sends.
    """
    if event.data == "[DONE]":
        return Delta(finish_reason="stop")
    answer = _object(event)
    error = answer.get("error") or (answer if "error" in (event.name, answer.get("object")) else None)
    if error:
        raise from_error(error)
    choice = _first(answer.get("choices"))
    message = choice.get("delta") or choice.get("message")
    if not isinstance(message, dict):
        message = {}
    reason = choice.get("finish_reason")
    return Delta(
        text=_text(message.get("content") or choice.get("text")),
        finish_reason=("length" if reason == "length" else "stop") if reason else "",
        is_thought=bool(message.get("reasoning_content") or message.get("reasoning")),
    )


def _object(event: Event) -> dict[str, Any]:
    try:
        answer = read_json(event.data)
    except ValueError:
        if event.name == "error":
            raise from_error(event.data) from None
        raise Failure("llm_failed", "the server sent broken JSON") from None
    if not isinstance(answer, dict):
        raise Failure("llm_failed", "the server sent JSON that is no object")
    return answer


def _first(choices: object) -> dict[str, Any]:
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return {}


def _text(content: object) -> str:
    """Content is a text, or a list of parts of which the texts count."""
    if isinstance(content, list):
        parts = (
            part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"
        )
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""
