"""Stand-ins: nodes that say again what a recording holds of writers that are not running.

Each is a real node with the writer's name and keys, freshly stamped, so that readers treat it as one.
Flows go only where somebody reads; a level that the recording stops renewing ends here too.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

from bus import codec
from bus.clock import Clock
from bus.errors import AddressTaken, DecodeError, PeerStalled
from bus.keys import KeyRing
from bus.log import JsonLog
from bus.messages import Health
from bus.node import Node
from bus.settings import BusSettings
from bus.sniffer.taps import Tapped
from bus.sockets import Transport
from bus.topics import TOPICS, Pattern, Topic

READER_PATIENCE_S = 0.5
"""A flow's reader takes the first message within this time, or there is none."""

DETAIL = "played from a recording"
"""What a stand-in's health says of itself."""


class StandIn:
    """One writer, played."""

    def __init__(self, name: str, transport: Transport, clock: Clock) -> None:
        writes = tuple(row.name for row in TOPICS.values() if row.writers == (name,))
        self.node = Node(name, (), writes, transport, clock, JsonLog(name, clock, "warning"))
        self.left_out: Counter[str] = Counter()
        """Messages that could not be said, by topic."""
        self._renewed_ns: dict[tuple[str, str], int] = {}
        self._has_reader: dict[str, bool] = {}

    async def say(self, tapped: Tapped) -> bool:
        """Say a message; False, and counted, if it is none of today's protocol or has no reader."""
        row = TOPICS.get(tapped.topic)
        is_said = row is not None and row.writers == (self.node.name,) and await self._say(row, tapped)
        self.left_out[tapped.topic] += not is_said
        return is_said

    async def _say(self, row: Topic, tapped: Tapped) -> bool:
        try:
            message: Any = codec.from_plain(tapped.body, row.message)
        except DecodeError:
            return False
        if row.pattern is Pattern.FLOW:
            return await self._push(row, tapped, message)
        if row.pattern is Pattern.STATE:
            self._hold(row, tapped, message)
        else:
            self.node.emit(row.name, message, tapped.header.session, tapped.header.turn)
        return True

    def let_go(self, recorded_ns: int) -> None:
        """End the levels that were not renewed within their lease at this moment of the recording."""
        for (topic, session), renewed_ns in list(self._renewed_ns.items()):
            lease_ms = TOPICS[topic].lease_ms
            if lease_ms and recorded_ns - renewed_ns > lease_ms * 1_000_000:
                self.node.clear_state(topic, session)
                del self._renewed_ns[topic, session]

    def _hold(self, row: Topic, tapped: Tapped, message: Any) -> None:
        if isinstance(message, Health):
            self.node.report(message.state, message.code, DETAIL)
            return
        self._renewed_ns[row.name, tapped.header.session] = tapped.received_wall_ns
        self.node.set_state(row.name, message, tapped.header.session, tapped.header.turn)

    async def _push(self, row: Topic, tapped: Tapped, message: Any) -> bool:
        """Push where a reader is; a flow that moved once has the runtime's patience, else ours."""
        has_reader = self._has_reader.get(row.name)
        if has_reader is False:
            return False
        try:
            async with asyncio.timeout(None if has_reader else READER_PATIENCE_S):
                await self.node.push(row.name, message, tapped.header.session, tapped.header.turn)
            self._has_reader[row.name] = True
        except (PeerStalled, TimeoutError):
            self._has_reader[row.name] = False
        return self._has_reader[row.name]


class Playback:
    """The stand-ins of a recording, opened together and closed together."""

    def __init__(self, keys: KeyRing, settings: BusSettings, clock: Clock) -> None:
        self._keys, self._settings, self._clock = keys, settings, clock
        self._stack = ExitStack()
        self.stand_ins: dict[str, StandIn] = {}
        self.n_said = 0
        self.n_of_running = 0
        """Messages left to writers that run themselves."""

    async def open(self, names: Iterable[str]) -> None:
        """Stand in for these writers; one whose port is held after all is left alone."""
        for name in sorted(names):
            transport = self._stack.enter_context(Transport(name, self._keys, self._settings))
            stand_in = StandIn(name, transport, self._clock)
            self._stack.callback(stand_in.node.close)
            self.stand_ins[name] = stand_in
        await asyncio.gather(*(self._open_one(name) for name in list(self.stand_ins)))

    async def play(self, messages: Iterable[Tapped], speed: float) -> None:
        """Say everything at its time, divided by `speed`."""
        async with asyncio.TaskGroup() as group:
            beats = [group.create_task(s.node.beat_for_ever()) for s in self.stand_ins.values()]
            start_s, first_ns = asyncio.get_running_loop().time(), 0
            for tapped in messages:
                first_ns = first_ns or tapped.received_wall_ns
                await _sleep_until(start_s + (tapped.received_wall_ns - first_ns) / 1e9 / speed)
                await self._say(tapped)
            for beat in beats:
                beat.cancel()

    def close(self) -> None:
        """Say goodbye and close all sockets."""
        for stand_in in self.stand_ins.values():
            stand_in.node.say_stopping()
        self._stack.close()

    async def _open_one(self, name: str) -> None:
        try:
            await self.stand_ins[name].node.open()
        except AddressTaken:
            del self.stand_ins[name]

    async def _say(self, tapped: Tapped) -> None:
        for stand_in in self.stand_ins.values():
            stand_in.let_go(tapped.received_wall_ns)
        if tapped.header.src in self.stand_ins:
            self.n_said += await self.stand_ins[tapped.header.src].say(tapped)
        else:
            self.n_of_running += 1


async def _sleep_until(due_s: float) -> None:
    left_s = due_s - asyncio.get_running_loop().time()
    if left_s > 0:
        await asyncio.sleep(left_s)
