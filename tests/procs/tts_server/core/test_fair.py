"""Clients take turns, and nobody's backlog grows without bound."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.tts_server.core.fair import FairQueue

pytestmark = pytest.mark.unit

arrivals = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=40)


def taken(queue: FairQueue[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
    requests = []
    while (request := queue.take()) is not None:
        requests.append(request)
    return requests


@given(arrivals)
def test_everything_comes_out_once_and_in_order_within_a_client(clients: list[bytes]) -> None:
    queue: FairQueue[tuple[bytes, int]] = FairQueue(per_client=100, clients=3)
    for number, client in enumerate(clients):
        assert queue.put(client, (client, number))
    assert len(queue) == len(clients)
    out = taken(queue)
    assert sorted(out, key=lambda request: request[1]) == [(c, n) for n, c in enumerate(clients)]
    for client in set(clients):
        numbers = [number for other, number in out if other == client]
        assert numbers == sorted(numbers)


@given(arrivals)
def test_nobody_is_served_twice_while_another_waits(clients: list[bytes]) -> None:
    queue: FairQueue[tuple[bytes, int]] = FairQueue(per_client=100, clients=3)
    left: dict[bytes, int] = defaultdict(int)
    for number, client in enumerate(clients):
        queue.put(client, (client, number))
        left[client] += 1
    passed: dict[bytes, int] = defaultdict(int)
    for client, _ in taken(queue):
        left[client] -= 1
        passed[client] = 0
        for other, waiting in left.items():
            if other != client and waiting:
                passed[other] += 1
                assert passed[other] < len(left)


def test_bounds_hold_per_client_and_over_clients() -> None:
    queue: FairQueue[int] = FairQueue(per_client=2, clients=2)
    assert [queue.put(b"a", n) for n in range(3)] == [True, True, False]
    assert queue.put(b"b", 0)
    assert not queue.put(b"c", 0)
    queue.take()
    queue.take()
    assert queue.put(b"c", 0)


def test_unwanted_requests_leave_and_the_others_stay() -> None:
    queue: FairQueue[int] = FairQueue(per_client=9, clients=9)
    for number in range(4):
        queue.put(b"a", number)
    queue.remove(b"a", lambda number: number % 2 == 0)
    queue.remove(b"stranger", lambda _: True)
    assert [queue.take(), queue.take(), queue.take()] == [1, 3, None]
