"""Waiting for a state instead of sleeping."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def until(state: Callable[[], T], timeout_s: float = 30.0) -> T:
    """The first truthy value of `state()`; looks each 5 ms.

    Raises:
        AssertionError: it stayed falsy; the last value is named.
    """
    deadline = time.monotonic() + timeout_s
    while not (value := state()):
        assert time.monotonic() < deadline, f"still {value!r} after {timeout_s:g} s"
        await asyncio.sleep(0.005)
    return value


def wait_until(state: Callable[[], T], timeout_s: float = 30.0) -> T:
    """`until` outside a loop, for tests of processes; looks each 20 ms."""
    deadline = time.monotonic() + timeout_s
    while not (value := state()):
        assert time.monotonic() < deadline, f"still {value!r} after {timeout_s:g} s"
        time.sleep(0.02)
    return value
