"""supervisord's event listener protocol on stdin and stdout (supervisor 4, event listener documentation).

One stray byte on stdout breaks the protocol, so the real stdout is taken away from everything else: what
any library prints lands on stderr, which is the log.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import IO

from bus.errors import DecodeError
from procs.guardian.backends.base import Notice

_PROCESS_STATE = "PROCESS_STATE_"


class Listener:
    """Answers supervisord and yields what it tells.

    Args:
        stdin: supervisord's side of our stdin, a pipe.
        write: sends bytes to supervisord; a few dozen at a time, so it never blocks.
    """

    def __init__(self, stdin: IO[bytes], write: Callable[[bytes], object]) -> None:
        self._stdin = stdin
        self._write = write

    @classmethod
    def take_over(cls) -> "Listener":
        """Keep stdin and stdout of this process for the protocol; prints go to stderr from now on."""
        out = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(sys.stdin.buffer, lambda data: os.write(out, data))

    async def notices(self) -> AsyncIterator[Notice]:
        """Changes of processes; ends when supervisord closes the pipe.

        Raises:
            DecodeError: what came is not the protocol; a fresh listener has to begin again.
        """
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._stdin)
        while True:
            self._write(b"READY\n")
            try:
                event, size = _header(await reader.readuntil(b"\n"))
                payload = await reader.readexactly(size)
            except asyncio.IncompleteReadError:
                return
            self._write(b"RESULT 2\nOK")
            if event.startswith(_PROCESS_STATE):
                yield _notice(event, payload)


def _header(line: bytes) -> tuple[str, int]:
    fields = _fields(line)
    try:
        return fields["eventname"], int(fields["len"])
    except (KeyError, ValueError):
        raise DecodeError(f"not a header of supervisord's: {line[:80]!r}") from None


def _notice(event: str, payload: bytes) -> Notice:
    fields = _fields(payload)
    try:
        return Notice(fields["processname"], event.removeprefix(_PROCESS_STATE), fields["from_state"])
    except KeyError:
        raise DecodeError(f"not a process event of supervisord's: {payload[:80]!r}") from None


def _fields(line: bytes) -> dict[str, str]:
    """`key:value` pairs separated by spaces."""
    pairs = (token.partition(":") for token in line.decode("utf-8", "replace").split())
    return {key: value for key, _, value in pairs}
