"""One stack: a state folder, the supervisord that lives in it, and the lock that keeps a second one out."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bus.errors import BadSettings
from bus.settings import BaseSettings, BusSettings
from bus.topics import (
    LLM_SERVER_PORT_OFFSET,
    NODES,
    TOPICS,
    TTS_SERVER_PORT_OFFSET,
    Pattern,
    flow_port,
    publisher_port,
)
from cli.refusal import Refusal
from cli.settings_table import ROOT, Settings
from procs.guardian.backends.base import SupervisorGone
from procs.guardian.backends.supervisor_rpc import SupervisorRpc
from procs.web_gateway.config import WebSettings

CONF = ROOT / "supervisord.conf"

SOCKET_PATH_BYTES = 96
"""A UNIX socket's path may have 107 bytes, and supervisord first binds a longer, temporary name."""


@dataclass(frozen=True)
class Stack:
    """Where one stack lives."""

    settings: Settings

    @property
    def base(self) -> BaseSettings:
        """State folder and log level."""
        return self.settings.of(BaseSettings)

    @property
    def bus(self) -> BusSettings:
        """Address and ports."""
        return self.settings.of(BusSettings)

    @property
    def state_path(self) -> Path:
        """The state folder, absolute."""
        return self.base.state_path

    @property
    def socket_path(self) -> Path:
        """supervisord's socket."""
        return self.state_path / "supervisor.sock"

    @property
    def logs_path(self) -> Path:
        """One log per node, and supervisord's own."""
        return self.state_path / "logs"

    @property
    def recordings_path(self) -> Path:
        """Sound that sinks keep."""
        return self.state_path / "recordings"

    @property
    def server_url(self) -> str:
        """supervisord's address, as its children carry it."""
        return f"unix://{self.socket_path}"

    @property
    def supervisor(self) -> SupervisorRpc:
        """Asks supervisord, which may not be there."""
        return SupervisorRpc(self.socket_path)

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self.supervisor.pid()
        except SupervisorGone:
            return False
        return True

    def require_running(self) -> None:
        """Refuse a verb that needs the stack.

        Raises:
            Refusal: it does not run.
        """
        if not self.is_running():
            raise Refusal("Miku is not running. Start her: `./miku up`, or `make run` in her folder.")

    def ports(self) -> dict[int, str]:
        """Port → what listens there."""
        base, web = self.bus.base_port, self.settings.of(WebSettings)
        flows = [row.name for row in TOPICS.values() if row.pattern in (Pattern.FLOW, Pattern.REQUEST)]
        return {
            **{publisher_port(node, base): node for node in NODES},
            **{flow_port(name, base): name for name in flows},
            base + LLM_SERVER_PORT_OFFSET: "llm_server (HTTP)",
            base + TTS_SERVER_PORT_OFFSET: "tts_server (Soprano link)",
            **({web.page_port(base): "web_gateway (HTTP)"} if web.enabled else {}),
        }

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """For supervisord: the caller's whole environment, and what `supervisord.conf` asks for.

        Secrets are in it, since supervisord hands them on at each start of a process; `supervisord.conf` says
        to whom (`cli/secrets.py`).
        """
        foreign = {name: value for name, value in environ.items() if not name.startswith("SUPERVISOR_")}
        return {
            **foreign,
            "MIKU_STATE_DIR": str(self.state_path),
            "MIKU_CONFIG": str(self.settings.file),
            "PYTHON_EXECUTABLE": sys.executable,
        }

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            BadSettings: they can't be made, or supervisord can't live with their name.
        """
        if len(os.fsencode(self.socket_path)) > SOCKET_PATH_BYTES:
            longest = SOCKET_PATH_BYTES - len("/supervisor.sock")
            raise BadSettings(
                f"state_dir is too long for a UNIX socket: choose one of up to {longest} bytes."
            )
        if "%" in str(self.state_path):
            raise BadSettings("state_dir must not hold a percent sign: supervisord would read more into it.")
        try:
            self.state_path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs_path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BadSettings(
                f"state_dir {self.state_path} can't be made: {error.strerror}. Choose another with state_dir."
            ) from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only one who keeps this stack; the kernel frees the lock with the process.

        Raises:
            BadSettings: the folder can't be written to.
            Refusal: another one does; names its process.
        """
        try:
            file = self._lock_path.open("a+")
        except OSError as error:
            raise BadSettings(
                f"{self._lock_path} can't be written: {error.strerror}. Correct state_dir or its rights."
            ) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise self._taken(self.keeper_pid()) from None
            if self.is_running():
                raise self._taken(self.supervisor.pid())
            file.truncate(0)
            with suppress(OSError):  # a full disk is named by the checks that follow
                os.write(file.fileno(), f"{os.getpid()}\n".encode())
            yield

    def keeper_pid(self) -> int:
        """Process id of the `miku up` that holds the lock, 0 if nobody does."""
        try:
            with self._lock_path.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return 0
        except BlockingIOError:
            return int(self._lock_path.read_text().strip() or 0)
        except OSError:
            return 0

    def last_words(self, node: str) -> str:
        """Why a node could not run, as its log says last; empty if the log says nothing."""
        try:
            lines = (self.logs_path / f"{node}.log").read_text(errors="replace").splitlines()
        except OSError:
            return ""
        for line in reversed(lines):
            with suppress(ValueError, AttributeError):
                if reason := json.loads(line).get("reason"):
                    return str(reason)
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    @property
    def _lock_path(self) -> Path:
        return self.state_path / "up.lock"

    def _taken(self, pid: int) -> Refusal:
        return Refusal(
            f"Miku already runs in {self.state_path} (process {pid}). End her with `./miku down`, "
            "or give a second one her own state_dir and bus.base_port."
        )
