"""The sink in Discord: one call per session, one pacer for all.

It has neither the bot's token nor a gateway: credentials come from `bot_main`, over the bus.
"""

import asyncio
from collections.abc import Callable

from bus.messages import Intent, VoiceLink
from procs.discord_voice.backends.call import COUNTS, Call, Note
from procs.discord_voice.backends.discord_link import Http
from procs.sink.backends.base import Source, VoiceEvent
from procs.sink.backends.pacer import Pacer

LINKS_KEPT = 1_000
"""Sessions whose credentials are remembered; the oldest are forgotten first."""


class DiscordSink:
    """Speaks in Discord's voice channels.

    Args:
        pacer: reads the sources, each 20 ms.
        mono_ns: the monotonic clock.
        note: the log.
        connect_limit_s: a session must be in its channel within this time.
        ca_file: certificates to trust besides the system's.
    """

    name = "discord"

    def __init__(
        self, pacer: Pacer, mono_ns: Callable[[], int], note: Note, connect_limit_s: float, ca_file: str = ""
    ) -> None:
        self._pacer, self._mono_ns, self._note = pacer, mono_ns, note
        self._connect_limit_s, self._ca_file = connect_limit_s, ca_file
        self._http: Http | None = None
        self._calls: dict[str, Call] = {}
        self._links: dict[str, VoiceLink] = {}
        self._past = dict.fromkeys(COUNTS, 0)
        self._notify: Callable[[VoiceEvent], None] | None = None

    async def run(self, notify: Callable[[VoiceEvent], None]) -> None:
        """Keep the pacing thread running; a failure in it ends the process."""
        self._notify = notify
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                await asyncio.to_thread(self._pacer.run)
        finally:
            self._pacer.close()
            for session in list(self._calls):
                await self.leave(session)
            if self._http:
                await self._http.close()

    async def connect(self, session: str, intent: Intent) -> None:
        """Join, or move; see `VoiceBackend`."""
        call = self._calls.get(session) or self._new_call(session)
        try:
            await call.go(intent, self._connect_limit_s)
        except BaseException:  # a cancelled connect leaves nothing behind either
            await self.leave(session)
            raise

    async def leave(self, session: str) -> None:
        """Hang up; Discord is told by `bot_main`, to whom she belongs there."""
        if call := self._calls.pop(session, None):
            await call.close()
            self._past = {name: self._past[name] + value for name, value in call.counts().items()}

    def play(self, session: str, turn: int, source: Source) -> None:
        """Speak, behind what is being said."""
        if call := self._calls.get(session):
            call.play(source)

    def link(self, session: str, link: VoiceLink | None) -> None:
        """Remember the newest credentials, and let the call look at them."""
        if link is None:
            if session not in self._calls:
                self._links.pop(session, None)
            return
        self._links[session] = link
        while len(self._links) > LINKS_KEPT:
            del self._links[next(iter(self._links))]
        if call := self._calls.get(session):
            call.take(link)

    def facts(self) -> dict[str, str]:
        """What became of frames and connections, of all sessions."""
        total = dict(self._past)
        for call in self._calls.values():
            for name, value in call.counts().items():
                total[name] += value
        return {name: str(value) for name, value in total.items()}

    def _new_call(self, session: str) -> Call:
        self._http = self._http or Http(self._ca_file)
        call = Call(session, self._http, self._pacer, self._mono_ns, self._tell, self._note,
                    self._tasks.create_task)  # fmt: skip
        self._calls[session] = call
        if link := self._links.get(session):
            call.take(link)
        return call

    def _tell(self, event: VoiceEvent) -> None:
        if self._notify:
            self._notify(event)
