import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.messages import Mark, PlayoutState, ReplyState, SpokenState, TurnState
from procs.web_gateway.core.narrator import GONE_MS, TURNS_KEPT, Narrator, Scene, Turn, sentence_end_ms

pytestmark = pytest.mark.unit

TURN = 7
TEXT = "One two. Three four."
MARKS = (Mark(0, 0, 3), Mark(200, 4, 8), Mark(400, 9, 14), Mark(700, 15, 20))


def scene(n_chars=20, n_marks=4, heard_ms=0, *, complete=True, turn=TURN, finished=0, turns=None):
    return Scene(
        ReplyState(turn, TEXT[:n_chars], complete),
        SpokenState(turn, 900, complete, MARKS[:n_marks]),
        PlayoutState(turn, heard_ms, 0, finished),
        turns or TurnState(1, turn),
        heard_ms,
    )


def of(events, kind):
    return [event.data for event in events if event.type == kind]


def test_text_and_captions_come_piece_by_piece_and_never_twice():
    narrator = Narrator()
    narrator.accepted(TURN)
    first = narrator.look(scene(8, 2, complete=False), 0)
    assert narrator.look(scene(8, 2, complete=False), 40) == []
    second = narrator.look(scene(), 80)
    assert [data["text"] for data in of(first + second, "assistant.response.delta")] == [TEXT[:8], TEXT[8:]]
    assert of(second, "assistant.response.delta")[0]["first_char"] == 8
    assert [data["first_index"] for data in of(first + second, "output.captions")] == [0, 2]
    assert of(second, "assistant.response.final")[0]["text"] == TEXT


def test_marks_that_were_estimates_are_replaced_from_the_first_that_changed():
    narrator = Narrator()
    narrator.accepted(TURN)
    rough = (*MARKS[:2], Mark(390, 9, 20))
    known = []
    for marks in (MARKS[:1], rough, MARKS):
        spoken = SpokenState(TURN, 900, False, marks)
        for data in of(narrator.look(Scene(spoken=spoken), 0), "output.captions"):
            known[data["first_index"] :] = [Mark(**mark) for mark in data["marks"]]
        assert tuple(known) == marks


def test_a_cut_is_told_with_what_was_heard_and_then_the_end():
    narrator = Narrator()
    narrator.accepted(TURN)
    narrator.look(scene(heard_ms=250), 0)
    narrator.ended(TURN, "cut", "")
    events = narrator.look(scene(heard_ms=250), 40)
    assert [event.type for event in events] == ["response.interrupted", "turn.ended"]
    assert of(events, "response.interrupted")[0] == {"turn_id": TURN, "played_ms": 250, "heard_chars": 8}
    assert narrator.look(scene(heard_ms=250), 80) == []


def test_an_end_of_which_nobody_spoke_is_found_out():
    for finished, floor, outcome in ((TURN, 1, "done"), (0, TURN + 1, "cut"), (TURN, TURN + 1, "cut")):
        narrator = Narrator()
        narrator.accepted(TURN)
        narrator.look(scene(heard_ms=900), 0)
        gone = scene(heard_ms=900, finished=finished, turns=TurnState(floor, 0))
        assert of(narrator.look(gone, 40), "turn.ended") == []
        (ended,) = of(narrator.look(gone, 40 + GONE_MS), "turn.ended")
        assert ended["outcome"] == outcome


def test_a_turn_of_before_is_not_told_and_one_that_others_asked_for_is():
    narrator = Narrator()
    assert narrator.look(scene(turns=TurnState(1, 0)), 0) == []
    assert of(narrator.look(scene(turns=TurnState(1, TURN)), 40), "assistant.response.delta")


def test_a_prompt_that_waits_is_not_over():
    narrator = Narrator()
    narrator.accepted(TURN)
    narrator.accepted(TURN + 1)
    for now_ms in range(0, 10 * GONE_MS, 500):
        assert of(narrator.look(scene(turns=TurnState(1, TURN)), now_ms), "turn.ended") == []


def test_a_turn_of_an_earlier_life_ends_once_nobody_works_and_not_while_it_waits():
    narrator = Narrator()
    narrator.owed(TURN)
    for now_ms in range(0, 10 * GONE_MS, 500):
        waits = Scene(turns=TurnState(1, TURN - 1))
        assert narrator.look(waits, now_ms) == []
    assert narrator.look(Scene(), 10 * GONE_MS) == [], "bot_main is away: it may know more"
    rests = Scene(turns=TurnState(1, 0))
    assert narrator.look(rests, 20 * GONE_MS) == []
    (ended,) = of(narrator.look(rests, 21 * GONE_MS), "turn.ended")
    assert (ended["turn_id"], ended["outcome"]) == (TURN, "cut")


def test_old_turns_are_forgotten():
    narrator = Narrator()
    for turn in range(1, 4 * TURNS_KEPT):
        narrator.accepted(turn)
        narrator.ended(turn, "done", "")
        narrator.look(Scene(), turn)
    assert len(narrator._turns) <= TURNS_KEPT + 1


@given(
    st.lists(
        st.tuples(
            st.integers(0, 20), st.integers(0, 4), st.integers(0, 900), st.booleans(), st.integers(5, 8)
        ),
        max_size=40,
    )
)
def test_whatever_levels_show_each_turn_is_told_in_order_and_ends_once(looks):
    narrator = Narrator()
    told = []
    for now_ms, (n_chars, n_marks, heard_ms, complete, turn) in enumerate(looks):
        told += narrator.look(scene(n_chars, n_marks, heard_ms, complete=complete, turn=turn), now_ms * 500)
    for turn in range(5, 9):
        deltas = [data for data in of(told, "assistant.response.delta") if data["turn_id"] == turn]
        text = "".join(data["text"] for data in deltas)
        assert TEXT.startswith(text)
        assert [data["first_char"] for data in deltas] == [
            sum(len(data["text"]) for data in deltas[:n]) for n in range(len(deltas))
        ]
        assert sum(data["turn_id"] == turn for data in of(told, "turn.ended")) <= 1
        finals = [data for data in of(told, "assistant.response.final") if data["turn_id"] == turn]
        assert len(finals) <= 1


@pytest.mark.parametrize(
    ("position_ms", "end_ms"), [(0, 400), (250, 400), (399, 400), (400, 900), (800, 900)]
)
def test_a_sentence_ends_where_the_next_one_begins(position_ms, end_ms):
    turn = Turn(1, TEXT, is_final=True, marks=MARKS, duration_ms=900, is_spoken=True)
    assert sentence_end_ms(turn, position_ms) == end_ms


def test_an_end_that_nobody_knows_yet_is_not_guessed():
    assert sentence_end_ms(Turn(1, "One two", marks=MARKS[:1]), 50) is None
    assert sentence_end_ms(Turn(1, "One two. Three", marks=MARKS[:2]), 50) is None
    assert sentence_end_ms(Turn(1, "3.5 is", marks=(Mark(0, 0, 3),)), 50) is None
    spoken = Turn(1, "こん。にちは。", marks=(Mark(0, 0, 3), Mark(300, 3, 7)), is_final=True)
    assert sentence_end_ms(spoken, 50) == 300
