"""Checks of the state folder: rights, space, speed, what lies in it."""

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from pathlib import Path

from cli.checks.base import Finding, Situation, fail, ok, warn

LEAST_FREE_BYTES = 50 * 1024**2
"""Below this recordings and databases fail within minutes: 6 MB of sound per minute."""
LITTLE_FREE_BYTES = 1024**3
SLOW_SYNC_MS = 100.0
"""A database commit waits for the disk this long."""
MUCH_LOG_BYTES = 500 * 1024**2
"""Seven logs of three files of 5 MB are 105 MB; more means that something else writes there."""


def state_folder(situation: Situation) -> Finding:
    """Whether it can be used, by its owner alone."""
    path = situation.stack.state_path
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if not existing.is_dir():
        return fail(str(path), f"{existing} is a file.", "Set state_dir to a folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        remedy = "Correct its rights, or set state_dir elsewhere."
        return fail(str(path), f"{existing} can't be written to.", remedy)
    if not path.exists():
        return ok(f"{path} (made at the first start)")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return warn(f"mode {mode:04o}", "Other users may look into the state folder.", f"chmod 700 {path}")
    return ok(f"{path}, mode {mode:04o}")


def disk(situation: Situation) -> Finding:
    """Free space."""
    path = situation.stack.state_path
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return _judge_space(shutil.disk_usage(existing).free)


def _judge_space(free_bytes: int) -> Finding:
    value = f"{free_bytes / 1024**2:,.0f} MiB free"
    remedy = "Free some space, or set state_dir to another disk."
    if free_bytes < LEAST_FREE_BYTES:
        return fail(value, "The disk of the state folder is full.", remedy)
    if free_bytes < LITTLE_FREE_BYTES:
        return warn(value, "The disk of the state folder is nearly full.", remedy)
    return ok(value)


def sync_time(situation: Situation) -> Finding:
    """How long a committed write takes."""
    path = situation.stack.state_path
    if not path.is_dir():
        return ok("not measured before the first start")
    try:
        took_ms = _timed_sync(path)
    except OSError as error:
        cause = f"Nothing can be written to {path}: {error.strerror}."
        return fail("write failed", cause, "Correct its rights, or free some space.")
    if took_ms > SLOW_SYNC_MS:
        return warn(f"{took_ms:.0f} ms", "The disk is slow.", "Set state_dir to a local disk.")
    return ok(f"{took_ms:.1f} ms")


def _timed_sync(path: Path) -> float:
    with tempfile.TemporaryFile(dir=path) as file:
        started_s = time.monotonic()
        file.write(bytes(4096))
        file.flush()
        os.fsync(file.fileno())
        return (time.monotonic() - started_s) * 1000


def keys(situation: Situation) -> Finding:
    """The bus keys: there, and for the owner alone."""
    file = situation.stack.state_path / "keys.json"
    if not file.exists():
        return ok("made at the first start")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return fail(f"mode {mode:04o}", "Others may read the keys of the bus.", f"chmod 600 {file}")
    return ok(f"mode {mode:04o}")


def databases(situation: Situation) -> Finding:
    """Integrity of every SQLite file."""
    path = situation.stack.state_path
    files = [file for pattern in ("*.db", "*.sqlite", "*.sqlite3") for file in path.glob(pattern)]
    for file in files:
        said = _quick_check(file)
        if said != "ok":
            return fail(file.name, f"{file} is damaged: {said}.", "Stop Miku and put a backup in its place.")
    return ok(f"{len(files)} sound")


def _quick_check(file: Path) -> str:
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1) as connection:
            return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)


def logs(situation: Situation) -> Finding:
    """Space that logs take."""
    folder = situation.stack.logs_path
    size_bytes = sum(file.stat().st_size for file in folder.glob("*")) if folder.is_dir() else 0
    value = f"{size_bytes / 1024**2:.1f} MiB"
    if size_bytes > MUCH_LOG_BYTES:
        return warn(value, "The logs take much space.", f"Look into {folder} and remove what is not needed.")
    return ok(value)
