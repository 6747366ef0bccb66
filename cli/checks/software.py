"""Checks of what is installed: Python, packages, and the Opus library inside the PyAV wheel."""

import ctypes
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

import zmq

from cli.checks.base import Finding, Situation, fail, ok

OLDEST_PYTHON = (3, 11)

NEEDED: dict[str, tuple[int, ...]] = {
    "discord.py": (2, 7, 1),  # the first with end-to-end encrypted voice that refuses to work without it
    "davey": (0, 1),
    "msgpack": (1, 2, 1),  # older ones can crash the interpreter
    "pyzmq": (27,),
    "supervisor": (4, 2),
    "aiohttp": (3, 14),
    "numpy": (2,),
    "av": (18,),
}
"""Distribution → oldest version that is known to work."""

OLDEST_LIBZMQ = (4, 3, 5)
"""Older ones can be crashed by an unauthenticated peer."""

MEND = "Run `make run` again: it installs what the lock file names."


def python(_: Situation) -> Finding:
    """The interpreter."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail(version, "This Python is too old.", "Install Python 3.11 or newer, then: make clean run")
    return ok(version)


def packages(_: Situation) -> Finding:
    """Versions of what matters."""
    wrong = []
    for name, oldest in NEEDED.items():
        have = _version(name)
        if have is None:
            wrong.append(f"{name} missing")
        elif have < oldest:
            wrong.append(f"{name} {_dotted(have)} < {_dotted(oldest)}")
    if wrong:
        return fail(", ".join(wrong), "Packages are missing or too old.", MEND)
    return ok(f"{len(NEEDED)} packages as needed")


def libzmq(_: Situation) -> Finding:
    """The ZeroMQ library and its encryption."""
    version = zmq.zmq_version_info()
    if version < OLDEST_LIBZMQ:
        return fail(_dotted(version), f"libzmq is older than {_dotted(OLDEST_LIBZMQ)}.", MEND)
    if not zmq.has("curve"):
        return fail(_dotted(version), "libzmq was built without CURVE encryption.", MEND)
    return ok(f"{_dotted(version)} with CURVE")


def opus(_: Situation) -> Finding:
    """The encoder for Discord, carried by the PyAV wheel."""
    found = sorted(_av_folder().glob("libopus*.so*"))
    if not found:
        return fail("missing", "The Opus library of the PyAV wheel is not there.", MEND)
    try:
        library = ctypes.CDLL(str(found[0]))
        library.opus_get_version_string.restype = ctypes.c_char_p
        return ok(library.opus_get_version_string().decode())
    except (OSError, AttributeError) as error:
        return fail("unusable", f"The Opus library can't be loaded: {error}.", MEND)


def _av_folder() -> Path:
    """Where the PyAV wheel keeps its libraries."""
    spec = importlib.util.find_spec("av")
    return Path("/nowhere" if spec is None or spec.origin is None else spec.origin).parent.parent / "av.libs"


def _version(name: str) -> tuple[int, ...] | None:
    try:
        text = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    return tuple(int(part) for part in text.split(".") if part.isdigit())


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
