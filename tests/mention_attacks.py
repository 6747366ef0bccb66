"""Texts that would make Discord notify people if whoever posts them did not forbid it."""

import itertools
import re

TARGETS = ("@everyone", "@here", "<@{person}>", "<@!{person}>", "<@&{role}>")
PING = re.compile(r"@everyone|@here|<@[!&]?\d+>")

WRAPPINGS = (
    "{}", "{0}{0}{0}", "hi {}!", "**{}**", "__{}__", "*{0}*~~{0}~~", "||{}||", "> {}", ">>> {}", "# {}",
    "-# {}", "- {}", "1. {}", "a\n{}\nb", "[{}](https://example.org)", "[{0}](<{0}>)", "\\{}", "<{}>", "({})",
    "&#64;{}", "\u200b{}", "{}\u200b", "\ufeff{}", "{}\u202e", "\u2066{}\u2069", "{}\ufe0f", "\u00ad{}",
    "@\u200b{}", "`{}`", "``{}``", "`` ` ``{}", "```{}```", "```\ncode\n```{}", "```\n{}\n```", "```py\n{}",
)  # fmt: skip
"""Where a mention hides: markup, invisible characters, code that is closed, and code that is not."""


def targets(person: int | str, role: int | str) -> list[str]:
    """All that can be mentioned."""
    return [target.format(person=person, role=role) for target in TARGETS]


def attacks(person: int | str, role: int | str) -> list[str]:
    """Each wrapping around each target."""
    pairs = itertools.product(WRAPPINGS, targets(person, role))
    return [wrapping.format(target) for wrapping, target in pairs]


def n_attacks(texts: list[str]) -> int:
    """How often they would notify somebody."""
    return sum(len(PING.findall(text)) for text in texts)
