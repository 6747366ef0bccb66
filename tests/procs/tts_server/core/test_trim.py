"""Silence goes, speech stays to the last sample, marks follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_server.core.trim import Event, EventKind, Mark, Samples, Trim

pytestmark = pytest.mark.unit

RATE_HZ = 1_000  # one sample is one ms
TAIL, MAX_PAUSE = 40, 250

Piece = tuple[bool, int]
"""Whether it is speech, and its samples."""

pieces_of_sound = st.lists(st.tuples(st.booleans(), st.integers(1, 600)), max_size=8)
cuts = st.lists(st.integers(1, 120), min_size=1, max_size=30)


def sound(pieces: list[Piece]) -> tuple[Samples, list[Event]]:
    """Speech of rising numbers, pauses of -1, with an event at each piece and a word at each speech."""
    samples: list[int] = []
    events: list[Event] = []
    for is_speech, length in pieces:
        events.append(Event(len(samples), EventKind.SPEECH if is_speech else EventKind.PAUSE))
        if is_speech:
            events.append(Event(len(samples), EventKind.WORD, len(samples)))
        first = len(samples) + 1
        samples += range(first, first + length) if is_speech else [-1] * length
    return np.array(samples, np.int16), events


def trimmed(samples: Samples, events: list[Event], lengths: list[int]) -> tuple[Samples, list[Mark]]:
    """What comes out when the sound is fed in chunks of the given lengths, over and over."""
    out: list[Samples] = []
    marks: list[Mark] = []
    trim, at, turn = Trim(RATE_HZ), 0, 0
    while at < len(samples):
        upto = at + lengths[turn % len(lengths)]
        piece, new = trim.feed(samples[at:upto], [e for e in events if at <= e.sample < upto])
        out.append(piece)
        marks += new
        at, turn = upto, turn + 1
    return np.concatenate([*out, trim.finish()]), marks


@given(pieces_of_sound, cuts)
def test_every_sample_of_speech_comes_out_in_order(pieces: list[Piece], lengths: list[int]) -> None:
    samples, events = sound(pieces)
    out, _ = trimmed(samples, events, lengths)
    assert out[out > 0].tolist() == samples[samples > 0].tolist()


@given(pieces_of_sound, cuts)
def test_the_cuts_of_the_engine_do_not_show(pieces: list[Piece], lengths: list[int]) -> None:
    samples, events = sound(pieces)
    out, marks = trimmed(samples, events, lengths)
    whole, whole_marks = trimmed(samples, events, [max(len(samples), 1)])
    assert out.tolist() == whole.tolist()
    assert marks == whole_marks


@given(pieces_of_sound, cuts)
def test_speech_starts_at_once_and_pauses_are_bounded(pieces: list[Piece], lengths: list[int]) -> None:
    samples, events = sound(pieces)
    out, _ = trimmed(samples, events, lengths)
    speech = np.flatnonzero(out > 0)
    if not len(speech):
        assert len(out) == 0
        return
    assert speech[0] == 0
    assert np.diff(speech).max(initial=1) <= MAX_PAUSE + 1
    assert len(out) - 1 - speech[-1] <= TAIL


@given(pieces_of_sound, cuts)
def test_marks_point_at_the_first_sample_of_their_word(pieces: list[Piece], lengths: list[int]) -> None:
    samples, events = sound(pieces)
    out, marks = trimmed(samples, events, lengths)
    assert len(marks) == sum(is_speech for is_speech, _ in pieces)
    assert all(out[sample] == samples[char_index] for char_index, sample in marks)


def test_the_tail_keeps_its_beginning_and_fades_to_its_end() -> None:
    samples = np.full(600, 10_000, np.int16)
    events = [Event(0, EventKind.SPEECH), Event(100, EventKind.PAUSE)]
    out, _ = trimmed(samples, events, [60])
    tail = out[100:]
    assert len(tail) == TAIL
    assert (tail[: TAIL - 15] == 10_000).all()
    fade = tail[TAIL - 15 :].astype(int)
    assert (np.diff(fade) < 0).all()
    assert fade[-1] < 1_000


def test_sound_without_speech_is_nothing() -> None:
    out, marks = trimmed(np.full(500, -1, np.int16), [Event(0, EventKind.PAUSE)], [60])
    assert (len(out), marks) == (0, [])
