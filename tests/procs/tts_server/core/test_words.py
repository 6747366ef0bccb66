"""What reaches the engine, in which language, and what its positions mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_server.core.words import WordStarts, cleaned, is_silent, voice_for

pytestmark = pytest.mark.unit

any_text = st.text(st.characters(), max_size=60)  # surrogates included


@given(any_text)
def test_cleaning_keeps_every_position_and_is_done_once(text: str) -> None:
    once = cleaned(text)
    assert len(once) == len(text)
    assert cleaned(once) == once
    once.encode()  # no surrogate is left
    assert "\0" not in once


@given(st.text(st.characters(categories=["L", "Nd", "P", "Zs"])))
def test_letters_digits_and_punctuation_are_left_alone(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi 😀!", "Hi  !"),
        ("👍🏽 ok", "   ok"),
        ("❤️ you", "   you"),
        ("\x0150S fast", " 50S fast"),
        ("a\x00b", "a b"),
        ("\ud800!", " !"),
        ("⠿ⓜ→", "  →"),
        ("20 °C, two\nlines", "20 °C, two\nlines"),
    ],
)
def test_what_the_engine_would_obey_or_name_becomes_a_space(text: str, expected: str) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize("text", ["", "  ", "...", "?!", "— “” —", "&"])
def test_lone_punctuation_is_silence(text: str) -> None:
    assert is_silent(text)


@pytest.mark.parametrize("text", ["a", "5%", "日", "'tis"])
def test_letters_and_digits_are_not(text: str) -> None:
    assert not is_silent(text)


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("Hello there", "en-us+f5"),
        ("Grüß Gott, señor", "en-us+f5"),
        ("こんにちは、ミクです", "ja+f5"),
        ("ミクの歌が好き", "ja+f5"),
        ("私は歌", "ja+f5"),
        ("你好", "cmn+f5"),
        ("Привет, как дела?", "ru+f5"),
        ("안녕하세요", "ko+f5"),
        ("مرحبا", "ar+f5"),
        ("नमस्ते", "hi+f5"),
        ("Γειά σου", "el+f5"),
        ("١٢٣", "ar+f5"),
        ("2024年", "cmn+f5"),
        ("I like the word Привет a lot", "en-us+f5"),
        ("123 ...", "en-us+f5"),
        ("", "en-us+f5"),
    ],
)
def test_a_text_is_read_by_a_voice_of_its_script(text: str, voice: str) -> None:
    assert voice_for(text, "en-us+f5") == voice


@pytest.mark.parametrize(
    ("text", "voice"),
    [("Привіт", "uk+f2"), ("日本", "ja"), ("日本", "yue+m1"), ("سلام", "fa"), ("Hello", "ja+f5")],
)
def test_a_voice_that_reads_the_script_stays(text: str, voice: str) -> None:
    assert voice_for(text, voice) == voice


def test_a_voice_without_variant_gets_none() -> None:
    assert voice_for("Привет", "en-us") == "ru"


def starts(text: str, positions: list[int]) -> list[str]:
    words = WordStarts(text)
    found = [words.start_of(position) for position in positions]
    return [text[index:].split(maxsplit=1)[0] for index in found if index is not None]


def test_words_are_told_once_whatever_the_engine_repeats() -> None:
    text = "It costs 1,234.50 dollars, ok"
    assert starts(text, [1, 4, 10, 11, 12, 13, 13, 13, 19, 28]) == [
        "It",
        "costs",
        "1,234.50",
        "dollars,",
        "ok",
    ]


def test_quotes_and_brackets_before_a_word_are_not_its_start() -> None:
    text = 'He said "yes" (twice)'
    words = WordStarts(text)
    assert [words.start_of(position) for position in (1, 4, 10, 16)] == [0, 3, 9, 15]


def test_scripts_without_spaces_are_marked_where_the_engine_says() -> None:
    words = WordStarts("你好，我是")
    assert [words.start_of(position) for position in (1, 2, 4, 5)] == [0, 1, 3, 4]


@given(st.text(max_size=60), st.lists(st.integers(-5, 70), max_size=30))
def test_starts_rise_and_lie_inside(text: str, positions: list[int]) -> None:
    words = WordStarts(text)
    found = [index for p in positions if (index := words.start_of(p)) is not None]
    assert found == sorted(set(found))
    assert all(0 <= index < len(text) for index in found)
