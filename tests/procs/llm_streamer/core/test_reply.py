import pytest

from procs.llm_streamer.core.reply import Reply

pytestmark = pytest.mark.unit


def test_zero_width_spaces_and_lone_surrogates_never_get_out():
    reply = Reply((), 100)
    assert reply.feed("the\u200b \u200b\u200bsame") == "the same"
    assert reply.feed("\ud83d!") == "\ufffd!"
    assert reply.feed("\ud83d\ude00") == "😀"


def test_leading_line_feeds_are_no_stop():
    reply = Reply(("\n\n",), 100)
    assert reply.feed("\n\n") == ""
    assert reply.feed("Hello") == "Hello"
    assert not reply.ended


def test_thoughts_are_no_stop_either():
    reply = Reply(("\n\n",), 100)
    assert reply.feed("<think>Let me see.\n\nYes.</think>\n\nSure.") == "Sure."


def test_a_stop_ends_the_reply():
    reply = Reply(("User:",), 100)
    assert reply.feed("Fine. User: and you?") == "Fine. "
    assert reply.ended == "stop"
    assert reply.finish() == ""


def test_what_was_held_back_comes_at_the_end():
    reply = Reply(("User:",), 100)
    assert reply.feed("Ask a U") == "Ask a "
    assert reply.finish() == "U"
    assert not reply.ended


def test_a_reply_is_cut_at_its_bound():
    reply = Reply((), 5)
    assert reply.feed("abc") == "abc"
    assert reply.feed("defg") == "de"
    assert reply.ended == "length"
    assert reply.n_chars == 5


def test_a_reply_of_exactly_its_bound_is_whole():
    reply = Reply((), 5)
    assert reply.feed("abcde") == "abcde"
    assert not reply.ended
