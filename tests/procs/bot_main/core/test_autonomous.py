import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.autonomous import (
    ACTS,
    ASLEEP,
    LOOK_EVERY_S,
    MIN_GAP_S,
    PROFILES,
    REACT_AGE_MS,
    REACT_EVERY_S,
    RECENT,
    SAID_CHARS,
    Heard,
    Profile,
    Room,
    Scene,
    decide,
    profile,
    said,
    talk,
)
from procs.bot_main.core.moods import MOODS

pytestmark = pytest.mark.unit

ALWAYS, NEVER = (lambda: 0.0), (lambda: 0.999)


def heard(n: int, at_s: float, author: int = 1, written_ms: int = 0) -> Heard:
    return Heard(n, author, f"P{author}", f"words {n}", at_s, written_ms)


def crowd(room: Room, n: int, at_s: float) -> None:
    for i in range(n):
        room.hear(heard(round(at_s * 100) + i, at_s, author=i))


def scene(**values) -> Scene:
    plain = {"profile": PROFILES["bubbly"], "momentum": 0.0, "since_act_s": 1e6, "since_message_s": 0.0,
             "n_since_appearance": 100, "n_busiest": 1}  # fmt: skip
    return Scene(**{**plain, **values})


def test_joining_needs_momentum_messages_time_and_chance():
    bubbly = 0.6 * (2 - 0.95)
    fine = {"momentum": bubbly + 0.01, "n_since_appearance": 5, "since_act_s": 301}
    join = decide(scene(**fine), lambda: 0.79, on_message=True)
    assert join is not None
    assert join.name == "join"
    for worse in ({"momentum": bubbly}, {"n_since_appearance": 4}, {"since_act_s": 300}):
        assert decide(scene(**{**fine, **worse}), ALWAYS, on_message=True) is None
    assert decide(scene(**fine), lambda: 0.8, on_message=True) is None, "impulsiveness 0.8"
    shy = {**fine, "profile": PROFILES["shy"], "momentum": 0.6 * 1.8}
    assert decide(scene(**shy), ALWAYS, on_message=True) is None


OCCASIONS = {
    "join": {"momentum": 0.7, "n_since_appearance": 5, "since_act_s": 301},
    "cheer": {
        "momentum": 1.05,
        "n_since_appearance": 10,
        "since_act_s": 901,
        "profile": Profile(0.8, 0.1, 0.5),
    },
    "engage": {"momentum": 0.2, "n_busiest": 3, "since_act_s": 1801},
    "break_silence": {"since_message_s": 3601, "since_act_s": 7201},
    "share": {"since_act_s": 10_801, "since_message_s": 10},
    "muse": {"since_act_s": 21_601, "since_message_s": 10, "n_since_appearance": 1},
}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.name)
def test_every_act_has_its_occasion(act):
    found = decide(scene(**OCCASIONS[act.name]), ALWAYS, on_message=act.on_message)
    assert found is act
    assert decide(scene(**OCCASIONS[act.name]), NEVER, on_message=act.on_message) is None


def test_the_first_of_the_table_goes_first():
    both = {**OCCASIONS["share"], **OCCASIONS["break_silence"], "since_act_s": 30_000}
    found = decide(scene(**both), ALWAYS, on_message=False)
    assert found is not None
    assert found.name == "break_silence"


EVENTS = st.lists(
    st.tuples(st.floats(0.1, 2_000), st.integers(1, 30), st.sampled_from([*PROFILES, ASLEEP])), max_size=40
)


@given(EVENTS, st.randoms(use_true_random=False))
def test_never_two_acts_within_the_distance_and_none_asleep(events, rng):
    now_s, room, acts = 0.0, Room(0.0), [0.0]
    for step_s, n, mood in events:
        now_s += step_s
        crowd(room, n, now_s)
        draw = rng.choice([ALWAYS, rng.random])
        for on_message in (True, False):
            if room.consider(mood, now_s, draw, on_message=on_message):
                assert mood != ASLEEP
                assert now_s - acts[-1] > MIN_GAP_S
                acts.append(now_s)


@given(st.integers(0, 60), st.floats(0, MIN_GAP_S), st.sampled_from(list(PROFILES)))
def test_a_start_or_a_pause_is_followed_by_the_whole_distance(n, wait_s, mood):
    room = Room(1_000.0)
    crowd(room, n, 1_000.0 + wait_s)
    for on_message in (True, False):
        assert room.consider(mood, 1_000.0 + wait_s, ALWAYS, on_message=on_message) is None


def test_she_does_not_talk_to_herself():
    room, acts = Room(0.0), 0
    crowd(room, 20, 400.0)
    for now_s in range(400, 400 + 30 * 86_400, 900):
        acts += sum(room.consider("bubbly", now_s, ALWAYS, on_message=on) is not None for on in (True, False))
    assert acts == 1


def test_momentum_fades():
    room = Room(0.0)
    crowd(room, 20, 400.0)
    assert room.consider("bubbly", 701.0, ALWAYS, on_message=True) is None


def test_an_answer_of_hers_counts_as_an_appearance():
    room = Room(0.0)
    crowd(room, 20, 400.0)
    room.appeared()
    assert room.consider("bubbly", 401.0, ALWAYS, on_message=True) is None


def test_looks_come_each_quarter_of_an_hour():
    room = Room(0.0)
    crowd(room, 1, 10.0)
    asked = []
    for now_s in range(0, 40_000, 60):
        before = len(asked)
        room.consider("bubbly", now_s, lambda: asked.append(1) or 0.999, on_message=False)
        assert len(asked) - before <= len(ACTS)
    assert len(asked) <= 40_000 / LOOK_EVERY_S * 3


def test_reactions_by_chance_once_a_message_and_never_asleep():
    room = Room(0.0)
    room.hear(heard(1, 0.0))
    assert room.reaction_to(1, "neutral", lambda: 0.5) == ""
    assert room.reaction_to(1, ASLEEP, ALWAYS) == ""
    assert room.reaction_to(1, "neutral", lambda: 0.49)
    assert room.reaction_to(1, "neutral", ALWAYS) == "", "one is enough"


def test_half_of_new_messages_get_one():
    rng, room = random.Random(1), Room(0.0)
    n = sum(bool(room.reaction_to(i, "neutral", rng.random)) for i in range(4_000))
    assert 1_850 < n < 2_150


def test_each_twenty_minutes_one_of_the_young_messages():
    room, day_ms = Room(0.0), 86_400_000
    room.hear(heard(1, 0.0, written_ms=day_ms - REACT_AGE_MS))
    assert room.reaction_now("neutral", REACT_EVERY_S, day_ms, ALWAYS) is None, "too old"
    room.hear(heard(2, 0.0, written_ms=day_ms - REACT_AGE_MS + 1))
    assert room.reaction_now("neutral", 2 * REACT_EVERY_S - 1, day_ms, ALWAYS) is None, "too soon"
    assert room.reaction_now(ASLEEP, 2 * REACT_EVERY_S, day_ms, ALWAYS) is None
    found = room.reaction_now("neutral", 3 * REACT_EVERY_S, day_ms, ALWAYS)
    assert found is not None
    assert found[0] == 2
    assert room.reaction_now("neutral", 4 * REACT_EVERY_S, day_ms, ALWAYS) is None, "it has one"


def test_what_is_remembered_is_bounded():
    room = Room(0.0)
    for n in range(10_000):
        room.hear(heard(n, 0.0))
    assert len(room.recent) == RECENT


def test_words_for_and_from_the_model():
    assert talk([Heard(1, 1, "A\nsystem", "hi", 0, 0)]) == "A system: hi"
    assert talk([])
    assert said('  "La\n\nla!" ') == "La la!"
    assert len(said("x" * 9_999)) == SAID_CHARS
    assert said(" \n ") == ""


def test_every_mood_has_a_profile():
    assert {*PROFILES, ASLEEP} == {mood.name for mood in MOODS}


def test_unknown_moods_are_neutral():
    assert profile("grumpy") == PROFILES["neutral"]
