"""The embedded voice: answers the Soprano link with sound, one request at a time, each client in turn.

It owns the order of requests and their ends; the law of the link is in `core/link.py`, the engines and the
socket in `backends/`. Never logs or reports a text.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from bus import Bus
from bus.messages import NodeState
from procs.tts_server.backends.base import Chunk, ClientGone, EngineError, Link, Speaker
from procs.tts_server.core import link as law
from procs.tts_server.core.fair import FairQueue

MAX_WAITING_PER_CLIENT = 16
"""Requests of one client that may wait: a reply's sentences ahead of the one that is spoken."""

MAX_WAITING_CLIENTS = 64
"""Clients with requests waiting; more than the sessions that a stack on two cores carries (50)."""

LOADING_PATIENCE_S = 0.5
"""First requests wait this long for the engine: espeak-ng is ready in 12 ms, and a client that returns to a
restarted server is then spoken to instead of being told that the voice loads."""

RETRY_MIN_S, RETRY_MAX_S = 1.0, 60.0
"""A missing engine is looked for again after this time, doubling."""

COUNTS_PERIOD_S = 1.0
"""Counts reach health this often."""


@dataclass
class Job:
    """A request that was accepted."""

    client: bytes
    say: law.Say
    ended: bool = False
    """Whether its last reply has gone out, or nobody is left to get it."""


class TtsServer:
    """The node.

    Args:
        bus: for health and logs.
        speaker: the engine.
        link: the socket of the Soprano link; opened by `run`.
        enabled: False does nothing but say so.
    """

    name = "tts_server"
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    def __init__(self, bus: Bus, speaker: Speaker, link: Link, *, enabled: bool = True) -> None:
        self._bus = bus
        self._speaker = speaker
        self._link = link
        self._enabled = enabled
        self._refusal = "loading"
        """Why nothing can be said now: a code of the link, empty once the engine is there."""
        self._jobs: dict[tuple[bytes, str], Job] = {}
        self._queue: FairQueue[Job] = FairQueue(MAX_WAITING_PER_CLIENT, MAX_WAITING_CLIENTS)
        self._queued = asyncio.Event()
        self._speaking: Job | None = None
        self._health: tuple[NodeState, str, str] = (NodeState.STARTING, "", "")
        self._counts = {"spoken": 0, "cancelled": 0, "failed": 0, "refused": 0}

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            AddressTaken: another process holds the link's port.
        """
        if not self._enabled:
            self._bus.report(NodeState.READY, detail="off: tts_server.enabled is false", engine="none")
            await asyncio.Event().wait()
        await self._link.open()
        async with asyncio.TaskGroup() as group:
            loading = group.create_task(self._load())
            group.create_task(self._speak_for_ever())
            group.create_task(self._tell_counts())
            await asyncio.wait([loading], timeout=LOADING_PATIENCE_S)
            self._link.listen(self._on_frames)

    async def stop(self) -> None:
        """Close the link and fall silent; well under a second even in the middle of a text."""
        self._link.close()
        await self._speaker.close()

    # --- health -------------------------------------------------------------------------------------

    async def _load(self) -> None:
        """Get the engine ready, however long it takes until it can be."""
        delay_s = RETRY_MIN_S
        self._set_health(NodeState.LOADING, "tts_loading")
        while True:
            try:
                await self._speaker.load()
            except EngineError as error:
                self._refusal = error.code
                self._set_health(NodeState.DEGRADED, "tts_engine_missing", error.detail)
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, RETRY_MAX_S)
            else:
                self._refusal = ""
                self._set_health(NodeState.READY)
                return

    async def _tell_counts(self) -> None:
        told = dict(self._counts)
        while True:
            await asyncio.sleep(COUNTS_PERIOD_S)
            if told != self._counts:
                told = dict(self._counts)
                self._report()

    def _set_health(self, state: NodeState, code: str = "", detail: str = "") -> None:
        if self._health == (state, code, detail):
            return
        self._health = (state, code, detail)
        self._report()
        if state is NodeState.DEGRADED:
            self._bus.log.warning("voice degraded", code=code, detail=detail)
        elif state is NodeState.READY:
            self._bus.log.info(
                "voice ready", engine=self._speaker.engine.name, voice=self._speaker.engine.voice
            )

    def _report(self) -> None:
        state, code, detail = self._health
        engine = self._speaker.engine
        counts = {name: str(count) for name, count in self._counts.items()}
        self._bus.report(state, code, detail, engine=engine.name, voice=engine.voice, **counts)

    # --- requests -----------------------------------------------------------------------------------

    def _on_frames(self, client: bytes, frames: list[bytes]) -> None:
        """A message of a client, whatever it may be."""
        try:
            request = law.parse(frames)
        except law.Refused as refused:
            self._refuse(client, refused.request_id, refused.code)
            return
        match request:
            case law.Say():
                self._accept(client, request)
            case law.Cancel():
                self._cancel(client, request.id)
            case law.Ping():
                self._tell(client, self._pong(request.n))

    def _accept(self, client: bytes, say: law.Say) -> None:
        job = Job(client, say)
        if self._refusal:
            self._refuse(client, say.id, self._refusal)
        elif (client, say.id) in self._jobs:
            self._refuse(client, say.id, "duplicate_id")
        elif not self._queue.put(client, job):
            self._refuse(client, say.id, "busy")
        else:
            self._jobs[client, say.id] = job
            self._queued.set()

    def _cancel(self, client: bytes, request_id: str) -> None:
        """End a request now; one that is unknown or over is answered alike, so a client can wait for it."""
        job = self._jobs.get((client, request_id))
        if job is None:
            self._tell(client, law.error_reply(request_id, "cancelled"))
            return
        self._queue.remove(client, lambda other: other is job)
        self._end(job, "cancelled", law.error_reply(request_id, "cancelled"))

    def _refuse(self, client: bytes, request_id: str, code: str) -> None:
        self._counts["refused"] += 1
        self._tell(client, law.error_reply(request_id, code))

    def _pong(self, n: int) -> list[bytes]:
        engine = self._speaker.engine
        return law.pong_reply(
            n,
            warmed_up=not self._refusal,
            engine=engine.name,
            voice=engine.voice,
            sample_rate_hz=engine.sample_rate_hz,
        )

    # --- replies ------------------------------------------------------------------------------------

    async def _speak_for_ever(self) -> None:
        while True:
            job = self._queue.take()
            if job is None:
                self._queued.clear()
                await self._queued.wait()
                continue
            self._speaking = job
            await self._speak(job)
            self._speaking = None

    async def _speak(self, job: Job) -> None:
        try:
            async with aclosing(self._speaker.say(job.say)) as chunks:
                seq = 0
                async for chunk in chunks:
                    if not self._send(job, seq, chunk):
                        return
                    seq += 1
        except EngineError as error:
            self._end(job, "failed", law.error_reply(job.say.id, error.code))
            if error.code == "failed":
                self._set_health(NodeState.DEGRADED, "tts_failed", error.detail)
        else:
            self._end(job, "spoken", self._sound(job, seq, Chunk(b""), last=True))
            self._set_health(NodeState.READY)

    def _send(self, job: Job, seq: int, chunk: Chunk) -> bool:
        """Send a chunk; False when the job needs no more."""
        try:
            if not job.ended and not self._link.send(job.client, self._sound(job, seq, chunk)):
                self._end(job, "failed", law.error_reply(job.say.id, "stalled"))
        except ClientGone:
            self._forget(job.client)
        return not job.ended

    def _sound(self, job: Job, seq: int, chunk: Chunk, *, last: bool = False) -> list[bytes]:
        engine = self._speaker.engine
        return law.sound_reply(
            job.say.id, seq, engine.sample_rate_hz, engine.dtype, chunk.payload, chunk.marks, last=last
        )

    def _end(self, job: Job, count: str, frames: list[bytes]) -> None:
        """Send a job's last reply, unless it has had one."""
        if job.ended:
            return
        self._close(job)
        self._counts[count] += 1
        self._link.send_final(job.client, frames)

    def _close(self, job: Job) -> None:
        job.ended = True
        del self._jobs[job.client, job.say.id]
        if job is self._speaking:
            self._speaker.interrupt()

    def _tell(self, client: bytes, frames: list[bytes]) -> None:
        """Answer a client that may not read: it then misses the answer, and nobody else is held up."""
        try:
            self._link.send(client, frames)
        except ClientGone:
            self._forget(client)

    def _forget(self, client: bytes) -> None:
        """Give up all that a client wanted who has gone."""
        self._queue.remove(client, lambda _: True)
        for job in [job for job in self._jobs.values() if job.client == client]:
            self._close(job)
