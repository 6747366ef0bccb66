"""What is looked at, and how the vision model is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.chat import Attachment, Incoming, Person
from procs.bot_main.core.vision import ATTACHMENTS_MAX, Kind, Moments, kind_of, question, to_look_at

pytestmark = pytest.mark.unit

CAT = Attachment(1, "cat.png", "https://cdn.discordapp.com/cat.png", "image/png", 100)


def message(text: str = "", *attachments: Attachment, is_addressed: bool = True) -> Incoming:
    return Incoming(1, 1, 10, Person(5, "Ann"), text, 0, is_addressed, attachments=attachments)


@pytest.mark.parametrize(
    ("name", "media_type", "n"),
    [
        ("cat.png", "image/png", 1),
        ("cat.PNG", "", 1),
        ("clip", "video/mp4", 1),
        ("song.mp3", "audio/mpeg", 0),
        ("notes.txt", "text/plain", 0),
        ("archive.png.zip", "application/zip", 0),
    ],
)
def test_pictures_and_videos_are_looked_at(name: str, media_type: str, n: int):
    assert len(to_look_at(message("look", Attachment(1, name, "https://x", media_type, 1)))) == n


def test_only_what_is_sent_to_her_and_never_a_link():
    assert to_look_at(message("look", CAT, is_addressed=False)) == []
    assert to_look_at(message("look: https://cdn.discordapp.com/attachments/1/2/cat.png")) == []
    assert len(to_look_at(message("", *[CAT] * 10))) == ATTACHMENTS_MAX


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", Kind.JPEG),
        (b"RIFF\x10\0\0\0WEBPVP8 ", Kind.WEBP),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"\0\0\0\x18ftypisom\0\0\2\0", Kind.MP4),
        (b"\0\0\0\x18ftypavif\0\0\0\0", None),
        (b"#EXTM3U\n#EXT-X-", None),
        (b"<svg xmlns='http", None),
        (b"%!PS-Adobe-3.0\n", None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head: bytes, kind: Kind | None):
    assert kind_of(head) == kind


@given(st.binary(max_size=32))
def test_any_bytes_have_a_kind_or_none(head: bytes):
    assert kind_of(head) in (None, *Kind)


@given(st.integers(1, 400))
def test_of_many_moments_the_first_a_middle_and_the_last_are_shown(n: int):
    moments: Moments[int] = Moments()
    for index in range(n):
        if moments.wants():
            moments.keep(index)
        assert len(moments._kept) <= 17
    chosen = moments.chosen(lambda: n - 1)
    assert chosen[0] == 0
    assert len(chosen) == min(n, 3)
    if n > 1:
        assert chosen[-1] == n - 1
    if n > 2:
        assert abs(chosen[1] - n / 2) <= max(1, n / 6)
    assert chosen == sorted(set(chosen))
    assert moments.chosen(None) == chosen[: min(n, 2)] or n == 2


def test_the_model_gets_the_question_the_persona_and_what_is_shown():
    asked = question("You are {name}.", "Miku", message("what breed?", CAT), [1, 3])
    assert [one.role for one in asked] == ["system", "user"]
    assert asked[0].content.startswith("You are Miku.")
    assert "attachment 1 is a picture; attachment 2 is 3 moments" in asked[1].content
    assert asked[1].content.endswith("Ann: what breed?")
    assert question("", "Miku", message("", CAT), [1])[1].content.endswith("Ann: What do you see?")
