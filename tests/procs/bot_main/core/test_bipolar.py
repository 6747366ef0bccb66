"""When they begin to argue, and what each is asked to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.bipolar import LINE_CHARS, Cooldowns, Line, line_of, messages, score

pytestmark = pytest.mark.unit

POINTS = {
    "hello Miku": 0,
    "Miku is the best, I love her, she would win every fight!!": 0,
    "Evil Miku": 3,
    "Evil Miku is here": 3,
    "Evil Miku is so much better than Miku": 7,
    "Miku vs Evil Miku, who would win?": 8,
    "I love Evil Miku, Miku is boring": 8,
    "your evil twin is cooler than you": 6,
    "EVIL MIKU IS THE BEST": 6,
    "medevil mikus argue": 0,
    "Evil Miku writes a letter": 3,
    "Evil Miku's bestseller": 3,
}


@pytest.mark.parametrize(("text", "points"), POINTS.items())
def test_a_message_has_its_points(text: str, points: int):
    assert score(text, "Miku", "Evil Miku") == points


@given(st.text(max_size=200))
def test_nothing_counts_without_her_evil_self_and_nothing_without_bound(text: str):
    assert 0 <= score(f"Evil Miku {text}", "Miku", "Evil Miku") <= 16
    if "evil" not in text.casefold() and "your" not in text.casefold():
        assert score(text, "Miku", "Evil Miku") == 0


@given(st.lists(st.text(min_size=1, max_size=20), max_size=12), st.booleans())
def test_roles_alternate_and_end_with_a_question(texts: list[str], is_evil: bool):
    lines = [Line(number % 2 == 0, text) for number, text in enumerate(texts)]
    asked = messages("You are {name}.", "Miku", "Evil Miku", ("Ann", "fight!"), lines, is_evil)
    roles = [message.role for message in asked]
    assert roles[0] == "system"
    assert roles[1:] == [("user", "assistant")[n % 2] for n in range(len(roles) - 1)]
    assert roles[-1] == "user"
    assert all(message.content for message in asked)
    assert "Ann: fight!" in asked[1].content
    own = [line.text for line in lines if line.is_evil == is_evil]
    assert [message.content for message in asked if message.role == "assistant"] == own


@given(st.text(max_size=3_000))
def test_a_line_is_one_bearable_message(text: str):
    line = line_of(text, ["Miku", "Evil Miku"])
    assert len(line) <= LINE_CHARS
    assert "\n" not in line


def test_names_before_the_words_are_taken_off():
    names = ["Miku", "Evil Miku"]
    assert line_of("**Evil Miku:** Hah! Miku: is a name", names) == "Hah! Miku: is a name"
    assert line_of("Miku: no\nway", names) == "no way"
    assert line_of("Miku, you are late", names) == "Miku, you are late"
    assert line_of("x" * 300 + ". " + "y" * 600, names) == "x" * 300 + "."


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 500)), max_size=50))
def test_a_channel_rests_between_two_arguments(asks: list[tuple[int, int]]):
    cooldowns, begun, now_ms = Cooldowns(1_000), {}, 0
    for channel_id, wait_ms in asks:
        now_ms += wait_ms
        may = channel_id not in begun or now_ms - begun[channel_id] >= 1_000
        assert cooldowns.is_over(channel_id, now_ms) == may
        if may:
            cooldowns.begin(channel_id, now_ms)
            begun[channel_id] = now_ms
