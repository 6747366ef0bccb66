"""What must outlive a restart, in one SQLite file: a row per session with its intent, turns and memory.

A row is always written whole, so a write that failed is made good by the next one.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bus.messages import ChatMessage, Intent
from procs.bot_main.backends.base import Condition
from procs.bot_main.backends.sqlite_file import SqliteFile, is_damage
from procs.bot_main.core.record import Record
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
    "ALTER TABLE sessions ADD COLUMN owed TEXT NOT NULL DEFAULT '[]';",
)
"""Steps are added, never changed."""


class SqliteStore:
    """Implements `base.Store`.

    Args:
        path: the database file.
    """

    def __init__(self, path: Path) -> None:
        self.condition = Condition()
        self._file = SqliteFile(path, MIGRATIONS)
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
        self._file.close()

    def _keep_up(self) -> None:
        """Bring the file up to date; on damage set it aside and do that with a new one."""
        try:
            try:
                self._write_all()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._set_aside()
                self._write_all()
        except (sqlite3.Error, OSError) as error:
            reason = getattr(error, "sqlite_errorname", "") or str(error)
            told = f"{self._file.path.name}: {reason}; held in memory only"
            self.condition = Condition("store_failed", told)
        else:
            if self.condition.code:
                self.condition = Condition()

    def _write_all(self) -> None:
        """All that is unsaved, in one transaction."""
        self._connect()
        if not self._unsaved:
            return
        rows = [_row(self._records[session]) for session in self._unsaved & self._records.keys()]
        gone = [(session,) for session in self._unsaved - self._records.keys()]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO sessions VALUES (?,?,?,?,?,?,?,?,?)", rows)
            db.executemany("DELETE FROM sessions WHERE session = ?", gone)

        self._file.transact(work)
        self._unsaved.clear()

    def _connect(self) -> None:
        """Open the file and take in its rows, both or neither."""
        if self._file.is_open:
            return
        try:
            self._read_rows(self._file.connected())
        except BaseException:
            self._file.close()
            raise

    def _read_rows(self, db: sqlite3.Connection) -> None:
        """Take in what an earlier life left; what this one knows already is newer."""
        rows = db.execute("SELECT * FROM sessions ORDER BY session").fetchall()
        records = [record for record in map(_record, rows) if record]
        for record in records:
            if record.session not in self._unsaved:
                self._records.setdefault(record.session, record)
        if len(records) < len(rows):
            self._tell(f"sessions left out of {self._file.path.name}, unreadable: {len(rows) - len(records)}")

    def _set_aside(self) -> None:
        """Rename the damaged file and its companions; all that is known goes into the new one."""
        name = self._file.set_aside()
        self._unsaved |= self._records.keys()
        self._tell(f"{self._file.path.name} was damaged: set aside as {name}, begun anew")

    def _tell(self, text: str) -> None:
        earlier = self.condition.detail
        self.condition = replace(self.condition, detail=f"{earlier}; {text}" if earlier else text)


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
        _json([asdict(asked) for asked in record.owed]),
    )


def _record(row: tuple[Any, ...]) -> Record | None:
    """The record of a row; None if it is not one of ours."""
    session, renewed_ms, floor, issued, *texts = row
    try:
        intent, running, waiting, history, owed = map(json.loads, texts)
        return Record(
            session,
            Intent(**intent),
            renewed_ms,
            floor,
            issued,
            Asked(**running) if running else None,
            tuple(Asked(**asked) for asked in waiting),
            tuple(ChatMessage(role, content) for role, content in history),
            tuple(Asked(**asked) for asked in owed),
        )
    except (ValueError, TypeError):
        return None


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
