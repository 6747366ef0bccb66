"""The house: all features under one roof. It offers each message to them, as the gate's table says.

The first feature in the table's order that wants a message gets it. What is asked for an answer (QUEUED)
always goes through the inbox, so that a killed process loses none of it; the rest is done while the gate is
open and explained while it is not. Nothing in here waits for a chat, a model or a disk but tasks of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from importlib import import_module

from bus.errors import BackendError, sentence
from bus.inbox import Inbox as Bounded
from bus.messages import FeatureState, HouseState
from procs.bot_main.catching_up import CatchingUp
from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.core.gate import FEATURES, Action, Row
from procs.bot_main.core.queue_rows import Kept
from procs.bot_main.core.queue_words import waiting_text
from procs.bot_main.features.base import Answering, Call, Feature, Kit
from procs.bot_main.inbox import Inbox
from procs.bot_main.mood_now import mood_now
from procs.bot_main.outbox import Outbox
from procs.bot_main.persona_now import is_evil
from procs.bot_main.standing_back import StandingBack

PACKAGE = "procs.bot_main.features"
OFFERED = 1_000
"""Messages that may wait to be looked at; beyond, the oldest are dropped: people write slower."""
TASKS = 8
"""Pieces of work that people have asked for, at the same time."""
BEAT_S = 0.5
"""How late a change of the house's level is told."""
UNSAID = (Action.SILENT, Action.PAUSED)
"""Nothing is said about these while they stand back."""


class House:
    """All features.

    Args:
        inbox: loaded.
        owner: command → feature that it belongs to.
        is_command: whether a message is a command; those that were missed are not carried out later.
        gpu: what each card does in a session, for people.
        rows: the table.
        words: what a message asks her: of a command, what stands behind it.
    """

    def __init__(
        self,
        kit: Kit,
        inbox: Inbox,
        owner: Callable[[str], str],
        is_command: Callable[[Incoming], bool],
        gpu: Callable[[], dict[str, str]] = dict,
        rows: Sequence[Row] = FEATURES,
        words: Callable[[Incoming], str] = lambda message: message.text,
    ) -> None:
        self._kit = kit
        self._inbox = inbox
        self._owner = owner
        self._gpu = gpu
        self._words = words
        self._rows = {row.name: row for row in rows}
        self.features: dict[str, Feature] = {
            row.name: import_module(f"{PACKAGE}.{row.name}").make(kit) for row in rows
        }
        self._hearing: list[Callable[[Incoming], None]] = [
            feature.heard for feature in self.features.values() if hasattr(feature, "heard")
        ]
        queued = next(row.name for row in rows if row.action is Action.QUEUED)
        self._outbox = Outbox(kit.bus, kit.chat, kit.gate, inbox, queued, self._answer)
        self._catching_up = CatchingUp(kit.bus, kit.chat, inbox, is_command, self._wanted, self._route)
        self._offered: Bounded[Callable[[], Awaitable[None]]] = Bounded(OFFERED)
        self._standing_back = StandingBack(kit)
        self._asked: dict[asyncio.Task[None], int] = {}
        """Work that people have asked for, and explanations of why it is not done → the message."""
        self._doing: set[asyncio.Task[None]] = set()
        """The work among it: explanations may wait for Discord's limits without anybody else waiting."""
        self._codes: dict[str, str] = {}
        self._told: HouseState | None = None

    async def run(self) -> None:
        """Live until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for feature in self.features.values():
                tasks.create_task(feature.run(), name=f"feature {feature.name}")
            for each in (self._inbox.run, self._outbox.run, self._catching_up.run, self._serve, self._tell):
                tasks.create_task(each())

    # --- what the front tells; none of these waits --------------------------------------------------

    def offer(self, message: Incoming) -> None:
        """Somebody wrote what is no command."""
        for hear in self._hearing:
            hear(message)
        self._offered.put(lambda: self._take(message))

    def edited(self, message: Incoming) -> None:
        """A message has new words."""
        self._offered.put(lambda: self._inbox.edit(message))

    def deleted(self, message_ids: tuple[int, ...]) -> None:
        """Messages are gone, and with them what they asked for."""
        self._offered.put(lambda: self._forget(message_ids))

    def is_wish(self, message: Incoming) -> bool:
        """Whether a message asks for what is explained while she speaks, rather than for an answer."""
        row = self._wanted(message)
        return row is not None and row.action is Action.BLOCKED

    def dealt_with(self, message: Incoming) -> None:
        """A message that was a command or a prompt: it is none that was missed."""
        self._offered.put(lambda: self._pass_over(message))

    def attend(self, channel_id: int, since_id: int) -> None:
        """What is written in a channel after a message or a click is missed by an absence, even if nobody
        wrote there before."""
        self._offered.put(lambda: self._attend(channel_id, since_id))

    async def take_over(self, messages: Sequence[Incoming]) -> bool:
        """Prompts that are to be answered in writing, each looked at once more before that; whether they are
        kept on disk now.
        """
        for message in messages:
            kept = self._inbox.queue.put(message, is_marked=True)
            if kept is Kept.WAITS:
                self._inbox.queue.doubted.add(message.id)
            elif kept is Kept.REFUSED:
                self._inbox.queue.release(message)
        is_kept = await self._inbox.commit()
        self._inbox.changed.set()
        return is_kept

    def online(self, sift: Callable[[Incoming], Incoming | None] = lambda message: message) -> None:
        """The gateway session is new: what was written meanwhile is fetched."""
        self._inbox.queue.doubt()
        self._catching_up.begin(sift)

    def offline(self) -> None:
        """The gateway session is lost: edits and deletions are told to nobody until the next one."""
        self._inbox.queue.doubt()

    async def command(self, call: Call) -> str:
        """Carry out a feature's command; what to answer, empty = nothing (more)."""
        row = self._rows[self._owner(call.command)]
        answer = None
        try:
            if row.action is Action.QUEUED:  # settings of hers: they need neither model nor card
                return await self.features[row.name].command(call)
            async with self._kit.gate.work(row.name) as allowed:
                if allowed:
                    answer = await self.features[row.name].command(call)
        except BackendError as error:
            self._failed(row.name, error)
            return sentence(error.code)
        return await self._standing_back.answer(row, call) if answer is None else answer

    def queue_text(self, person: Person, guild_id: int) -> str:
        """How many messages wait, and where those of a person stand."""
        wall_ms = self._kit.bus.clock.wall_ns() // 1_000_000
        return waiting_text(self._inbox.queue, person.id, guild_id, wall_ms)

    # --- messages -----------------------------------------------------------------------------------

    async def _serve(self) -> None:
        """One after the other, so that an edit never overtakes its message."""
        n_told = 0
        while True:
            work = await self._offered.get()
            if n_told != self._offered.dropped:
                n_told = self._offered.dropped
                self._kit.bus.log.warning("messages dropped", in_all=n_told)
            await work()

    async def _take(self, message: Incoming) -> None:
        looks = self._catching_up.is_level(message)
        row = self._wanted(message) if self._catching_up.take(message.id) else None
        if row is not None:
            await self._route(row, message, looks=looks)
        elif looks:
            self._inbox.queue.look(message.channel_id, message.id)

    async def _pass_over(self, message: Incoming) -> None:
        self._catching_up.take(message.id)
        if self._catching_up.is_level(message):
            self._inbox.queue.look(message.channel_id, message.id)
            await self._inbox.commit()

    async def _attend(self, channel_id: int, since_id: int) -> None:
        if channel_id not in self._inbox.queue.seen:
            self._inbox.queue.look(channel_id, since_id)
            await self._inbox.commit()

    def _wanted(self, message: Incoming) -> Row | None:
        """The row of the first feature that wants a message.

        One of which nothing is said while it stands back keeps nobody from an answer: that is queued then.
        """
        wanting = (row for row in self._rows.values() if self.features[row.name].wants(message))
        first = next(wanting, None)
        if first is None or first.action not in UNSAID or self._kit.gate.is_open(first.name):
            return first
        queued = next((row for row in wanting if row.action is Action.QUEUED), None)
        if queued is not None:
            self._standing_back.note(first)
        return queued or first

    async def _route(self, row: Row, message: Incoming, *, looks: bool) -> None:
        is_open = self._kit.gate.is_open(row.name)
        if row.action is Action.QUEUED:
            await self._inbox.put(message, is_marked=not is_open, looks=looks)
            return
        if looks:
            self._inbox.queue.look(message.channel_id, message.id)
        if not is_open:
            self._ask(self._standing_back.explain(row, message), message)
        elif len(self._doing) < TASKS:
            task = self._ask(self._do(row, message), message)
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)
        else:
            self._ask(self._standing_back.reply(row, message, sentence("busy")), message)

    def _ask(self, work: Coroutine[object, object, None], message: Incoming) -> asyncio.Task[None]:
        task = self._tasks.create_task(work)
        self._asked[task] = message.id
        task.add_done_callback(self._asked.pop)
        return task

    async def _forget(self, message_ids: tuple[int, ...]) -> None:
        for task, message_id in self._asked.items():
            if message_id in message_ids:
                task.cancel()
        await self._inbox.delete(message_ids)

    async def _do(self, row: Row, message: Incoming) -> None:
        """Let a feature do what a message asks."""
        is_done = False
        async with self._kit.gate.work(row.name) as is_allowed:
            if is_allowed:
                try:
                    await self.features[row.name].take(message)
                    self._codes.pop(row.name, None)
                except BackendError as error:
                    self._failed(row.name, error)
                    await self._standing_back.reply(row, message, sentence(error.code))
                is_done = True
        if not is_allowed:  # a session has begun since the message was offered
            await self._route(self._wanted(message) or row, message, looks=False)
        elif not is_done:
            await self._standing_back.explain(row, message)

    async def _answer(self, message: Incoming) -> str:
        """The answer of the QUEUED feature that wants the message."""
        queued = [row.name for row in self._rows.values() if row.action is Action.QUEUED]
        named = next((name for name in queued if self.features[name].wants(message)), queued[0])
        feature: Answering = self.features[named]  # type: ignore[assignment]
        return await feature.answer(replace(message, text=self._words(message)))

    # --- what people see of it ----------------------------------------------------------------------

    def _failed(self, feature: str, error: BackendError) -> None:
        self._codes[feature] = error.code
        self._kit.bus.log.warning("feature failed", feature=feature, code=error.code, detail=error.detail)

    async def _tell(self) -> None:
        while True:
            state = self.state()
            if state != self._told:
                self._told = state
                self._kit.bus.set_state("report.house", state)
            await asyncio.sleep(BEAT_S)

    def state(self) -> HouseState:
        """The house as it is now."""
        queue = self._inbox.queue
        features = tuple(self._feature_state(row) for row in self._rows.values())
        return HouseState(
            mood=mood_now(self._kit.shelf),
            persona="evil" if is_evil(self._kit.shelf) else "miku",
            queued=sum(not row.pages for row in queue.rows.values()),
            oldest_queued_ms=queue.oldest_ms,
            features=features,
            gpu={} if any(each.is_open for each in features) else self._gpu(),
        )

    def _feature_state(self, row: Row) -> FeatureState:
        own = getattr(self.features[row.name], "code", "")
        code = own or self._codes.get(row.name, "")
        return FeatureState(row.name, self._kit.gate.is_open(row.name), row.action.value, code, row.title)
