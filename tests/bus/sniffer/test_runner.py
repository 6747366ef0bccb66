"""The loop between queue and screen, without sockets."""

import asyncio
import io
import json

import pytest

from bus import codec, wire
from bus.header import Stamper
from bus.messages import Health, NodeState
from bus.sniffer.arguments import Unreachable
from bus.sniffer.runner import observe
from bus.sniffer.screen import Screen
from bus.sniffer.taps import Taps
from bus.sniffer.watch import Watch
from bus.testing import FakeClock
from tests.bus.sniffer.hearing import verb_of
from tests.waiting import until

pytestmark = pytest.mark.unit


class Run:
    """One run of a verb that the test feeds."""

    def __init__(self, *arguments: object, limit: int = 100) -> None:
        self.clock = FakeClock()
        self.taps = Taps(self.clock, limit)
        self.stopping = asyncio.Event()
        self._stream, self.errors = io.StringIO(), io.StringIO()
        self._stamper = Stamper("bot_main", self.clock)
        screen = Screen(as_json=True, stream=self._stream, errors=self.errors)
        verb = verb_of(*arguments)
        watch = Watch(verb, verb.options)
        self.task = asyncio.create_task(
            observe(watch, self.taps, screen, self.clock, verb.options.wait_s, self.stopping)
        )

    def hear(self, count: int = 1) -> None:
        for _ in range(count):
            name = "report.health.bot_main"
            body = codec.encode(Health(NodeState.READY, 1))
            self.taps.on_parts(wire.pack(name, self._stamper.stamp(name), body))

    def rows(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]

    async def code(self) -> int:
        return await asyncio.wait_for(self.task, 5)


async def test_what_is_heard_is_shown_and_a_count_ends_it():
    run = Run("echo", "--count", "2")
    run.hear(5)
    assert await run.code() == 0
    assert [row["topic"] for row in run.rows()] == ["report.health.bot_main"] * 2


async def test_silence_is_unreachable_only_after_the_time_allowed():
    run = Run("echo", "--wait", "30s")
    await asyncio.sleep(0)
    run.clock.advance_ms(29_000)
    await asyncio.sleep(0.15)
    assert not run.task.done()
    run.clock.advance_ms(2_000)
    with pytest.raises(Unreachable, match="is Miku running"):
        await run.code()


async def test_reports_come_after_two_seconds_and_then_each_second():
    run = Run("hz", "--count", "2")
    run.hear(3)
    await until(lambda: run.taps.lost == 0 and not run.taps._queue)
    for _ in range(2):
        run.clock.advance_ms(2_000)
        shown = len(run.rows())
        await until(lambda shown=shown: len(run.rows()) > shown)
    assert await run.code() == 0
    assert len(run.rows()) == 2


async def test_an_interrupted_verb_ends_with_its_report():
    run = Run("list")
    run.hear()
    await until(lambda: not run.taps._queue)
    run.stopping.set()
    assert await run.code() == 0
    assert len(run.rows()) > 10


async def test_messages_that_a_full_queue_dropped_are_owned_up_to():
    run = Run("echo", "--count", "12", limit=10)
    run.hear(25)
    await until(run.rows)
    run.stopping.set()
    await run.code()
    (loss,) = (row for row in run.rows() if row["kind"] == "loss")
    assert loss == {"kind": "loss", "dropped": 15, "undecodable": 0}


async def test_complaints_go_to_standard_error_and_into_the_exit_code():
    run = Run("echo", "flow.token", "--for", "1s")
    run.hear()
    await until(lambda: not run.taps._queue)
    run.clock.advance_ms(1_000)
    assert await run.code() == 1
    assert run.errors.getvalue() == "bus-sniffer: no message of flow.token came\n"
