import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.core.queue import ATTEMPTS, OLD_MS, PAUSES_MS, Queue
from procs.bot_main.core.queue_rows import Kept, Saved

pytestmark = pytest.mark.unit

NOW_MS = 10 * OLD_MS


def said(id_: int, author: int = 1, channel: int = 7, text: str = "hello", at_ms: int = NOW_MS) -> Incoming:
    return Incoming(id_, 1, channel, Person(author, f"P{author}"), text, at_ms, True)


def test_messages_are_answered_by_id_and_one_channel_at_a_time():
    queue = Queue(10, 10)
    for id_, channel in ((5, 7), (3, 7), (4, 8)):
        queue.put(said(id_, channel=channel), is_marked=True)
    first = queue.next((), NOW_MS)
    assert first is not None
    assert first.id == 3
    second = queue.next((7,), NOW_MS)
    assert second is not None
    assert second.id == 4
    assert queue.next((7, 8), NOW_MS) is None


def test_a_message_counts_once_even_after_its_answer():
    queue = Queue(10, 10)
    assert queue.put(said(1), is_marked=False) is Kept.WAITS
    assert queue.put(said(1), is_marked=False) is Kept.KNOWN
    queue.settle(1)
    assert queue.put(said(1), is_marked=False) is Kept.KNOWN


def test_beyond_the_cap_the_oldest_goes_and_one_notice_for_each_channel_tells_so():
    queue = Queue(100, 1_000)
    for id_ in range(1, 501):
        queue.put(said(id_, author=id_ % 7, channel=7 + id_ % 2), is_marked=True)
    assert len(queue.rows) == 100
    assert min(queue.rows) == 401
    queue.fold(NOW_MS)
    notices = [row for row in queue.rows.values() if row.pages]
    assert [row.message.channel_id for row in notices] == [8, 7]
    assert all("200 messages" in row.pages[0] for row in notices)
    assert set(notices[0].pings) == set(range(7))
    queue.fold(NOW_MS)
    assert len(queue.rows) == 102


def test_one_person_can_not_fill_the_queue():
    queue = Queue(100, 5)
    outcomes = [queue.put(said(id_), is_marked=True) for id_ in range(1, 201)]
    assert outcomes.count(Kept.WAITS) == 5
    assert queue.put(said(300, author=2), is_marked=True) is Kept.WAITS
    queue.fold(NOW_MS)
    assert sum("195 messages" in row.pages[0] for row in queue.rows.values() if row.pages) == 1


def test_edits_count_until_there_is_an_answer_and_an_answer_to_older_words_is_none():
    queue = Queue(10, 10)
    queue.put(said(1, text="old"), is_marked=True)
    asked = queue.begin(1)
    queue.edit(said(1, text="new"))
    assert queue.answer(asked, ("to the old words",)) is None
    assert queue.answer(queue.begin(1), ("to the new words",))
    queue.edit(said(1, text="newest"))
    assert queue.rows[1].message.text == "new"


def test_whoever_edits_again_and_again_while_an_answer_is_made_uses_up_no_tries():
    queue = Queue(10, 10)
    queue.put(said(1), is_marked=True)
    for number in range(2 * ATTEMPTS):
        asked = queue.begin(1)
        assert asked.attempts == 1
        queue.edit(said(1, text=f"words {number}"))
        assert queue.answer(asked, ("to older words",)) is None
    assert queue.fail(asked, NOW_MS), "the newest words are tried later"
    assert queue.next_due_ms() == NOW_MS + PAUSES_MS[0]


def test_a_deleted_message_gets_no_answer_unless_its_first_page_is_posted():
    queue = Queue(10, 10)
    for id_ in (1, 2):
        queue.put(said(id_), is_marked=True)
    asked = queue.begin(1)
    queue.delete([1])
    assert queue.answer(asked, ("too late",)) is None
    queue.answer(queue.begin(2), ("one", "two"))
    queue.posted(2, 1)
    queue.delete([2])
    assert queue.rows[2].n_posted == 1


def test_a_notice_about_several_stays_when_the_last_of_them_is_deleted_and_one_about_it_alone_does_not():
    queue = Queue(100, 100)
    for id_, channel in ((1, 7), (2, 7), (3, 8)):
        queue.put(said(id_, author=id_, channel=channel, at_ms=NOW_MS - OLD_MS - 1), is_marked=True)
    queue.fold(NOW_MS)
    queue.delete([2, 3])
    assert list(queue.rows) == [2]
    for id_ in (11, 12, 13):
        queue.drop(said(id_, author=id_, channel=9 + id_ // 13))
    queue.fold(NOW_MS)
    queue.delete([12, 13])
    assert list(queue.rows) == [2, 12]


def test_old_messages_become_one_digest_for_each_channel():
    queue = Queue(100, 100)
    for id_ in range(1, 6):
        queue.put(said(id_, author=id_, at_ms=NOW_MS - OLD_MS - 1), is_marked=True)
    queue.put(said(9), is_marked=True)
    queue.fold(NOW_MS)
    assert list(queue.rows) == [5, 9]
    assert "5 messages of P1, P2, P3, P4 and P5" in queue.rows[5].pages[0]
    assert not queue.rows[9].pages


def test_a_failed_answer_is_tried_again_later_if_it_waited_and_then_its_author_is_told():
    queue = Queue(10, 10)
    queue.put(said(1), is_marked=True)
    queue.put(said(2, channel=8), is_marked=False)
    assert not queue.fail(queue.begin(2), NOW_MS)
    for attempt in range(1, ATTEMPTS + 1):
        assert queue.fail(queue.begin(1), NOW_MS) == (attempt < ATTEMPTS)


def test_what_waits_when_a_session_begins_waits_for_its_end_but_for_what_is_being_answered():
    queue = Queue(10, 10)
    for id_ in (1, 2, 3, 4):
        queue.put(said(id_), is_marked=id_ == 4)
    queue.answer(queue.begin(1), ("is being posted",))
    asked = queue.begin(2)
    assert [row.id for row in queue.hold({2})] == [3]
    assert [row.id for row in queue.rows.values() if row.is_marked] == [3, 4]
    assert not queue.fail(asked, NOW_MS)
    assert queue.fail(queue.begin(3), NOW_MS), "tried again"
    assert [row.id for row in queue.hold()] == [2]
    assert queue.hold() == []


def test_a_nonce_is_its_own_for_each_page_and_fits():
    row_id = 2**63 - 1
    queue = Queue(10, 10)
    queue.put(said(row_id), is_marked=False)
    nonces = {queue.rows[row_id].nonce(page) for page in range(20)}
    assert len(nonces) == 20
    assert max(map(len, nonces)) <= 20


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("put", "edit", "delete", "begin", "answer", "post", "fail", "fold", "hold", "again")
        ),
        st.integers(1, 12),
    ),
    max_size=60,
)


def applied(saved: Saved, queue: Queue) -> None:
    """What a store does with the changes."""
    changes = queue.take_changes()
    for id_, row in changes.rows.items():
        if row:
            saved.rows[id_] = row
        else:
            saved.rows.pop(id_, None)
    saved.settled |= changes.settled
    for place, each in changes.dropped.items():
        if each:
            saved.dropped[place] = each
        else:
            saved.dropped.pop(place, None)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_what_is_on_disk_is_what_is_known_and_every_message_is_waiting_settled_or_dropped(steps):
    saved, queue, put = Saved(), Queue(5, 3), set()
    for step, id_ in steps:
        row = queue.rows.get(id_)
        match step:
            case "put":
                queue.put(said(id_, author=id_ % 3, channel=id_ % 2), is_marked=id_ % 4 > 0)
                put.add(id_)
            case "edit":
                queue.edit(said(id_, text="other"))
            case "delete":
                queue.delete([id_])
            case "begin" if row and not row.pages:
                queue.begin(id_)
            case "answer" if row and not row.pages:
                queue.answer(row, ("one", "two"))
            case "post" if row and row.pages:
                queue.posted(id_, row.n_posted + 1)
            case "fail" if row and not row.pages and row.attempts:
                queue.fail(row, NOW_MS)
            case "fold":
                queue.fold(NOW_MS)
            case "hold":
                queue.hold({id_})
            case "again":
                queue = Queue(5, 3, saved)
        applied(saved, queue)
        assert saved.rows == queue.rows
        assert sum(not row.pages for row in queue.rows.values()) <= 5
        assert list(queue.rows) == sorted(queue.rows)
        assert put <= queue.rows.keys() | saved.settled
