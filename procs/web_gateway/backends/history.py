"""Calls and their turns in one SQLite file: who spoke when, for how long, and what was heard.

Writes go through a bounded queue to one thread, so that no disk ever holds up the sound; what does not fit
is counted and left out. The file has mode 0600: it holds what people said. A damaged one is set aside,
never deleted; one of a newer version is left alone. Source: SQLite's documentation of result codes, WAL and
`user_version`.
"""

import asyncio
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MIGRATIONS = (
    """
    CREATE TABLE calls (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        session TEXT NOT NULL,
        protocol TEXT NOT NULL,
        client TEXT NOT NULL,
        user TEXT NOT NULL,
        is_text INTEGER NOT NULL,
        rate_hz INTEGER NOT NULL,
        started_ms INTEGER NOT NULL,
        ended_ms INTEGER NOT NULL DEFAULT 0,
        reason TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX calls_by_start ON calls (started_ms);
    CREATE TABLE turns (
        call TEXT NOT NULL,
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        turn INTEGER NOT NULL,
        speaker TEXT NOT NULL,
        text TEXT NOT NULL,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        code TEXT NOT NULL
    ) STRICT;
    CREATE INDEX turns_by_call ON turns (call, position);
    """,
)
"""Step n brings a file of version n - 1 to version n. Steps are added, never changed."""

QUEUE = 1_000
"""Writes that may wait for the disk."""

CALLS_KEPT = 1_000
"""The oldest beyond them are deleted, with their turns."""

BUSY_MS = 2_000

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Result codes after which nothing in the file can be trusted."""


_CALLS = (
    "SELECT id, owner, protocol, client, started_ms, ended_ms, reason, "
    "(SELECT count(*) FROM turns WHERE turns.call = calls.id) AS n_turns "
    "FROM calls WHERE ? IN ('', owner)"
)


@dataclass(frozen=True)
class CallRow:
    """A call as it begins."""

    id: str
    owner: str
    session: str
    protocol: str
    client: str
    user: str
    is_text: bool
    rate_hz: int
    started_ms: int


@dataclass(frozen=True)
class Entry:
    """Something that was said."""

    call: str
    turn: int
    speaker: str
    """`human` or `ai`."""
    text: str
    end_ms: int
    """Wall ms."""
    duration_ms: int = 0
    outcome: str = ""
    code: str = ""


Work = Callable[[sqlite3.Connection], object]


class History:
    """The calls' file.

    Args:
        path: the file; made if need be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: deque[Work] = deque()
        self._awake = asyncio.Event()
        self._writing = threading.Lock()
        self.trouble = ""
        """Why the newest write did not reach the disk; empty if it did."""
        self.n_left_out = 0
        """Writes that did not reach the disk."""

    def begin(self, row: CallRow) -> None:
        """A call begins."""
        values = tuple(vars(row).values())
        names = ", ".join(vars(row))
        marks = ", ".join("?" * len(values))
        self._put(lambda db: db.execute(f"INSERT OR REPLACE INTO calls ({names}) VALUES ({marks})", values))  # noqa: S608
        self._put(_prune)

    def turn(self, entry: Entry) -> None:
        """Somebody has spoken."""
        values = (
            entry.call,
            entry.turn,
            entry.speaker,
            entry.text,
            entry.end_ms - entry.duration_ms,
            entry.end_ms,
            entry.outcome,
            entry.code,
        )
        statement = (
            "INSERT INTO turns (call, turn, speaker, text, start_ms, end_ms, outcome, code) "
            "VALUES (?,?,?,?,?,?,?,?)"
        )
        self._put(lambda db: db.execute(statement, values))

    def end(self, call: str, wall_ms: int, reason: str) -> None:
        """A call is over; the first end counts."""
        statement = "UPDATE calls SET ended_ms = ?, reason = ? WHERE id = ? AND ended_ms = 0"
        self._put(lambda db: db.execute(statement, (wall_ms, reason[:64], call)))

    async def run(self) -> None:
        """Write for ever; what waits at the end is written."""
        try:
            while True:
                await self._awake.wait()
                self._awake.clear()
                await asyncio.to_thread(self._write_waiting)
        finally:
            self._write_waiting()

    async def open_calls(self) -> list[CallRow]:
        """Calls that had not ended when the process died."""
        names = ", ".join(CallRow.__dataclass_fields__)
        rows = await self._read(f"SELECT {names} FROM calls WHERE ended_ms = 0", ())  # noqa: S608
        return [CallRow(**{**row, "is_text": bool(row["is_text"])}) for row in rows]

    async def calls(self, owner: str, limit: int) -> list[dict[str, Any]]:
        """Newest calls, of one owner or (empty) of all."""
        return await self._read(f"{_CALLS} ORDER BY started_ms DESC LIMIT ?", (owner, limit))

    async def call(self, owner: str, call_id: str) -> dict[str, Any] | None:
        """One call, if it is this owner's, or (empty) whoever's."""
        return next(iter(await self._read(f"{_CALLS} AND id = ?", (owner, call_id))), None)

    async def turns(self, call: str) -> list[dict[str, Any]]:
        """What was said in a call, in order."""
        return await self._read(
            "SELECT turn AS turn_id, speaker, text, start_ms, end_ms, outcome, code FROM turns "
            "WHERE call = ? ORDER BY position",
            (call,),
        )

    async def open_turns(self, call: str) -> list[int]:
        """Turns of a call that were asked for and have no end yet, in order."""
        statement = "SELECT turn FROM turns WHERE call = ? GROUP BY turn HAVING sum(speaker = 'ai') = 0"
        return sorted(row["turn"] for row in await self._read(statement, (call,)))

    def _put(self, work: Work) -> None:
        if len(self._waiting) >= QUEUE:
            self.n_left_out += 1
        else:
            self._waiting.append(work)
            self._awake.set()

    def _write_waiting(self) -> None:
        """All that waits, in one transaction; in a thread, and at the end in the loop."""
        with self._writing:
            works = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not works:
                return
            try:
                try:
                    self._commit(works)
                except sqlite3.DatabaseError as error:
                    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
                        raise
                    self._set_aside()
                    self._commit(works)
                self.trouble = ""
            except Exception as error:  # records are worth less than the sessions of this process
                self.n_left_out += len(works)
                self.trouble = getattr(error, "sqlite_errorname", "") or str(error)

    def _commit(self, works: list[Work]) -> None:
        with closing(self._connect()) as db, db:
            for work in works:
                work(db)

    def _set_aside(self) -> None:
        """Rename the damaged file and its companions."""
        taken = {path.name for path in self._path.parent.iterdir()}
        numbered = (f"{self._path.name}.damaged-{n}" for n in range(1, len(taken) + 2))
        name = next(name for name in numbered if name not in taken)
        for companion in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{self._path}{companion}", self._path.with_name(name + companion))

    async def _read(self, statement: str, values: tuple[object, ...]) -> list[dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            with closing(self._connect()) as db:
                db.row_factory = sqlite3.Row
                return [dict(row) for row in db.execute(statement, values)]

        try:
            return await asyncio.to_thread(read)
        except (sqlite3.Error, OSError):
            return []

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(self._path, timeout=BUSY_MS / 1000)
        try:
            db.execute("PRAGMA synchronous = FULL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > len(MIGRATIONS):
                raise sqlite3.DatabaseError(f"{self._path.name} is of a newer Miku: upgrade this one")
            if version < len(MIGRATIONS):
                db.execute("PRAGMA journal_mode = WAL")
                for number, step in enumerate(MIGRATIONS[version:], version + 1):
                    db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            db.close()
            raise
        return db


def _prune(db: sqlite3.Connection) -> None:
    """Keep the file from growing for ever."""
    old = "SELECT id FROM calls WHERE ended_ms > 0 ORDER BY started_ms DESC LIMIT -1 OFFSET ?"
    db.execute(f"DELETE FROM turns WHERE call IN ({old})", (CALLS_KEPT,))  # noqa: S608
    db.execute(f"DELETE FROM calls WHERE id IN ({old})", (CALLS_KEPT,))  # noqa: S608
