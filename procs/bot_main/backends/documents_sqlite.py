"""Small documents in one SQLite file: a row per kind and key."""

import json
import sqlite3
from contextlib import suppress
from pathlib import Path

from procs.bot_main.backends.base_documents import Document
from procs.bot_main.backends.sqlite_file import SqliteFile

MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS documents (
        kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    """,
)
"""Steps are added, never changed."""

Key = tuple[str, str]


class SqliteDocuments:
    """Implements `Documents`.

    Args:
        path: the database file.
    """

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, MIGRATIONS)

    @property
    def damaged_as(self) -> str:
        return self._file.damaged_as

    def load(self) -> dict[Key, Document]:
        return self._file.load(_read)

    def write(self, changes: dict[Key, Document | None]) -> None:
        rows = [(*key, json.dumps(body)) for key, body in changes.items() if body is not None]
        gone = [key for key, body in changes.items() if body is None]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO documents VALUES (?,?,?)", rows)
            db.executemany("DELETE FROM documents WHERE kind = ? AND key = ?", gone)

        self._file.write(work)

    def close(self) -> None:
        self._file.close()


def _read(db: sqlite3.Connection) -> dict[Key, Document]:
    found = {}
    for kind, key, body in db.execute("SELECT kind, key, body FROM documents"):
        with suppress(ValueError):
            found[kind, key] = json.loads(body)
    return {key: body for key, body in found.items() if isinstance(body, dict)}
