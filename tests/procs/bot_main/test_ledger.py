"""The ledger with a real thread and a disk that takes as long as the test wants."""

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping

import pytest

from bus.messages import Intent, NodeState
from bus.testing import MemoryNode
from procs.bot_main.backends.base import Condition
from procs.bot_main.core.record import Record
from procs.bot_main.ledger import Ledger
from tests.waiting import until

pytestmark = pytest.mark.unit


class SlowStore:
    """A write lasts until the test lets it end."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Record | None]] = []
        self.condition = Condition()
        self.disk = threading.Event()
        self.closed = False

    def load(self) -> list[Record]:
        return []

    def write(self, changes: Mapping[str, Record | None]) -> None:
        self.writes.append(dict(changes))
        assert self.disk.wait(10)

    def close(self) -> None:
        self.closed = True


def record(session: str, floor: int) -> Record:
    intent = Intent(wanted=True, sink="discord_voice", since_ms=1, revision=1)
    return Record(session, intent, 1, floor, floor, None, (), ())


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode("bot_main", ("control.session.",))


@pytest.fixture
async def ledger(store: SlowStore, node: MemoryNode) -> AsyncIterator[Ledger]:
    ledger = Ledger(node, store)
    task = asyncio.create_task(ledger.run())
    yield ledger
    store.disk.set()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert store.closed


async def test_an_answer_waits_for_what_was_put_before_it(ledger: Ledger, store: SlowStore):
    answered: list[str] = []
    ledger.put(record("a", 1))
    ledger.after(lambda: answered.append("first"))
    await until(lambda: store.writes)
    ledger.after(lambda: answered.append("second"))
    await asyncio.sleep(0)
    assert answered == []
    store.disk.set()
    await ledger.written()
    assert answered == ["first", "second"]


async def test_an_answer_that_changes_nothing_is_given_at_once(ledger: Ledger):
    answered: list[str] = []
    ledger.after(lambda: answered.append("now"))
    assert answered == ["now"]


async def test_what_changes_during_a_write_is_written_once_in_its_newest_form(
    ledger: Ledger, store: SlowStore
):
    ledger.put(record("a", 1))
    await until(lambda: store.writes)
    for floor in range(2, 50):
        ledger.put(record("a", floor))
    ledger.put(record("b", 7))
    ledger.drop("c")
    store.disk.set()
    await ledger.written()
    assert store.writes == [
        {"a": record("a", 1)},
        {"a": record("a", 49), "b": record("b", 7), "c": None},
    ]


async def test_what_has_not_changed_is_not_written(ledger: Ledger, store: SlowStore):
    store.disk.set()
    for _ in range(3):
        ledger.put(record("a", 1))
        await ledger.written()
    assert len(store.writes) == 1


async def test_trouble_is_told_once_and_taken_back(ledger: Ledger, store: SlowStore, node: MemoryNode):
    store.disk.set()
    store.condition = Condition("store_failed", "miku.db: SQLITE_FULL")
    for floor in (1, 2):
        ledger.put(record("a", floor))
        await ledger.written()
    assert (node.health.state, node.health.code) == (NodeState.READY, "store_failed")
    assert [event for _, event, _ in node.log.lines] == ["store"]
    store.condition = Condition()
    ledger.put(record("a", 3))
    await ledger.written()
    assert node.health.code == ""
