"""The queue in one SQLite file: a row per message that waits, and what is remembered of the others."""

import json
import sqlite3
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from procs.bot_main.backends.sqlite_file import SqliteFile
from procs.bot_main.core.chat import Attachment, Incoming, Person, Rights
from procs.bot_main.core.queue import KNOWN_IDS
from procs.bot_main.core.queue_rows import Changes, Dropped, Row, Saved

MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS settled (id INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE IF NOT EXISTS dropped (
        channel_id INTEGER NOT NULL, author_id INTEGER NOT NULL, guild_id INTEGER NOT NULL,
        author_name TEXT NOT NULL, n_messages INTEGER NOT NULL, last_id INTEGER NOT NULL,
        PRIMARY KEY (channel_id, author_id)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS seen (channel_id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL) STRICT;
    """,
    """
    CREATE TABLE IF NOT EXISTS released (
        message_id INTEGER PRIMARY KEY, channel_id INTEGER NOT NULL
    ) STRICT;
    """,
)
"""Steps are added, never changed."""


class SqliteQueue:
    """Implements `QueueStore`.

    Args:
        path: the database file.
    """

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, MIGRATIONS)

    @property
    def damaged_as(self) -> str:
        return self._file.damaged_as

    def load(self) -> Saved:
        return self._file.load(_read)

    def write(self, changes: Changes) -> None:
        self._file.write(partial(_write, changes=changes))

    def close(self) -> None:
        self._file.close()


def _read(db: sqlite3.Connection) -> Saved:
    rows = [row for _, body in db.execute("SELECT id, body FROM rows") if (row := _row(body))]
    dropped = {
        (channel, author): Dropped(*rest) for channel, author, *rest in db.execute("SELECT * FROM dropped")
    }
    settled = {id_ for (id_,) in db.execute("SELECT id FROM settled")}
    seen = dict(db.execute("SELECT * FROM seen"))
    released = dict(db.execute("SELECT * FROM released"))
    return Saved({row.id: row for row in rows}, settled, dropped, seen, released)


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
    db.executemany("INSERT OR REPLACE INTO released VALUES (?,?)", list(changes.released.items()))
    db.execute("DELETE FROM released WHERE channel_id = 0")


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
