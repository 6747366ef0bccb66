"""supervisord's XML-RPC interface over its UNIX socket (supervisor 4, XML-RPC API documentation)."""

import http.client
import socket
import time
import xmlrpc.client
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procs.guardian.backends.base import SupervisorGone
from procs.guardian.core.verdict import Program

PATIENCE_S = 2.0
"""supervisord answers within milliseconds; after this it is gone or frozen."""

_ALREADY_AS_ASKED = {60, 70}
"""Faults ALREADY_STARTED and NOT_RUNNING: there is nothing to do."""


@dataclass(frozen=True)
class ProgramInfo:
    """All that supervisord tells of a process."""

    program: Program
    group: str
    since_s: float
    """Seconds since it entered its state."""
    exit_code: int
    """Of its last end; -9 for SIGKILL."""

    @property
    def full_name(self) -> str:
        """Name as supervisord takes it."""
        return f"{self.group}:{self.program.name}"


class SupervisorRpc:
    """Asks and orders; a fresh connection per call, so it outlives supervisord's restarts."""

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._full_names: dict[str, str] = {}

    def pid(self) -> int:
        """supervisord's own process id."""
        return int(self._call("getPID"))

    def infos(self) -> list[ProgramInfo]:
        """Every process with all that is known of it."""
        found = [_info(record) for record in self._call("getAllProcessInfo")]
        self._full_names = {info.program.name: info.full_name for info in found}
        return found

    def programs(self) -> list[Program]:
        return [info.program for info in self.infos()]

    def start(self, name: str) -> None:
        self._order("startProcess", name, False)

    def stop(self, name: str) -> None:
        self._order("stopProcess", name, False)

    def kill(self, name: str) -> None:
        self._order("signalProcess", name, "KILL")

    def shutdown(self) -> None:
        """Let supervisord end every process, then itself."""
        self._call("shutdown")

    def _order(self, method: str, name: str, argument: object) -> None:
        if name not in self._full_names:
            self.infos()
        self._call(method, self._full_names.get(name, name), argument)

    def _call(self, method: str, *arguments: object) -> Any:
        transport = _UnixTransport(self._socket_path)
        with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode in _ALREADY_AS_ASKED:
                    return None
                raise SupervisorGone(f"{method}: {fault.faultString}") from None
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
                raise SupervisorGone(f"{method}: {error}") from None


def _info(record: dict[str, Any]) -> ProgramInfo:
    program = Program(record["name"], record["statename"], record["pid"])
    entered_s = record["start"] if record["pid"] else record["stop"] or record["start"]
    since_s = max(0.0, time.time() - entered_s) if entered_s else 0.0
    return ProgramInfo(program, record["group"], since_s, record["exitstatus"])


class _UnixTransport(xmlrpc.client.Transport):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(self._path))
