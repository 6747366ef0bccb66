from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BackendError
from procs.llm_streamer.core.sse import EVENT_LIMIT_BYTES, Event, SseParser

pytestmark = pytest.mark.unit

STREAM = (
    b"\xef\xbb\xbf: a comment\r\n"
    b"data: one\r\n\r\n"
    b"event: error\ndata:two\ndata:  lines\n\n"
    b"id: 7\rretry: 100\rdata\r\r"
    b"ignored\n\n"
    b"data: caf\xc3\xa9 \xe3\x81\xbf\n\n"
    b"error: {}\n\n"
)
EVENTS = [
    Event("", "one"),
    Event("error", "two\n lines"),
    Event("", ""),
    Event("", "café み"),
    Event("error", "{}"),
]


def parse(*chunks: bytes) -> list[Event]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


def test_events_of_all_line_ends_comments_and_fields():
    assert parse(STREAM) == EVENTS


def test_one_byte_at_a_time():
    assert parse(*(bytes([byte]) for byte in STREAM)) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_chunking_gives_the_same_events(cuts):
    edges = [0, *sorted(cuts), len(STREAM)]
    assert parse(*(STREAM[a:b] for a, b in pairwise(edges))) == EVENTS


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_arbitrary_bytes_never_raise_and_chunking_does_not_matter(chunks):
    assert parse(*chunks) == parse(b"".join(chunks))


def test_an_event_without_its_blank_line_counts_at_the_end():
    assert parse(b"data: [DONE]") == [Event("", "[DONE]")]
    assert parse(b"data: [DONE]\n") == [Event("", "[DONE]")]


def test_invalid_utf8_becomes_replacement_characters():
    assert parse(b"data: a\xff\xfeb\n\n") == [Event("", "a\ufffd\ufffdb")]


def test_a_line_of_a_megabyte_is_read():
    data = b"x" * 1_000_000
    chunks = [data[at : at + 16_384] for at in range(0, len(data), 16_384)]
    assert parse(b"data: ", *chunks, b"\n\n") == [Event("", data.decode())]


@pytest.mark.parametrize("piece", [b"x" * 65_536, b"data: " + b"x" * 65_530 + b"\n"])
def test_an_event_without_end_is_refused_before_it_fills_the_memory(piece):
    parser = SseParser()
    with pytest.raises(BackendError, match="llm_failed"):
        deque(map(parser.feed, [piece] * (EVENT_LIMIT_BYTES // 65_536 + 2)))
