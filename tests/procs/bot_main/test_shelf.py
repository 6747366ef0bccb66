"""The shelf over a disk in trouble."""

import asyncio

import pytest

from bus.errors import BackendError
from bus.testing import MemoryNode
from procs.bot_main import shelf as shelf_module
from procs.bot_main.shelf import Shelf
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
