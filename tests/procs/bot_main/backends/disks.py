"""Disks in trouble, as far as one process can make them."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow: the kernel refuses writes beyond what is there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def damage(path: Path) -> None:
    """Damage that a process meets which has the file open: its schema names pages that do not exist."""
    with closing(sqlite3.connect(path)) as db:
        version = db.execute("PRAGMA schema_version").fetchone()[0]
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET rootpage = 9999 WHERE type = 'table'")
        db.execute(f"PRAGMA schema_version = {version + 1}")
        db.commit()
