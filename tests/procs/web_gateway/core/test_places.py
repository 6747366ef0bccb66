"""Who gets a place, and who makes room for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.web_gateway.core.places import Full, Place, makes_room

pytestmark = pytest.mark.unit

ARRIVALS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60)


def test_the_one_that_rests_for_longest_makes_room_in_its_own_network_first():
    held = {1: Place("b"), 2: Place("a", 1), 3: Place("a"), 4: Place("a")}
    assert makes_room(held, "a", per_network=4, total=5) is None
    assert makes_room(held, "a", per_network=3, total=5) == 3
    assert makes_room(held, "c", per_network=3, total=4) == 1
    with pytest.raises(Full):
        makes_room({2: held[2]}, "a", per_network=1, total=5)


@given(ARRIVALS, st.integers(1, 5), st.integers(1, 8))
def test_there_are_never_too_many_and_none_in_use_has_to_go(arrivals, per_network, total):
    held = {}
    for number, (name, is_used) in enumerate(arrivals):
        try:
            leaving = makes_room(held, name, per_network, total)
        except Full:
            of_network = sum(place.network == name for place in held.values())
            assert of_network == per_network or len(held) == total
            continue
        if leaving is not None:
            assert not held.pop(leaving).n_answering
        held[number] = Place(name, int(is_used))
        assert len(held) <= total
        assert sum(place.network == name for place in held.values()) <= per_network
