from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.feed import Item
from procs.bot_main.core.figurines import LINES, SEEN_LIMIT, Book, Poll, after_poll, message, nonce, told

pytestmark = pytest.mark.unit


def items(*numbers: int) -> tuple[Item, ...]:
    return tuple(Item(f"{n:016x}", f"Figure {n}", f"https://s/{n}") for n in numbers)


def polled(book: Book, *numbers: int, fans=(7, 5)) -> Book:
    return after_poll(book, Poll("u", items(*numbers)), fans)


def test_the_first_look_brings_no_news_and_later_ones_what_is_new():
    book = polled(Book(), 1, 2)
    assert not book.left
    book = polled(book, 3, 1, 2)
    assert (book.left, [i.title for i in book.batch]) == ((5, 7), ["Figure 3"])


def test_another_shop_begins_anew():
    book = polled(Book(), 1)
    assert not after_poll(book, Poll("other", items(8, 9)), [5]).left


def test_news_nobody_wants_is_known_all_the_same():
    book = polled(polled(Book(), 1), 1, 2, fans=())
    assert not book.left
    assert not polled(book, 1, 2).left


@given(st.lists(st.sets(st.integers(0, 30)), max_size=15), st.sets(st.integers(1, 5), min_size=1))
def test_every_item_is_told_to_every_subscriber_exactly_once(polls, fans):
    book, heard = Book(), []
    for numbers in polls:
        book = Book.of(polled(book, *sorted(numbers), fans=fans).document())  # a crash after each step
        while book.left:
            heard += [(book.left[0], item.key) for item in book.batch]
            book = Book.of(told(book, book.left[0]).document())
    known = {i.key for i in items(*(polls[0] if polls else ()))}
    new = {i.key for i in items(*set().union(*polls))} - known
    assert sorted(heard) == sorted((fan, key) for fan in fans for key in new)


def test_what_is_remembered_is_bounded_and_never_forgets_what_is_listed():
    book = polled(Book(), 0)
    for n in range(1, SEEN_LIMIT + 300):
        book = polled(book, 0, n, fans=())
    assert len(book.seen) == SEEN_LIMIT
    assert not polled(book, 0).left


def test_a_message_holds_all_of_a_batch_and_formats_nothing():
    book = polled(Book(), 1)
    many = polled(book, *range(2, 40))
    text = message(many)
    assert "38 new things" in text
    assert f"and {38 - LINES} more" in text
    assert len(text) <= 2_000
    tricky = replace(many, batch=(Item("0" * 16, "**bold** <@1> [x](https://y)", ""),), n_news=1)
    assert r"\*\*bold\*\* \<\@1\> \[x\]\(https\://y\)" in message(tricky)


@given(st.lists(st.text(alphabet="x*_", min_size=120, max_size=120), min_size=1, max_size=50))
def test_a_message_fits_whatever_the_titles_are(titles):
    batch = tuple(Item(f"{n:016x}", title, "https://s/" + "l" * 300) for n, title in enumerate(titles))
    assert len(message(Book(batch=batch, n_news=len(batch), left=(1,)))) <= 2_000


def test_the_nonce_is_of_batch_and_person():
    book = polled(polled(Book(), 1), 1, 2)
    assert nonce(book, 5) == nonce(Book.of(book.document()), 5) != nonce(book, 7)
    assert len(nonce(book, 5)) == 20


@pytest.mark.parametrize("document", [None, {}, {"seen": 3}, {"batch": [[1]]}, {"left": ["x"]}, {"what": 1}])
def test_a_document_of_another_shape_counts_as_none(document):
    assert Book.of(document) == Book()
