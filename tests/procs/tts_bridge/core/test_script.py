import pytest

from bus.messages import Token
from procs.tts_bridge.core.script import Script
from procs.tts_bridge.core.sentences import Sentences
from procs.tts_bridge.core.straight import Straight

pytestmark = pytest.mark.unit

REPLY = ("Hello **there**. ", "How are", " you? Fine", "")


def said(script: Script) -> list[str]:
    tokens = [Token(i, text, final=i == len(REPLY) - 1) for i, text in enumerate(REPLY)]
    return [piece.text for token in tokens for piece in script.feed(token, 0)]


def test_a_voice_that_splits_by_itself_gets_text_as_it_comes():
    script = Script(Straight())
    texts = said(script)
    assert "".join(texts).split() == ["Hello", "there.", "How", "are", "you?", "Fine"]
    assert len(texts) > 2
    assert script.finished


def test_straight_text_is_one_piece_that_grows():
    pieces = Script(Straight()).feed(Token(0, "Some words here", final=True), 0)
    assert {piece.index for piece in pieces} == {0}
    assert all(len(piece.text) == len(piece.offsets) for piece in pieces)


def test_other_voices_get_whole_pieces():
    script = Script(Sentences())
    assert [text.strip() for text in said(script)] == ["Hello there.", "How are you?", "Fine"]
    assert script.finished


def test_a_reply_that_failed_says_what_came_before():
    script = Script(Sentences())
    assert script.feed(Token(0, "It was a dark"), 0) == []
    pieces = script.feed(Token(1, "", final=True, finish_reason="llm_failed"), 0)
    assert [piece.text for piece in pieces] == ["It was a dark"]
