"""The guardian as a process: an event listener of supervisord."""

import os
from pathlib import Path

from bus import Bus, run
from bus.errors import BadSettings
from bus.settings import config_file
from procs.guardian.app import Guardian
from procs.guardian.backends.kernel import MARK, Kernel
from procs.guardian.backends.listener import Listener
from procs.guardian.backends.supervisor_rpc import SupervisorRpc
from procs.guardian.config import Config


def make(bus: Bus, config: Config) -> Guardian:
    """Connect the guardian to the supervisord that started it."""
    server_url = os.environ.get(MARK, "")
    if not server_url.startswith("unix://"):
        raise BadSettings("the guardian runs under supervisord only: start the stack with `./miku up`.")
    supervisor = SupervisorRpc(Path(server_url.removeprefix("unix://")))
    kernel = Kernel(server_url, os.getppid(), config_file(os.environ))
    return Guardian(bus, config.guardian, supervisor, Listener.take_over(), kernel)


if __name__ == "__main__":
    run(Guardian, Config, make)
