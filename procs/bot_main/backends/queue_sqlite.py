"""The queue in one SQLite file. WAL with synchronous FULL: a written row survives a kill and a power cut.

A damaged file is set aside, never deleted. Source: SQLite's documentation of WAL, `user_version` and of its
result codes.
"""

import json
import os
import sqlite3
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bus.errors import BackendError, BadSettings
from procs.bot_main.core.chat import Attachment, Incoming, Person, Rights
from procs.bot_main.core.queue import KNOWN_IDS, Changes, Dropped, Row, Saved

SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS settled (id INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS dropped (
    channel_id INTEGER NOT NULL, author_id INTEGER NOT NULL, guild_id INTEGER NOT NULL,
    author_name TEXT NOT NULL, n_messages INTEGER NOT NULL, last_id INTEGER NOT NULL,
    PRIMARY KEY (channel_id, author_id)
) STRICT;
CREATE TABLE IF NOT EXISTS seen (channel_id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL) STRICT;
"""
VERSION = 1
BUSY_MS = 500
"""Wait for somebody who holds the file with another program."""
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Result codes after which nothing in the file can be trusted."""


class SqliteQueue:
    """Implements `QueueStore`.

    Args:
        path: the database file (mode 0600: it holds what people said).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def load(self) -> Saved:
        try:
            return self._read()
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
                raise BadSettings(f"{self._path.name} can't be read: {error}. Correct state_dir.") from None
        self._set_aside()
        return self._read()

    def write(self, changes: Changes) -> None:
        try:
            db = self._connected()
            with db:
                db.execute("BEGIN IMMEDIATE")
                _write(db, changes)
        except (sqlite3.Error, OSError) as error:
            raise BackendError("store_failed", f"{self._path.name}: {error}") from None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _read(self) -> Saved:
        db = self._connected()
        rows = [row for _, body in db.execute("SELECT id, body FROM rows") if (row := _row(body))]
        dropped = {
            (channel, author): Dropped(*rest)
            for channel, author, *rest in db.execute("SELECT * FROM dropped")
        }
        settled = {id_ for (id_,) in db.execute("SELECT id FROM settled")}
        return Saved({row.id: row for row in rows}, settled, dropped, dict(db.execute("SELECT * FROM seen")))

    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_MS / 1000)
            try:
                _prepare(db, self._path.name)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _set_aside(self) -> None:
        self.close()
        names = (f"{self._path.name}.damaged-{n}" for n in range(1, 10_000))
        name = next(name for name in names if not self._path.with_name(name).exists())
        for companion in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{self._path}{companion}", self._path.with_name(name + companion))


def _prepare(db: sqlite3.Connection, name: str) -> None:
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
        raise BadSettings(f"{name} is of a newer Miku: upgrade this one.")
    db.executescript(f"{SCHEMA} PRAGMA user_version = {VERSION};")


def _write(db: sqlite3.Connection, changes: Changes) -> None:
    kept = [(id_, _body(row)) for id_, row in changes.rows.items() if row]
    gone = [(id_,) for id_, row in changes.rows.items() if not row]
    db.executemany("INSERT OR REPLACE INTO rows VALUES (?,?)", kept)
    db.executemany("DELETE FROM rows WHERE id = ?", gone)
    db.executemany("INSERT OR IGNORE INTO settled VALUES (?)", [(id_,) for id_ in changes.settled])
    if changes.settled:
        db.execute(
            "DELETE FROM settled WHERE id <= (SELECT id FROM settled ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (KNOWN_IDS,),
        )
    for (channel_id, author_id), each in changes.dropped.items():
        db.execute("DELETE FROM dropped WHERE channel_id = ? AND author_id = ?", (channel_id, author_id))
        if each:
            values = (channel_id, author_id, each.guild_id, each.author_name, each.n_messages, each.last_id)
            db.execute("INSERT INTO dropped VALUES (?,?,?,?,?,?)", values)
    db.executemany("INSERT OR REPLACE INTO seen VALUES (?,?)", list(changes.seen.items()))
    db.execute("DELETE FROM seen WHERE message_id = 0")


def _body(row: Row) -> str:
    """The row as JSON; rights are asked of Discord again when they matter."""
    body = asdict(row)
    del body["message"]["author"]["rights"]
    return json.dumps(body, separators=(",", ":"))


def _row(body: str) -> Row | None:
    """The row of a body; None if it is not one of ours."""
    try:
        found: dict[str, Any] = json.loads(body)
        message = found.pop("message")
        author = Person(**message.pop("author"), rights=Rights())
        attachments = tuple(Attachment(**each) for each in message.pop("attachments"))
        pages, pings = tuple(found.pop("pages")), tuple(found.pop("pings"))
        return Row(
            Incoming(**message, author=author, attachments=attachments), pages=pages, pings=pings, **found
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
