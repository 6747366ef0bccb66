"""What must outlive a restart, in one SQLite file: a row per session with its intent, turns and memory.

WAL with synchronous FULL: a written row survives a killed process and a power cut. A row is always written
whole, so a write that failed is made good by the next one. A damaged file is set aside, never deleted.
Source: SQLite's documentation of result codes, WAL and `user_version`.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bus.errors import BadSettings
from bus.messages import ChatMessage, Intent
from procs.bot_main.backends.base import Condition
from procs.bot_main.core.conversation import Record
from procs.bot_main.core.running import Asked

MIGRATIONS = (
    """
    CREATE TABLE sessions (
        session TEXT PRIMARY KEY,
        renewed_ms INTEGER NOT NULL,
        floor INTEGER NOT NULL,
        issued INTEGER NOT NULL,
        intent TEXT NOT NULL,
        running TEXT NOT NULL,
        waiting TEXT NOT NULL,
        history TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
)
"""Step n brings a file of version n - 1 to version n (`user_version`). Steps are added, never changed."""

BUSY_MS = 500
"""Wait for somebody who holds the file with another program; answers to people wait with us."""

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Result codes after which nothing in the file can be trusted."""


class SqliteStore:
    """Implements `base.Store`.

    Args:
        path: the database file; it and its folder are made if need be (mode 0600: it holds what people said).
    """

    def __init__(self, path: Path) -> None:
        self.condition = Condition()
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._records: dict[str, Record] = {}
        self._unsaved: set[str] = set()

    def load(self) -> list[Record]:
        self._keep_up()
        return list(self._records.values())

    def write(self, changes: Mapping[str, Record | None]) -> None:
        for session, record in changes.items():
            if record is None:
                self._records.pop(session, None)
            else:
                self._records[session] = record
        self._unsaved |= changes.keys()
        self._keep_up()

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _keep_up(self) -> None:
        """Bring the file up to date; on damage set it aside and do that with a new one."""
        try:
            try:
                self._write_all()
            except sqlite3.DatabaseError as error:
                if _result_code(error) not in DAMAGED:
                    raise
                self._set_aside()
                self._write_all()
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "sqlite_errorname", "") or str(error)
            self.condition = Condition("disk_full", f"{self._path.name}: {reason}; held in memory only")
        else:
            if self.condition.code:
                self.condition = Condition()

    def _write_all(self) -> None:
        """All that is unsaved, in one transaction."""
        db = self._connected()
        if not self._unsaved:
            return
        rows = [_row(self._records[session]) for session in self._unsaved & self._records.keys()]
        gone = [(session,) for session in self._unsaved - self._records.keys()]
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?,?,?,?)", rows)
            db.executemany("DELETE FROM sessions WHERE session = ?", gone)
        self._unsaved.clear()

    def _connected(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            db = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_MS / 1000)
            try:
                _prepare(db, self._path.name)
                self._read_rows(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _read_rows(self, db: sqlite3.Connection) -> None:
        """Take in what an earlier life left; what this one knows already is newer."""
        rows = db.execute("SELECT * FROM sessions ORDER BY session").fetchall()
        records = [record for record in map(_record, rows) if record]
        for record in records:
            if record.session not in self._unsaved:
                self._records.setdefault(record.session, record)
        if len(records) < len(rows):
            self._tell(f"sessions left out of {self._path.name}, unreadable: {len(rows) - len(records)}")

    def _set_aside(self) -> None:
        """Rename the damaged file and its companions; all that is known goes into the new one."""
        self.close()
        taken = {path.name for path in self._path.parent.iterdir()}
        numbered = (f"{self._path.name}.damaged-{n}" for n in range(1, len(taken) + 2))
        name = next(name for name in numbered if name not in taken)
        for companion in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{self._path}{companion}", self._path.with_name(name + companion))
        self._unsaved |= self._records.keys()
        self._tell(f"{self._path.name} was damaged: set aside as {name}, begun anew")

    def _tell(self, text: str) -> None:
        earlier = self.condition.detail
        self.condition = replace(self.condition, detail=f"{earlier}; {text}" if earlier else text)


def _prepare(db: sqlite3.Connection, name: str) -> None:
    """Check the file, and bring it to the newest version.

    Raises:
        BadSettings: it is of a newer version than this code.
    """
    verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        damage = sqlite3.DatabaseError(verdict)
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise BadSettings(f"{name} is of a newer Miku: upgrade this one, or set state_dir to another folder.")
    for number, step in enumerate(MIGRATIONS[version:], version + 1):
        db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")


def _result_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code, 0 if the error did not come from SQLite itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.session,
        record.renewed_ms,
        record.floor,
        record.issued,
        _json(asdict(record.intent)),
        _json(asdict(record.running) if record.running else None),
        _json([asdict(asked) for asked in record.waiting]),
        _json([[message.role, message.content] for message in record.history]),
    )


def _record(row: tuple[Any, ...]) -> Record | None:
    """The record of a row; None if it is not one of ours."""
    session, renewed_ms, floor, issued, *texts = row
    try:
        intent, running, waiting, history = map(json.loads, texts)
        return Record(
            session,
            Intent(**intent),
            renewed_ms,
            floor,
            issued,
            Asked(**running) if running else None,
            tuple(Asked(**asked) for asked in waiting),
            tuple(ChatMessage(role, content) for role, content in history),
        )
    except (ValueError, TypeError):
        return None


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
