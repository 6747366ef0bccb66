"""Prompts: what the settings add to them, and those that are read out as they are. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bus.messages import Prompt, Token

_UNSET = Prompt(messages=())
"""Fields that a prompt leaves at their defaults are the operator's to choose."""

READ_OUT_CHARS = 16_000
"""Length at which a text to read out is cut: as much as the level with the reply's text holds."""

_WORD = re.compile(r"\s*\S+\s*|\s+")


@dataclass(frozen=True)
class Sampling:
    """What the operator chose for all prompts."""

    max_tokens: int
    temperature: float
    stop: tuple[str, ...]


def completed(prompt: Prompt, sampling: Sampling) -> Prompt:
    """The prompt with the operator's choices where it makes none; never longer than the operator allows."""
    is_length_set = prompt.max_tokens != _UNSET.max_tokens
    is_temperature_set = prompt.temperature != _UNSET.temperature
    return replace(
        prompt,
        max_tokens=min(prompt.max_tokens, sampling.max_tokens) if is_length_set else sampling.max_tokens,
        temperature=prompt.temperature if is_temperature_set else sampling.temperature,
        stop=prompt.stop or sampling.stop,
    )


def read_out(text: str) -> Iterator[Token]:
    """A text as tokens, one per word, as if a model had said it."""
    found = _WORD.findall(text[:READ_OUT_CHARS])
    for index, word in enumerate(found):
        yield Token(index, word)
    reason = "length" if len(text) > READ_OUT_CHARS else "stop"
    yield Token(len(found), "", final=True, finish_reason=reason)
