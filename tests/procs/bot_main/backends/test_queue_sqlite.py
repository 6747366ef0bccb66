import sqlite3

import pytest

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.queue_sqlite import MIGRATIONS, SqliteQueue
from procs.bot_main.backends.sqlite_file import SqliteFile
from procs.bot_main.core.chat import Attachment, Incoming, Person
from procs.bot_main.core.queue_rows import Changes, Dropped, Row

pytestmark = pytest.mark.unit

MESSAGE = Incoming(
    5, 1, 7, Person(3, "Ann"), "hé🎤", 99, True, 4, "what", (Attachment(1, "a", "u", "image/png", 3),)
)
ROW = Row(MESSAGE, True, 1, 5, ("one", "two"), 1, (3,))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "queue.db"


def test_what_was_written_is_there_for_the_next_life(path):
    store = SqliteQueue(path)
    store.load()
    store.write(Changes({5: ROW}, {1, 2}, {(7, 3): Dropped(1, "Ann", 2, 2)}, {7: 5, 8: 6}, {1: 7, 2: 7}))
    store.write(Changes({6: None}, {3}, {(8, 3): None}, {8: 0}, {2: 0}))
    saved = SqliteQueue(path).load()  # the first one was never closed, as when killed
    assert saved.rows == {5: ROW}
    assert saved.settled == {1, 2, 3}
    assert saved.dropped == {(7, 3): Dropped(1, "Ann", 2, 2)}
    assert saved.seen == {7: 5}
    assert saved.released == {1: 7}
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_durable(path):
    store = SqliteQueue(path)
    db = store._file.connected()
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2


@pytest.mark.parametrize("bytes_", [b"no database at all" * 100, b""])
def test_a_damaged_file_is_set_aside_and_the_queue_goes_on(path, bytes_):
    path.parent.mkdir()
    path.write_bytes(bytes_)
    store = SqliteQueue(path)
    assert store.load().rows == {}
    store.write(Changes({5: ROW}))
    assert SqliteQueue(path).load().rows == {5: ROW}
    assert bool(list(path.parent.glob("queue.db.damaged-*"))) == bool(bytes_)


def test_a_row_that_can_not_be_read_is_left_out(path):
    store = SqliteQueue(path)
    store.write(Changes({5: ROW}))
    db = sqlite3.connect(path)
    db.executemany(
        "INSERT INTO rows VALUES (?,?)", [(6, "{}"), (7, "no json"), (8, "[]"), (9, '{"message":3}')]
    )
    db.commit()
    assert SqliteQueue(path).load().rows == {5: ROW}


def test_a_file_of_an_older_version_is_brought_up_to_date(path):
    old = SqliteFile(path, MIGRATIONS[:1])
    old.write(lambda db: db.execute("INSERT INTO seen VALUES (7, 5)"))
    store = SqliteQueue(path)
    assert store.load().seen == {7: 5}
    store.write(Changes(released={1: 7}))
    assert SqliteQueue(path).load().released == {1: 7}


def test_a_file_of_a_newer_version_is_refused(path):
    store = SqliteQueue(path)
    store.load()
    store._file.connected().execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(BadSettings):
        SqliteQueue(path).load()


def test_a_disk_that_takes_nothing_is_told(path):
    store = SqliteQueue(path)
    store.load()
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(BackendError) as failure:
        store.write(Changes({5: ROW}))
    assert failure.value.code == "store_failed"
    holder.rollback()
    store.write(Changes({5: ROW}))
    assert store.load().rows == {5: ROW}
