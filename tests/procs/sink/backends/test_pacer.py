import threading
import time
from itertools import pairwise

import pytest

from procs.sink.backends.pacer import Pacer

pytestmark = pytest.mark.unit


class Reader:
    """Something to pace: `n_frames` frames, then the end."""

    def __init__(self, pacer, name, n_frames, ended):
        self.left = [f"{name}{n}".encode() for n in range(n_frames)]
        self.heard, self.threads = [], set()
        self.n_ended = 0
        self._ended = ended
        self.stretch = pacer.start(self.read, self.heard.append, self.end)

    def read(self):
        self.threads.add(threading.get_ident())
        return self.left.pop(0) if self.left else b""

    def end(self):
        self.n_ended += 1
        self._ended()


@pytest.fixture
def pacer():
    return Pacer(time.monotonic_ns)


def run_until_ended(pacer, n_readers):
    """Run the pacer here; returns the callback that ends it after the last reader."""
    ends = []

    def ended():
        ends.append(1)
        if len(ends) == n_readers:
            pacer.close()

    return ended


def test_every_frame_is_read_and_played_once_in_order_and_the_end_told_once(pacer):
    reader = Reader(pacer, "a", 5, run_until_ended(pacer, 1))
    pacer.run()
    assert reader.heard == [b"a0", b"a1", b"a2", b"a3", b"a4"]
    assert reader.n_ended == 1


def test_stretches_run_side_by_side_in_one_thread(pacer):
    ended = run_until_ended(pacer, 20)
    readers = [Reader(pacer, name, 3, ended) for name in "abcdefghijklmnopqrst"]
    pacer.run()
    assert [len(reader.heard) for reader in readers] == [3] * 20
    assert {ident for reader in readers for ident in reader.threads} == {threading.get_ident()}


def test_a_stretch_that_begins_while_the_pacer_rests_is_played(pacer):
    thread = threading.Thread(target=pacer.run)
    thread.start()
    reader = Reader(pacer, "a", 2, pacer.close)
    thread.join(10)
    assert reader.heard == [b"a0", b"a1"]


def test_a_stopped_stretch_ends_with_sound_left(pacer):
    reader = Reader(pacer, "a", 1_000, pacer.close)
    reader.stretch.stop()
    pacer.run()
    assert reader.heard == [b"a0"]
    assert reader.n_ended == 1


def test_the_first_frame_leaves_before_the_thread_has_run(pacer):
    reader = Reader(pacer, "a", 2, pacer.close)
    assert reader.heard == [b"a0"]


def test_a_stretch_without_sound_is_over_at_once(pacer):
    assert Reader(pacer, "a", 0, lambda: None).n_ended == 1


def test_closing_ends_what_still_plays(pacer):
    reader = Reader(pacer, "a", 1_000, lambda: None)
    pacer.close()
    pacer.run()
    assert reader.n_ended == 1


def test_frames_keep_their_distance_even_behind_a_stall(pacer):
    """A count, not a speed: whatever the machine does, no two frames are closer than 15 ms."""
    times = []

    def play(pcm):
        del pcm
        times.append(time.monotonic_ns())
        if len(times) == 3:
            time.sleep(0.06)

    left = [b"x"] * 12
    pacer.start(lambda: left.pop() if left else b"", play, pacer.close)
    pacer.run()
    assert len(times) == 12
    assert [b - a for a, b in pairwise(times) if b - a < 15_000_000] == []
