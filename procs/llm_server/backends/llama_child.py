"""The program that holds llama.cpp: reads its orders from its input, loads the model, serves until killed.

A process of its own, because the wheel keeps Python's lock while it loads, so that the node could not beat,
and because a damaged model file can end the process that loads it. Started by `llama_server.py` alone.

Orders and answer are one line of JSON each; the key travels so, not in the arguments, which all users see.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

import xllamacpp

PR_SET_PDEATHSIG = 1
"""Linux prctl: the signal a process gets when its parent dies."""

VERBOSITY_ERRORS = 1
"""llama.cpp prints why it fails, and nothing else."""


def main() -> None:
    """Run; ends with 1 when the server can't start, else by a signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the node ends us in order
    orders = json.loads(sys.stdin.readline())
    _end_with_parent(orders["parent_pid"])
    try:
        server = _serve(orders)
    except RuntimeError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps({"address": server.listening_address}) + "\n")
    sys.stdout.flush()
    _fall_silent()
    while True:
        signal.pause()


def _serve(orders: dict[str, Any]) -> Any:
    """A running server; it works in threads of its own."""
    params = xllamacpp.CommonParams()
    params.model.path = orders["model"]
    params.model_alias = {orders["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = orders["port"]
    params.api_keys = [orders["api_key"]]
    params.n_parallel = orders["slots"]
    params.n_ctx = orders["context_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders["threads"]
    params.n_gpu_layers = orders["gpu_layers"]
    params.cache_ram_mib = 0  # the slots remember their conversations; a second cache would take 8 GiB
    params.ui = False
    params.offline = True
    params.verbosity = VERBOSITY_ERRORS
    return xllamacpp.Server(params)


def _end_with_parent(parent_pid: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit("the parent is gone")


def _fall_silent() -> None:
    """From now on nobody reads our output, and complaints about requests could quote them."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


if __name__ == "__main__":
    main()
