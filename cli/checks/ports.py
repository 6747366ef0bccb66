"""Who or what holds a TCP port, as the kernel's tables tell it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
LISTEN, TIME_WAIT = "0A", "06"
"""States as in the kernel's `include/net/tcp_states.h`."""

OTHER_NUMBER = "set bus.base_port to another number"


@dataclass(frozen=True)
class Use:
    """One socket that has the port at its near end."""

    state: str
    inode: str
    """`0` once no program has it any more."""


def uses(lines: Iterable[str], port: int) -> list[Use]:
    """The sockets at a port, of a table's lines without its heading."""
    found = [line.split() for line in lines]
    return [Use(fields[3], fields[9]) for fields in found if int(fields[1].rpartition(":")[2], 16) == port]


def held_by(port: int) -> tuple[str, str]:
    """The end of the sentence that a port is taken, and what to do about it."""
    found: list[Use] = []
    for table in TABLES:
        with suppress(OSError):
            found += uses(Path(table).read_text().splitlines()[1:], port)
    return verdict(found, _program({f"socket:[{use.inode}]" for use in found}))


def verdict(found: list[Use], program: str) -> tuple[str, str]:
    """See `held_by`.

    Args:
        program: whose sockets they are; empty if nobody's or not ours to see.
    """
    states = {use.state for use in found}
    if program:
        return f" by {program}", f"End that program, or {OTHER_NUMBER}."
    if states == {TIME_WAIT}:
        return (
            " by no program: the system keeps it for up to a minute after a connection there has ended",
            f"Wait a minute and try again, or {OTHER_NUMBER}.",
        )
    if states:
        return " by a program of another user", f"End it (`sudo ss -tnap` names it), or {OTHER_NUMBER}."
    return "", f"Try again: it may be free by now. Else {OTHER_NUMBER}."


def _program(links: set[str]) -> str:
    """`name (process 123)` of who has one of these sockets; empty if it is no process that we may look at."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(str(link.readlink()) in links for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return ""
