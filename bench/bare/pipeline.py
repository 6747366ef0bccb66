"""A bare pipeline as the benchmarks see it."""

import asyncio
import itertools
import sys
import time
from typing import Any, Self

import psutil
import zmq
import zmq.asyncio

from bench.bare.__main__ import port_of
from bench.bare.links import Wire
from bench.figures import Pace, pace_of
from bench.machine import Cost, cost
from bench.pipeline import FRAME_NS, Heard
from bench.stubs import Stubs
from procs.sink.core.pacing import PaceMeter
from tests.ports import free_base_port

STAGES = ("bot", "llm", "voice", "sink")

ONE_PROCESS = (STAGES,)
FOUR_PROCESSES = tuple((stage,) for stage in STAGES)
"""Stages of each process."""


class Bare:
    """See `Pipeline`.

    Args:
        processes: which stages each process runs.
    """

    def __init__(self, name: str, processes: tuple[tuple[str, ...], ...], stubs: Stubs) -> None:
        self.name = name
        self._plan = processes
        self._stubs = stubs
        self._base_port = free_base_port()
        self._turns = itertools.count(1)
        self._speaking: dict[int, int] = {}
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._meter = PaceMeter()

    async def __aenter__(self) -> Self:
        urls = [self._stubs.llm_url, self._stubs.tts_url]
        self._context = zmq.asyncio.Context()
        self._asked = Wire(self._context, zmq.PUSH, port_of("asked", self._base_port))
        self._reports = Wire(self._context, zmq.PULL, port_of("reports", self._base_port))
        self._processes = [
            psutil.Popen([sys.executable, "-m", "bench.bare", f"{self._base_port}", *urls, *stages])
            for stages in self._plan
        ]
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._reader.cancel()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()
        self._context.destroy(linger=0)

    async def speak(self, session: int) -> Heard:
        turn = self._speaking[session] = next(self._turns)
        report = self._waiting[session] = asyncio.get_running_loop().create_future()
        await self._asked.send({"session": session, "turn": turn, "text": "Hello"})
        told = await report
        times = told["times"]
        self._meter.begin()
        for moment in times:
            self._meter.left(moment)
        return Heard(told["asked_ns"], times[0], len(times), times[-1] + FRAME_NS, told["underruns"])

    async def stop(self, session: int) -> int:
        now_ns = time.monotonic_ns()
        await self._asked.send({"session": session, "stop": self._speaking[session]})
        return now_ns

    async def pace(self) -> Pace:
        return pace_of(self._meter.facts())

    def cost(self) -> Cost:
        return cost(self._processes)

    async def _read(self) -> None:
        while True:
            report = await self._reports.receive()
            self._waiting.pop(report["session"]).set_result(report)


def one_process(stubs: Stubs) -> Bare:
    """Everything in one event loop."""
    return Bare("bare, one process", ONE_PROCESS, stubs)


def over_zeromq(stubs: Stubs) -> Bare:
    """A process per stage."""
    return Bare("bare, ZeroMQ", FOUR_PROCESSES, stubs)
