import sqlite3
from pathlib import Path

import pytest

from bus.errors import BackendError, BadSettings
from procs.bot_main.backends.documents_sqlite import SqliteDocuments

pytestmark = pytest.mark.unit

HAPPY = {"name": "happy", "until_ms": 5, "said": "hé🎤\ud83d"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "shelf.db"


def test_what_was_put_is_there_for_the_next_life_and_what_was_dropped_is_not(path: Path):
    store = SqliteDocuments(path)
    assert store.load() == {}
    store.write({("mood", "1"): {"name": "shy"}, ("mood", "2"): {"name": "shy"}, ("zone", "1"): {}})
    store.write({("mood", "1"): HAPPY, ("mood", "2"): None})
    assert SqliteDocuments(path).load() == {("mood", "1"): HAPPY, ("zone", "1"): {}}
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_documents_of_another_shape_are_left_out(path: Path):
    store = SqliteDocuments(path)
    store.write({("mood", "1"): HAPPY})
    with sqlite3.connect(path) as db:
        db.executemany(
            "INSERT INTO documents VALUES ('mood', ?, ?)", [("2", "[]"), ("3", "{"), ("4", "null")]
        )
    assert SqliteDocuments(path).load() == {("mood", "1"): HAPPY}


def test_damage_inside_is_found_at_the_start_and_set_aside(path: Path):
    store = SqliteDocuments(path)
    store.write({("mood", str(n)): {"text": "x" * 500} for n in range(200)})
    store.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 8192)
    again = SqliteDocuments(path)
    assert again.load() == {}
    assert path.with_name("shelf.db.damaged-1").exists()
    again.write({("mood", "1"): HAPPY})
    assert SqliteDocuments(path).load() == {("mood", "1"): HAPPY}


def test_a_file_of_a_newer_version_is_refused(path: Path):
    store = SqliteDocuments(path)
    store.load()
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(BadSettings, match=r"shelf\.db is of a newer Miku"):
        SqliteDocuments(path).load()


def test_a_folder_that_can_not_be_made_is_one_sentence(tmp_path: Path):
    (tmp_path / "state").write_text("a file where the folder should be")
    store = SqliteDocuments(tmp_path / "state" / "shelf.db")
    with pytest.raises(BadSettings, match="correct state_dir"):
        store.load()
    with pytest.raises(BackendError, match="store_failed"):
        store.write({("mood", "1"): HAPPY})


def test_writes_are_durable(path: Path):
    store = SqliteDocuments(path)
    store.load()
    db = store._file.connected()
    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
