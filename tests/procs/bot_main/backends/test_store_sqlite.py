"""The store on a real disk: restarts, a process killed in the middle, damage, a disk that takes no more."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bus.errors import BadSettings
from bus.messages import ChatMessage, Intent
from procs.bot_main.backends.store_sqlite import MIGRATIONS, SqliteStore
from procs.bot_main.core.record import Record
from procs.bot_main.core.running import Asked
from tests.procs.bot_main.backends.disks import full_disk

pytestmark = pytest.mark.unit

RECORD = Record(
    session="20261120-173000-a1b2",
    intent=Intent(wanted=True, sink="discord_voice", since_ms=1_000, revision=3, guild_id=2**60),
    renewed_ms=5_000,
    floor=1_000,
    issued=1_007,
    running=Asked(1_006, "r1", "Ann", "hi"),
    waiting=(Asked(1_007, "r2", "Ben 😀", "read this", verbatim=True),),
    history=(ChatMessage("user", "Ann: hällo\n"), ChatMessage("assistant", "音")),
    owed=(Asked(1_001, "m17", "Ann", "and then?", person=2**60, channel_id=2**61),),
)
OTHER = dataclasses.replace(
    RECORD, session="20261120-173001-c3d4", running=None, waiting=(), history=(), owed=()
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "miku.db"


@contextmanager
def opened(file: Path) -> Iterator[SqliteStore]:
    with closing(SqliteStore(file)) as store:
        yield store


def save(store: SqliteStore, *records: Record) -> None:
    store.write({record.session: record for record in records})


def records(file: Path) -> list[Record]:
    with opened(file) as store:
        return store.load()


def test_the_first_start_finds_nothing_and_all_is_well(file: Path):
    with opened(file) as store:
        assert store.load() == []
        assert (store.condition.code, store.condition.detail) == ("", "")


def test_a_restart_finds_what_was_saved(file: Path):
    with opened(file) as store:
        store.load()
        save(store, OTHER)
        save(store, RECORD)
    assert records(file) == [RECORD, OTHER]


def test_a_later_record_takes_the_place_of_the_former(file: Path):
    later = dataclasses.replace(RECORD, floor=1_008, running=None)
    with opened(file) as store:
        save(store, RECORD)
        save(store, later)
    assert records(file) == [later]


def test_a_forgotten_session_is_gone(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        save(store, OTHER)
        store.write({RECORD.session: None})
    assert records(file) == [OTHER]


def test_nobody_else_may_read_what_people_said(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        assert {path.stat().st_mode & 0o077 for path in file.parent.iterdir()} == {0}


WRITER = """
    import dataclasses, sys
    from pathlib import Path
    from procs.bot_main.backends.store_sqlite import SqliteStore
    from tests.procs.bot_main.backends.test_store_sqlite import RECORD
    store = SqliteStore(Path(sys.argv[1]))
    store.load()
    floor = 1_000
    while True:
        floor += 1
        store.write({RECORD.session: dataclasses.replace(RECORD, floor=floor)})
        print(floor, flush=True)
"""


def test_a_process_killed_while_it_writes_loses_nothing_that_was_saved(file: Path):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(file)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(200):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        told = [int(line) for line in writer.stdout if line.endswith("\n")]
    with opened(file) as store:
        (record,) = store.load()
        assert record.floor in (told[-1], told[-1] + 1) if told else record.floor >= 1_200
        assert store.condition.detail == ""


def overwrite(file: Path, offset: int, length: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xa5" * length)


@pytest.mark.parametrize(("offset", "length"), [(0, 100), (4096, 4096), (0, 4096)])
def test_a_damaged_file_is_set_aside_and_a_new_one_works(file: Path, offset: int, length: int):
    with opened(file) as store:
        save(store, RECORD)
    overwrite(file, offset, length)
    damaged = file.read_bytes()
    with opened(file) as store:
        assert store.load() == []
        assert store.condition.code == ""
        assert "miku.db was damaged: set aside as miku.db.damaged-1" in store.condition.detail
        save(store, OTHER)
    assert records(file) == [OTHER]
    assert file.with_name("miku.db.damaged-1").read_bytes() == damaged


def test_a_second_damaged_file_does_not_replace_the_first(file: Path):
    for n in (1, 2):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"no database, number %d" % n)
        assert records(file) == []
        assert file.with_name(f"miku.db.damaged-{n}").read_bytes() == b"no database, number %d" % n


def test_damage_under_a_running_process_costs_nothing_that_it_knows(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        save(store, OTHER)
        store.close()
        overwrite(file, 0, 4096)
        changed = dataclasses.replace(OTHER, floor=2_000)
        save(store, changed)
        assert "damaged" in store.condition.detail
    assert records(file) == [RECORD, changed]


def test_a_row_of_somebody_else_is_left_out_and_told(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        save(store, OTHER)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE sessions SET intent = '{' WHERE session = ?", (RECORD.session,))
    with opened(file) as store:
        assert store.load() == [OTHER]
        assert store.condition.detail == "sessions left out of miku.db, unreadable: 1"


def test_a_full_disk_is_told_and_made_good_when_there_is_room_again(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        with full_disk():
            save(store, OTHER)
            store.write({RECORD.session: None})
            assert store.condition.code == "store_failed"
            assert "held in memory only" in store.condition.detail
        third = dataclasses.replace(OTHER, session="third")
        save(store, third)
        assert (store.condition.code, store.condition.detail) == ("", "")
    assert records(file) == [OTHER, third]


def test_a_folder_that_can_not_be_made_is_told_and_nothing_crashes(tmp_path: Path):
    (tmp_path / "state").write_text("a file where the folder should be")
    with opened(tmp_path / "state" / "miku.db") as store:
        assert store.load() == []
        save(store, RECORD)
        assert store.condition.code == "store_failed"


def test_a_file_held_by_another_program_is_told_and_made_good(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        with closing(sqlite3.connect(file)) as other:
            other.execute("BEGIN IMMEDIATE")
            save(store, OTHER)
            assert "SQLITE_BUSY" in store.condition.detail
            other.rollback()
        save(store, RECORD)
        assert store.condition.code == ""
    assert records(file) == [RECORD, OTHER]


def test_a_file_of_a_newer_version_is_refused_in_one_sentence_and_left_alone(file: Path):
    with opened(file) as store:
        save(store, RECORD)
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = file.read_bytes()
    with opened(file) as store, pytest.raises(BadSettings, match=r"miku\.db is of a newer Miku: upgrade"):
        store.load()
    assert file.read_bytes() == before


def test_a_file_of_an_older_version_is_brought_up_to_date(file: Path, monkeypatch: pytest.MonkeyPatch):
    with opened(file) as store:
        save(store, RECORD)
    step = "ALTER TABLE sessions RENAME COLUMN floor TO floor_ms; "
    monkeypatch.setattr("procs.bot_main.backends.store_sqlite.MIGRATIONS", (*MIGRATIONS, step))
    assert records(file) == [RECORD]
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
        assert db.execute("SELECT floor_ms FROM sessions").fetchone() == (RECORD.floor,)


def test_an_upgrade_that_is_interrupted_is_done_again(file: Path, monkeypatch: pytest.MonkeyPatch):
    with opened(file) as store:
        save(store, RECORD)
    module = "procs.bot_main.backends.store_sqlite.MIGRATIONS"
    monkeypatch.setattr(module, (*MIGRATIONS, "CREATE TABLE more (a) STRICT; "))
    with opened(file) as store:
        store.load()
        assert store.condition.code == "store_failed"
    monkeypatch.setattr(module, (*MIGRATIONS, "CREATE TABLE more (a TEXT) STRICT; "))
    assert records(file) == [RECORD]


def test_writes_go_through_a_write_ahead_log(file: Path):
    with opened(file) as store:
        save(store, RECORD)
        assert os.path.getsize(f"{file}-wal") > 0
