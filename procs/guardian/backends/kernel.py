"""What the kernel knows (Linux, proc file system): whom dead programs left behind, and when a file changed.

supervisord marks every child with its own address in the environment, and children pass it on. What
bears the mark and no longer descends from supervisord is an orphan: this holds for every way of dying and
needs no bookkeeping. It also works when supervisord itself is gone: then all that bear the mark are.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

MARK = "SUPERVISOR_SERVER_URL"
"""Variable that supervisord sets for its children."""


class Kernel:
    """The guardian's view of the machine.

    Args:
        server_url: supervisord's address, `unix://...`, as its children carry it.
        keeper_pid: supervisord's process id.
        settings_file: watched for changes; may be absent.
    """

    def __init__(self, server_url: str, keeper_pid: int, settings_file: Path) -> None:
        self._server_url = server_url
        self._keeper_pid = keeper_pid
        self._settings_file = settings_file
        self._stamp_ns = self._modified_ns()

    def kill_orphans(self) -> int:
        found = orphans(self._server_url, self._keeper_pid)
        kill_all(found)
        return len(found)

    def settings_changed(self) -> bool:
        before_ns, self._stamp_ns = self._stamp_ns, self._modified_ns()
        return self._stamp_ns != before_ns

    def _modified_ns(self) -> int:
        try:
            return self._settings_file.stat().st_mtime_ns
        except OSError:
            return 0


def orphans(server_url: str, keeper_pid: int | None) -> list[int]:
    """Process ids that bear a supervisord's mark and do not descend from it.

    Args:
        keeper_pid: supervisord's process id, None when it is gone.
    """
    parents = _parents()
    mark = f"{MARK}={server_url}".encode()
    return [pid for pid in parents if mark in _environment(pid) and not _descends(pid, keeper_pid, parents)]


def kill_all(pids: list[int]) -> None:
    """SIGKILL, whether or not they still live."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _parents() -> dict[int, int]:
    """Process id → parent's, of every process but zombies."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # the second field is a name in parentheses that may hold anything: read from its end
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] != "Z":
                    found[int(entry.name)] = int(fields[1])
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _descends(pid: int, keeper_pid: int | None, parents: dict[int, int]) -> bool:
    if keeper_pid is None:
        return False
    while pid in parents:
        pid = parents[pid]
        if pid == keeper_pid:
            return True
    return False
