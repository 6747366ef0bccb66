"""Who asks for a drawing, and what the image server is sent."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.bot_main.core.drawing import (
    BUILT_IN,
    EDIT_EVERY_MS,
    Pace,
    asked_for,
    cleaned,
    filled,
    progress_line,
    workflow_fault,
)

pytestmark = pytest.mark.unit

REQUESTS = {
    "draw a cat": "a cat",
    "Draw me a cat!": "a cat",
    "draw me a cat please": "a cat",
    "please draw a cat in the rain": "a cat in the rain",
    "Miku, draw a red sports car": "a red sports car",
    "Miku please draw me two foxes": "two foxes",
    "hey Miku can you draw me a cat, please?": "a cat",
    ", draw a cat": "a cat",
    "can you draw a dragon?": "a dragon",
    "could you please draw us a castle": "a castle",
    "would you draw yourself on a beach": "yourself on a beach",
    "I want you to draw a robot": "a robot",
    "I'd like you to draw a leek": "a leek",
    "draw for me a boat": "a boat",
    "sketch a tree": "a tree",
    "make me a drawing of a whale": "a whale",
    "generate an image of the sea": "the sea",
    "paint a picture of a horse drawing a cart": "a horse drawing a cart",
    "draw me in": "",
    "ok draw cats": "cats",
    "draw me a sword": "a sword",
    "draw a\nhouse with\ta garden": "a house with a garden",
    "draw tonight's sky": "tonight's sky",
    "draw today a cat": "today a cat",
    "draw now the cat": "now the cat",
    "draw 2-3 cats": "2-3 cats",
    "draw a bridge between Italy and Spain": "a bridge between Italy and Spain",
    "draw a match of tonight": "a match of tonight",
    "paint the town at night": "the town at night",
    "paint a dark picture of the sea": "a dark picture of the sea",
}

INNOCENT = """\
I draw every day
you draw so well
can you draw
can you draw?
can you draw well?
can you draw better than Evil Miku?
what would you draw if you could
I put it in the drawer
the drawer is stuck
draw up a contract with me
withdraw my money
withdraw a cat from the shelter
drawing is fun
drawn together is a funny show
draw a conclusion from this
please draw your own conclusions
can you draw a conclusion from that?
draw the line somewhere
could you draw attention to my stream
draw a blank
draw a deep breath
draw near
draw straws with us
draw a card
draw 2 cards
draw the curtains, Miku
draw your sword!
draw me closer
draw back
draw!
draw?
draw.
draw was fair, both teams were good
draw against Spain, can you believe it
draw
don't draw a cat
never draw that again
let's draw something together
who can draw a cat here
how do you draw a cat?
why did they draw 2-2
he said draw a cat
it was a draw
did you see the lottery draw
the draw begins at nine
redraw it
overdraw my account
drawbridge
drawback of that plan
do you like to draw?
my sister can draw a cat
luck of the draw
you have to draw from the deck
will you draw on experience
draw inspiration from music
draw tonight between Italy and Spain
draw this evening against Norway
draw yesterday was rigged
draw today, tomorrow and every day
draw tonight!
draw tomorrow?
draw 2-2
draw 1:1 against Spain
draw versus Spain tonight
draw after extra time
draw during the break
draw until midnight
draw before you sing
draw while I sing
draw like a pro
draw ended the season
draw means extra time
draw it is then
paint the town red
Miku, paint the town red tonight
paint a rosy picture
paint everyone with the same brush
paint yourself into a corner""".splitlines()


@pytest.mark.parametrize(("text", "subject"), REQUESTS.items())
def test_a_clear_request_is_understood(text: str, subject: str):
    assert asked_for(text, "Miku") == subject


@pytest.mark.parametrize("text", INNOCENT)
def test_other_meanings_of_the_word_are_none(text: str):
    assert asked_for(text, "Miku") == ""


def innocent_sentences() -> list[str]:
    who = ("I", "we", "they", "my brother", "nobody", "she", "people", "the kids")
    said = ("draw", "drew", "withdraw", "draw a cat", "draw me", "redraw it", "like to draw", "can draw")
    ends = ("all day", "from the drawer", "with you", "in art class", "when it rains", "a lot, Miku")
    plain = [" ".join(words) for words in itertools.product(who, said, ends)]
    idioms = ("a conclusion", "the line", "attention to it", "a blank", "lots", "near", "breath")
    idioms += ("up a plan", "on your talent", "to a close", "from memory", "level with them", "straws")
    idioms += ("first blood",)
    calls = ("", "Miku, ", "hey Miku ", "please ", "can you ", "Miku, could you please ", "would you ", "ok ")
    return plain + [f"{call}draw {idiom}" for call, idiom in itertools.product(calls, idioms)]


def test_hundreds_of_innocent_sentences_are_never_taken_for_requests():
    sentences = innocent_sentences()
    assert len(set(sentences)) >= 490
    assert [text for text in (*sentences, *INNOCENT) if asked_for(text, "Miku")] == []


@given(st.text(max_size=300))
def test_whatever_is_written_has_a_subject_of_one_bearable_line_or_none(text: str):
    for subject in (asked_for(text, "Miku"), asked_for(f"draw {text}", "Miku"), cleaned(text)):
        assert len(subject) <= 1_000
        assert subject == " ".join(subject.split())


def test_a_long_message_costs_no_long_thought():
    assert asked_for("please " * 5_000 + "draw a cat", "Miku") == ""
    assert len(asked_for("draw " + "me a cat " * 5_000, "Miku")) <= 1_000


@given(st.text(max_size=100), st.integers(0, 2**48))
def test_no_description_can_become_structure(prompt: str, seed: int):
    made = filled(BUILT_IN, {"prompt": prompt, "seed": seed, "checkpoint": "m"})
    assert json.loads(json.dumps(made)) == made
    assert made["2"]["inputs"]["text"] == prompt
    assert made["5"]["inputs"]["seed"] == seed
    others = ("1", "3", "4", "6", "7")
    assert all(made[node]["class_type"] == BUILT_IN[node]["class_type"] for node in others)


def test_a_placeholder_inside_a_text_becomes_text_and_what_was_put_in_is_not_looked_at_again():
    workflow = {"1": {"class_type": "x", "inputs": {"text": "miku, {prompt}, seed {seed}", "n": 1}}}
    made = filled(workflow, {"prompt": "{seed} and {prompt}", "seed": 7})
    assert made["1"]["inputs"] == {"text": "miku, {seed} and {prompt}, seed 7", "n": 1}


@pytest.mark.parametrize(
    ("workflow", "fault"),
    [
        ([], "no JSON object"),
        ({}, "no JSON object"),
        ({"nodes": [], "links": []}, "API format"),
        ({"1": {"class_type": "x", "inputs": {"text": "a cat"}}}, "no {prompt}"),
    ],
)
def test_a_file_that_is_no_workflow_is_named(workflow: object, fault: str):
    assert fault in workflow_fault(workflow)


def test_the_built_in_workflow_is_one():
    assert workflow_fault(BUILT_IN) == ""


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 100))))
def test_the_message_is_never_edited_twice_within_two_seconds_nor_without_news(steps: list[tuple[int, int]]):
    pace, now_ms, edits, said = Pace("", 0), 0, [0], ""
    for wait_ms, percent in steps:
        now_ms += wait_ms
        line = progress_line(0, percent)
        if pace.lets(line, now_ms):
            assert line != said
            said = line
            edits.append(now_ms)
    assert all(later - before >= EDIT_EVERY_MS for before, later in itertools.pairwise(edits))
