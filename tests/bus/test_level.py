import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.header import PROTOCOL, Header
from bus.interface import Change
from bus.level import Edges, Level

pytestmark = pytest.mark.unit

MS = 1_000_000
LEASE_MS = 3_000


def header(seq: int, sent_ms: int, src: str = "sink", session: str = "s", boot: int = 1) -> Header:
    return Header(PROTOCOL, src, boot, seq, session, 0, sent_ms * MS, 0)


def test_the_newest_value_counts_whatever_the_order_of_arrival():
    level: Level[str] = Level()
    assert level.update(header(1, 10), "new", 10 * MS, LEASE_MS)
    assert not level.update(header(0, 5), "old", 11 * MS, LEASE_MS)
    assert not level.update(header(1, 10), "again", 12 * MS, LEASE_MS)
    assert level.get(12 * MS, "s") == "new"


def test_a_new_incarnation_supersedes_the_old_one_though_it_counts_from_zero():
    level: Level[str] = Level()
    level.update(header(99, 10), "old", 10 * MS, LEASE_MS)
    assert level.update(header(0, 20, boot=2), "new", 20 * MS, LEASE_MS)
    assert not level.update(header(100, 30), "woken", 30 * MS, LEASE_MS)
    assert level.get(30 * MS, "s") == "new"


def test_a_level_that_is_not_renewed_is_lost():
    level: Level[str] = Level()
    level.update(header(0, 0), "v", 0, LEASE_MS)
    assert level.get(LEASE_MS * MS, "s") == "v"
    assert level.get(LEASE_MS * MS + 1, "s") is None


def test_a_message_that_waited_in_a_queue_renews_nothing():
    level: Level[str] = Level()
    level.update(header(0, 0), "v", 0, LEASE_MS)
    level.update(header(1, 100), "v", 5_000 * MS, LEASE_MS)
    assert level.get(5_000 * MS, "s") is None


def test_the_next_end_is_that_of_the_oldest_value_that_lives():
    level: Level[str] = Level()
    assert level.next_end_ns(0) is None
    level.update(header(0, 0, session="a"), "v", 0, LEASE_MS)
    level.update(header(1, 500, session="b"), "v", 500 * MS, LEASE_MS)
    assert level.next_end_ns(600 * MS) == LEASE_MS * MS
    level.update(header(2, 700, session="a"), "v", 700 * MS, LEASE_MS)
    assert level.next_end_ns(800 * MS) == (500 + LEASE_MS) * MS
    assert level.next_end_ns(10_000 * MS) is None, "what is lost ends no more"


def test_a_level_without_lease_stays():
    level: Level[str] = Level()
    level.update(header(0, 0), "v", 0, 0)
    assert level.get(10**18, "s") == "v"
    assert level.seconds_left(10**18, "s") is None


def test_clocks_of_two_machines_need_not_agree():
    level: Level[str] = Level()
    ahead_ms = 10**9
    level.update(header(0, ahead_ms), "v", 0, LEASE_MS)
    assert level.seconds_left(1_000 * MS, "s") == pytest.approx(2.0)
    level.update(header(1, ahead_ms + 1_000), "v", 1_000 * MS, LEASE_MS)
    assert level.get(3_900 * MS, "s") == "v"
    assert level.get(4_100 * MS, "s") is None


def test_sessions_and_writers_are_kept_apart():
    level: Level[str] = Level()
    level.update(header(0, 0, src="a", session="1"), "a1", 0, LEASE_MS)
    level.update(header(0, 0, src="b", session="1"), "b1", 0, LEASE_MS)
    level.update(header(0, 0, src="a", session="2"), "a2", 0, LEASE_MS)
    assert level.get(0, "1", "b") == "b1"
    assert level.get(0, "2") == "a2"
    assert len(level.items(0)) == 3


def test_edges_are_made_by_the_reader_one_for_each_key():
    level: Level[str] = Level()
    edges = Edges(level)
    level.update(header(0, 0), "a", 0, LEASE_MS)
    level.update(header(1, 1), "b", 1 * MS, LEASE_MS)
    assert edges.take(1 * MS) == [Change("sink", "s", None, "b")]
    assert edges.take(2 * MS) == []
    assert edges.take(9_000 * MS) == [Change("sink", "s", "b", None)]


def test_what_was_lost_long_ago_is_forgotten():
    level: Level[str] = Level()
    level.update(header(0, 0), "v", 0, LEASE_MS)
    level.forget(70_000 * MS)
    assert level.update(header(0, 70_000), "v2", 70_000 * MS, LEASE_MS)


@given(st.integers(0, 2**32))
def test_any_loss_doubling_and_reordering_ends_in_the_newest_value(seed):
    rng = random.Random(seed)
    sent = [(header(i, i * 100), f"v{i}") for i in range(20)]
    arriving = [m for m in sent if rng.random() > 0.3] * 2
    rng.shuffle(arriving)
    arriving.append(sent[-1])
    level: Level[str] = Level()
    for h, value in arriving:
        level.update(h, value, 2_000 * MS, LEASE_MS)
    assert level.get(2_000 * MS, "s") == "v19"
