"""A SQLite file as every store here keeps one: for the owner alone, durable, of a known version.

WAL with synchronous FULL: what was written survives a killed process and a power cut. A damaged file is set
aside, never deleted. Source: SQLite's documentation of result codes, WAL and `user_version`.
"""

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

from bus.errors import BackendError, BadSettings

T = TypeVar("T")
BUSY_MS = 500
"""Wait for somebody who holds the file with another program; answers to people wait with us."""
SET_ASIDE = 5
"""Damaged files of one life that are set aside; a disk that spoils whatever it gets is told as it is then."""
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Result codes after which nothing in the file can be trusted."""


class SqliteFile:
    """One file, used in one thread.

    Args:
        path: it and its folder are made if need be (mode 0600: it holds what people said).
        migrations: step n brings a file of version n - 1 to version n (`user_version`).
    """

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        self.path = path
        self._migrations = migrations
        self._db: sqlite3.Connection | None = None
        self._identity = (0, 0)
        """Device and inode of the open file."""
        self._n_set_aside = 0
        self.damaged_as = ""
        """Name under which a damaged file was set aside, the last one; empty if none was."""

    @property
    def is_open(self) -> bool:
        """Whether it was opened and found sound."""
        return self._db is not None

    def connected(self) -> sqlite3.Connection:
        """The open file; statements outside a transaction take effect at once.

        Raises:
            sqlite3.Error, OSError: it can't be opened, or is damaged (`is_damage`).
            BadSettings: it is of a newer version than this code.
        """
        if self._db is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._identity = self._found()
            db = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_MS / 1000)
            try:
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def load(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What `read` finds in it, or in a new one if it is damaged; it need not take anything yet.

        Raises:
            BadSettings: it is of a newer version, or can't be used.
        """
        try:
            try:
                return read(self.connected())
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
            self.set_aside()
            return read(self.connected())
        except (sqlite3.Error, OSError) as error:
            with suppress(sqlite3.Error, OSError):
                return self._read_alone(read)
            text = f"{self.path.name} can't be used: {error}. Free some space, or correct state_dir."
            raise BadSettings(text) from None

    def write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """Do `work` in one transaction; on disk on return.

        Raises:
            BackendError: `store_failed`; nothing was written. The next write opens the file as a start does,
                so it may meet a new one, and must hold everything.
        """
        try:
            if self._db is not None and self._found() != self._identity:
                raise OSError("another file is in its place")
            self.transact(work)
        except (sqlite3.Error, OSError, BadSettings) as error:
            raise BackendError("store_failed", f"{self.path.name}: {self._let_go(error)}") from None

    def transact(self, work: Callable[[sqlite3.Connection], object]) -> None:
        """As `write`, but raises as `connected`."""
        with self.connected() as db:
            db.execute("BEGIN IMMEDIATE")
            work(db)

    def set_aside(self) -> str:
        """Rename a damaged file and its companions; returns its new name."""
        self.close()
        taken = {path.name for path in self.path.parent.iterdir()}
        numbered = (f"{self.path.name}.damaged-{n}" for n in range(1, len(taken) + 2))
        name = next(name for name in numbered if name not in taken)
        for companion in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                os.rename(f"{self.path}{companion}", self.path.with_name(name + companion))
        self._n_set_aside += 1
        self.damaged_as = name
        return name

    def close(self) -> None:
        """Let it go."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _read_alone(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What `read` finds where the disk has no room for a write-ahead log's shared memory.

        Source: SQLite's documentation of WAL, use without shared memory.
        """
        address = f"{self.path.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            checked = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if (checked, version) != ("ok", len(self._migrations)):
                raise sqlite3.DatabaseError("it must be written before it can be read")
            return read(db)

    def _let_go(self, error: Exception) -> str:
        """Close it after a failure, set it aside if it is damaged; returns the reason of the failure."""
        reason = str(error)
        with suppress(sqlite3.Error, OSError):
            if isinstance(error, sqlite3.Error) and is_damage(error) and self._n_set_aside < SET_ASIDE:
                reason = f"it was damaged, and is set aside as {self.set_aside()}"
            self.close()
        return reason

    def _found(self) -> tuple[int, int]:
        """Device and inode of what has its name; writes to a file without one would be found by nobody."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return 0, 0
        return status.st_dev, status.st_ino

    def _prepare(self, db: sqlite3.Connection) -> None:
        """Check the file, and bring it to the newest version."""
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            damage = sqlite3.DatabaseError(verdict)
            damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise damage
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            text = (
                f"{self.path.name} is of a newer Miku: upgrade this one, or set state_dir to another folder."
            )
            raise BadSettings(text)
        for number, step in enumerate(self._migrations[version:], version + 1):
            db.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it says that the file is damaged; errors that did not come from SQLite itself never do."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED
