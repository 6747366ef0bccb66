"""One session's voice connection, kept up: what happened goes to the policy, what it says is done."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bus.errors import BackendError
from bus.messages import Intent, VoiceLink
from procs.discord_voice.backends.credentials import Credentials
from procs.discord_voice.backends.discord_link import Connection, Http, first
from procs.discord_voice.backends.mouth import Mouth
from procs.discord_voice.core.link import WAIT_MS, Closed, Event, Move, Policy, Step
from procs.discord_voice.core.pair import is_there
from procs.sink.backends.base import Lost, Moved, Renew, Source, VoiceEvent
from procs.sink.backends.pacer import Pacer, Stretch

QUEUE = 8
"""Stretches that may wait; the node opens one at a time."""

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]

COUNTS = ("voice_connects", "voice_resumes", "frames_unsent", "frames_unencrypted")

Note = Callable[..., None]
"""Writes a line into the log: a static text and fields."""


class Newer(Exception):
    """Newer credentials have come."""


class Call:
    """One session in Discord. Everything but the mouth lives in the event loop.

    Args:
        http: where WebSockets come from.
        tell: takes what happens by itself.
        note: the log.
        spawn: starts a task whose failure ends the process.
    """

    def __init__(
        self, session: str, http: Http, pacer: Pacer, mono_ns: Callable[[], int],
        tell: Callable[[VoiceEvent], None], note: Note, spawn: Spawn,
    ) -> None:  # fmt: skip
        self._session, self._http, self._pacer = session, http, pacer
        self._mono_ns, self._tell, self._note, self._spawn = mono_ns, tell, note, spawn
        self._policy = Policy()
        self._intent: Intent | None = None
        self._credentials = Credentials(mono_ns)
        self._connection: Connection | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._stretches: asyncio.Queue[Source] = asyncio.Queue(QUEUE)
        self._stretch: Stretch | None = None
        self._had_listeners = False
        self._mouth = Mouth(self, mono_ns)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_speaking = False
        self._counts = dict.fromkeys(COUNTS, 0)

    @property
    def connection(self) -> Connection | None:
        """The one that stands; also while its WebSocket is being resumed."""
        found = self._connection
        return found if found is not None and found.is_open else None

    @property
    def is_to_end(self) -> bool:
        """Whether that one may end at any moment."""
        return self._credentials.ends_connection

    @property
    def has_listeners(self) -> bool:
        """Whether anybody else is in the channel, or was when the last connection ended."""
        connection = self.connection
        return connection.has_listeners if connection is not None else self._had_listeners

    @property
    def silenced(self) -> str:
        """Error code while she may not speak where she is, else empty."""
        return self._credentials.silenced

    # --- what is asked of it ------------------------------------------------------------------------

    async def go(self, intent: Intent, limit_s: float) -> None:
        """Be where the intent says.

        Raises:
            BackendError: not within the limit, or not at all.
        """
        self._intent = intent
        self._arrived = asyncio.get_running_loop().create_future()
        if not self._tasks:
            self._tasks = [self._spawn(self._keep()), self._spawn(self._speak())]
        elif (connection := self.connection) and is_there(connection.link, intent):
            return
        try:
            async with asyncio.timeout(limit_s):
                await self._arrived
        except TimeoutError:
            code = self._credentials.put_out or "voice_refused"
            raise BackendError(code, "no voice connection in time") from None
        finally:
            self._arrived = None

    def take(self, link: VoiceLink) -> None:
        """Newer credentials."""
        self._credentials.take(link)

    def counts(self) -> dict[str, int]:
        """What became of frames and connections, by the names in COUNTS."""
        found = dict(self._counts)
        if connection := self._connection:
            found["frames_unsent"] += connection.n_unsent
            found["frames_unencrypted"] += connection.n_unencrypted
        return found

    def play(self, source: Source) -> None:
        """A stretch of sound, behind the one that is under way."""
        self._stretches.put_nowait(source)

    async def close(self) -> None:
        """Release everything."""
        if self._stretch:
            self._stretch.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._hang_up()

    # --- the connection -----------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Stay connected until there is nothing left to try; then say why."""
        step = Step(Move.IDENTIFY)
        try:
            while step.move is not Move.STOP:
                step = await self._take(step)
            raise BackendError(step.error)
        except BackendError as error:
            await self._hang_up()
            self._fail(error)

    def _fail(self, error: BackendError) -> None:
        self._note("voice connection given up", session=self._session, code=error.code)
        if self._arrived is None:
            self._tell(Lost(self._session, error.code))
        elif not self._arrived.done():
            self._arrived.set_exception(error)

    async def _take(self, step: Step) -> Step:
        """Do one step, and stay connected if it leads there; the next one.

        Raises:
            BackendError: she was put out.
        """
        try:
            if step.delay_ms:
                await self._unless_newer(asyncio.sleep(step.delay_ms / 1000))
            match step.move:
                case Move.RESUME:
                    await self._resume()
                case Move.WAIT:
                    await self._unless_newer(asyncio.sleep(WAIT_MS / 1000))
                    raise Closed(Event.NOTHING_CAME)
                case Move.RENEW:
                    self._renew()
                    await self._identify()
                case _:
                    await self._identify()
            self._policy.connected(self._now_ms())
            self._mouth.connected()
            await self._unless_newer(self._stay())
            raise AssertionError("a connection ends by an exception")
        except Newer:
            if self._credentials.put_out:
                raise BackendError(self._credentials.put_out) from None
            return Step(Move.IDENTIFY)
        except Closed as closed:
            return await self._after(closed)

    async def _after(self, closed: Closed) -> Step:
        resumable = self.connection is not None
        step = self._policy.next(closed.event, self._now_ms(), resumable=resumable)
        self._note(
            "voice connection ended", session=self._session, because=closed.event, close_code=closed.code,
            then=step.move, delay_ms=step.delay_ms, detail=type(closed.__cause__).__name__,
        )  # fmt: skip
        if step.move is not Move.RESUME:
            await self._hang_up()  # sound waits from here on, instead of going nowhere
        return step

    async def _stay(self) -> None:
        assert self._connection is not None
        await self._connection.run()

    async def _resume(self) -> None:
        assert self._connection is not None
        await self._unless_newer(self._connection.resume())
        self._counts["voice_resumes"] += 1

    def _renew(self) -> None:
        """The pair is dead; `bot_main` asks for another."""
        self._tell(Renew(self._session, self._credentials.bury()))

    async def _identify(self) -> None:
        """A new connection with the newest pair."""
        assert self._intent is not None
        link = await self._credentials.usable(self._intent.guild_id, self._is_wanted)
        await self._hang_up()
        self._connection = Connection(link, self._http)
        await self._unless_newer(self._connection.open(lambda: self._is_speaking))
        self._counts["voice_connects"] += 1
        self._announce(link)

    def _is_wanted(self, link: VoiceLink) -> bool:
        """Somebody who has arrived may be moved; before that she goes where she was asked to."""
        assert self._intent is not None
        return self._arrived is None or is_there(link, self._intent)

    def _announce(self, link: VoiceLink) -> None:
        """She is in a channel; whether it is the wanted one, the node is told behind `go`."""
        assert self._intent is not None
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
            if is_there(link, self._intent):
                return
        asyncio.get_running_loop().call_soon(self._say_where, link)

    def _say_where(self, link: VoiceLink) -> None:
        """After a turn of the loop more, in which `go` has returned and the node has taken its answer."""
        event = Moved(self._session, link.channel_id)
        asyncio.get_running_loop().call_soon(self._tell, event)

    async def _unless_newer(self, this: Coroutine[Any, Any, None]) -> None:
        """Do this, unless credentials come that lead elsewhere, or nowhere.

        Raises:
            Newer: they have.
        """
        await first(this, self._until_newer())

    async def _until_newer(self) -> None:
        await self._credentials.until_newer()
        raise Newer

    async def _hang_up(self) -> None:
        self._counts = self.counts()
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.is_open:
                self._had_listeners = connection.has_listeners
            await connection.close()

    # --- sound --------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        """Stretch after stretch, each between the speaking indicator's on and off."""
        loop = asyncio.get_running_loop()
        while True:
            source = await self._stretches.get()
            ended = asyncio.Event()
            await self._show_speaking(True)
            self._mouth.open(source)
            self._stretch = self._pacer.start(
                self._mouth.read,
                self._mouth.say,
                lambda ended=ended: _set(loop, ended),  # type: ignore[misc]
            )
            await ended.wait()
            await self._show_speaking(False)

    async def _show_speaking(self, on: bool) -> None:
        self._is_speaking = on
        if connection := self.connection:
            await connection.speak(on)

    def _now_ms(self) -> int:
        return self._mono_ns() // 1_000_000


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """From the pacer's thread; a loop that is closed has nobody waiting."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(event.set)
