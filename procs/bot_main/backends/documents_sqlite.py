"""Small documents in one SQLite file: a row per kind and key. WAL with synchronous FULL.

Source: SQLite's documentation of WAL and `user_version`.
"""

import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.base_documents import Document

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
"""
VERSION = 1
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Result codes after which nothing in the file can be trusted."""
BUSY_MS = 500
"""Wait for somebody who holds the file with another program."""

Key = tuple[str, str]


class SqliteDocuments:
    """Implements `Documents`.

    Args:
        path: the database file (mode 0600: it holds what people said and wished).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def load(self) -> dict[Key, Document]:
        try:
            return self._read()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (
                sqlite3.SQLITE_CORRUPT,
                sqlite3.SQLITE_NOTADB,
            ):
                raise BadSettings(f"{self._path.name} can't be read: {error}. Correct state_dir.") from None
        self._set_aside()
        return self._read()

    def write(self, changes: dict[Key, Document | None]) -> None:
        rows = [(*key, json.dumps(body)) for key, body in changes.items() if body is not None]
        gone = [key for key, body in changes.items() if body is None]
        try:
            db = self._connected()
            with db:
                db.execute("BEGIN IMMEDIATE")
                db.executemany("INSERT OR REPLACE INTO documents VALUES (?,?,?)", rows)
                db.executemany("DELETE FROM documents WHERE kind = ? AND key = ?", gone)
        except (sqlite3.Error, OSError) as error:
            raise BackendError("store_failed", f"{self._path.name}: {error}") from None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _read(self) -> dict[Key, Document]:
        found = {}
        for kind, key, body in self._connected().execute("SELECT kind, key, body FROM documents"):
            with suppress(ValueError):
                found[kind, key] = json.loads(body)
        return {key: body for key, body in found.items() if isinstance(body, dict)}

    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(
                self._path, isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                db.close()
                raise BadSettings(f"{self._path.name} is of a newer Miku: upgrade this one.")
            db.executescript(f"{SCHEMA} PRAGMA user_version = {VERSION};")
            self._db = db
        return self._db

    def _set_aside(self) -> None:
        """Rename a damaged file and its companions; never delete."""
        self.close()
        names = (f"{self._path.name}.damaged-{n}" for n in range(1, 10_000))
        name = next(name for name in names if not self._path.with_name(name).exists())
        for companion in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{self._path}{companion}", self._path.with_name(name + companion))
