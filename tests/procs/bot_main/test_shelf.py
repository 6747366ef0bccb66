"""The shelf over a disk in trouble."""

import asyncio
from pathlib import Path

import pytest

from bus.errors import BackendError
from bus.testing import MemoryNode
from procs.bot_main import shelf as shelf_module
from procs.bot_main.backends.documents_sqlite import SqliteDocuments
from procs.bot_main.health import HealthBoard
from procs.bot_main.shelf import Shelf
from tests.procs.bot_main.backends.disks import damage, full_disk
from tests.procs.bot_main.features.hands import DictDocuments
from tests.waiting import until

pytestmark = pytest.mark.unit


async def test_a_full_disk_is_told_once_keeps_nobody_waiting_and_gets_everything_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shelf_module, "RETRY_S", 0.005)
    monkeypatch.setattr(shelf_module, "PATIENCE_S", 0.05)
    node, disk = MemoryNode("bot_main", ()), DictDocuments()
    disk.is_full = True
    shelf = Shelf(node, disk)
    await shelf.load()
    writing = asyncio.create_task(shelf.run())
    shelf.put("mood", "1", {"name": "happy"})
    with pytest.raises(BackendError, match="store_failed"):
        await shelf.stored()
    assert [event for _, event, _ in node.log.lines] == ["shelf"]
    disk.is_full = False
    await shelf.written()
    await until(lambda: disk.kept == {("mood", "1"): {"name": "happy"}})
    writing.cancel()


async def test_a_file_that_is_damaged_while_she_lives_is_begun_anew_with_all_she_knows(
    tmp_path: Path,
) -> None:
    path, node = tmp_path / "shelf.db", MemoryNode("bot_main", ())
    shelf = Shelf(node, SqliteDocuments(path), HealthBoard(node))
    await shelf.load()
    writing = asyncio.create_task(shelf.run())
    for key in ("1", "2"):
        shelf.put("mood", key, {"name": "happy"})
        await shelf.stored()
    damage(path)
    shelf.put("mood", "2", None)
    shelf.put("mood", "3", {"name": "shy"})
    await shelf.stored()
    assert (node.health.code, "damaged-1" in node.health.detail) == ("", True)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert path.with_name("shelf.db.damaged-1").exists()
    assert SqliteDocuments(path).load() == {("mood", "1"): {"name": "happy"}, ("mood", "3"): {"name": "shy"}}


async def test_a_full_disk_is_shown_in_the_health_until_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "RETRY_S", 0.01)
    path, node = tmp_path / "shelf.db", MemoryNode("bot_main", ())
    shelf = Shelf(node, SqliteDocuments(path), HealthBoard(node))
    await shelf.load()
    writing = asyncio.create_task(shelf.run())
    with full_disk():
        shelf.put("mood", "1", {"name": "happy"})
        await until(lambda: node.health.code == "store_failed")
    await shelf.written()
    assert node.health.code == ""
    assert SqliteDocuments(path).load() == {("mood", "1"): {"name": "happy"}}
    writing.cancel()
