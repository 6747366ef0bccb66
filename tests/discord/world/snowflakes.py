"""Ids as Discord makes them: milliseconds since 2015 in the upper 42 bits, a counter below."""

import itertools
import time

DISCORD_EPOCH_MS = 1_420_070_400_000
_counter = itertools.count()


def new_id(at_ms: int | None = None) -> int:
    """A new id, greater than all before it (of the same millisecond: up to 4,096 of them)."""
    now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    return (now_ms - DISCORD_EPOCH_MS) << 22 | (next(_counter) & 0xFFF)


def created_ms(snowflake: int) -> int:
    """Wall time in ms at which the id was made."""
    return (snowflake >> 22) + DISCORD_EPOCH_MS
