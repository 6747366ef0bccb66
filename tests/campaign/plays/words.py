"""Messages that wait while she speaks: many at once on a real stack; edits and deletions at any moment."""

import asyncio
import re
import time
from collections.abc import Sequence

from bus.messages import ChatMessage, Phase
from procs.bot_main.core.chat import Incoming, Post
from tests.campaign.campaign import Run
from tests.campaign.plays.blocks import quick
from tests.campaign.visit import Visit, visiting
from tests.e2e.house import SONG
from tests.procs.bot_main.features.full_house import Home, living
from tests.procs.bot_main.features.hands import HandModel
from tests.procs.bot_main.hand_chat import ANNA, BERT, GENERAL
from tests.waiting import until, wait_until

# --- U21 ------------------------------------------------------------------------------------------------

MESSAGES = 500
N_WRITERS = 25
N_ROOMS = 3
LONG_S = 600.0
"""Marks and answers keep to Discord's limits: 4 and about 0.7 in a second."""
NUMBER = re.compile(r"let go of (\d+|one) message")


async def u21_many(run: Run) -> None:
    """More messages in one session than may wait."""
    async with visiting(await run.world.house()) as visit:
        await asyncio.to_thread(_many, visit, run)


def _many(visit: Visit, run: Run) -> None:
    visit.well()
    visit.join()
    rooms = [visit.room("talk") for _ in range(N_ROOMS)]
    writers = [f"Talker {n}" for n in range(N_WRITERS)]
    for name in writers:
        visit.home.remote.director.person(name=name)
    n_refused = visit.home.remote.journal.refusals().get("429", 0)
    asked = {room: [] for room in rooms}
    for n in range(MESSAGES):
        room = run.dice.choice(rooms)
        asked[room].append(visit.says(f"question {n}", writers[n % N_WRITERS], room))
    wait_until(lambda: all(visit.is_marked(messages[-1], room) for room, messages in asked.items()), LONG_S)
    assert not any(visit.replies(message, room) for room in rooms for message in asked[room][:1])
    visit.ask_out()
    began_s = time.monotonic()
    wait_until(lambda: sum(_settled(visit, room) for room in rooms) >= MESSAGES, LONG_S)
    run.note("session over to all settled, s", time.monotonic() - began_s)
    for room, messages in asked.items():
        hers = [one for one in visit.written(room) if one["author"] == "Miku"]
        answered = [int(one["reply_to"]) for one in hers if one["content"] == SONG]
        assert answered == sorted(set(answered)), f"{room}: not in order, or twice"
        assert len(hers) - len(answered) <= 1, f"{room}: more than one notice"
        assert _settled(visit, room) == len(messages)
    n_refused = visit.home.remote.journal.refusals().get("429", 0) - n_refused
    run.note("requests that Discord put off", n_refused)


def _settled(visit: Visit, room: str) -> int:
    """Messages of a room that were answered, or counted in a notice."""
    hers = [one["content"] for one in visit.written(room) if one["author"] == "Miku"]
    noticed = [found[1] for text in hers if (found := NUMBER.search(text))]
    return hers.count(SONG) + sum(1 if number == "one" else int(number) for number in noticed)


# --- U22 ------------------------------------------------------------------------------------------------

WORDS = 50
"""Messages in one run."""
CHANNELS = (GENERAL, 100, 101, 102)


class EchoModel(HandModel):
    """Answers with the words it was asked, sooner or later."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._dice = run.dice

    async def complete(self, messages: Sequence[ChatMessage], **_: object) -> str:
        asked = messages[-1].content
        for _step in range(self._dice.randrange(4)):
            await asyncio.sleep(0.001)
        return f"you said {asked.partition(': ')[2]}"


class Truth:
    """What each message says and whether it is there, at the moment at which the inbox hears of it.

    An edit counts until there is an answer, a deletion until the first page of it is on its way.
    """

    def __init__(self, home: Home) -> None:
        self.words: dict[int, str] = {}
        self.gone: set[int] = set()
        self._inbox, self._chat = home.house._inbox, home.chat
        self._edit, self._delete, self._send = self._inbox.edit, self._inbox.delete, self._chat.send
        self._posting: set[int] = set()
        self._inbox.edit, self._inbox.delete = self.edit, self.delete  # type: ignore[method-assign]
        self._chat.send = self.send  # type: ignore[method-assign]

    async def edit(self, message: Incoming) -> None:
        row = self._inbox.queue.rows.get(message.id)
        if row and not row.pages:
            self.words[message.id] = message.text
        await self._edit(message)

    async def delete(self, ids: tuple[int, ...]) -> None:
        rows = self._inbox.queue.rows
        self.gone |= {id_ for id_ in ids if id_ in rows and id_ not in self._posting}
        await self._delete(ids)

    async def send(self, channel_id: int, post: Post) -> list[int]:
        self._posting.add(post.reply_to)
        await asyncio.sleep(0.001)
        return await self._send(channel_id, post)


async def u22_edits(run: Run) -> None:
    """Messages are edited and deleted while they wait, while they are answered, and later."""
    with quick():
        async with living(run.world.new_folder(), model=EchoModel(run)) as home:
            await _edits(home, run)


async def _edits(home: Home, run: Run) -> None:
    truth, dice = Truth(home), run.dice
    await home.sink(Phase.ACTIVE)
    messages = [
        await home.says(f"words {n}", by=dice.choice((ANNA, BERT)), channel_id=dice.choice(CHANNELS),
                        is_addressed=True)
        for n in range(WORDS)
    ]  # fmt: skip
    truth.words |= {each.id: each.text for each in messages}
    for n in range(WORDS):
        await _change(home, run, dice.choice(messages), n)
    await until(lambda: len(home.house._inbox.queue.rows) + len(truth.gone) == WORDS)
    await home.sink(Phase.IDLE)
    n = WORDS
    while home.house._inbox.queue.rows:
        n += 1
        if n < 3 * WORDS:
            await _change(home, run, dice.choice(messages), n)
        await asyncio.sleep(0.001)
    told = {
        each.id: [p.post.text for p in home.chat.posted if p.post.reply_to == each.id] for each in messages
    }
    for each in messages:
        wanted = [] if each.id in truth.gone else [f"you said {truth.words[each.id]}"]
        assert told[each.id] == wanted, f"{told[each.id]} instead of {wanted}"


async def _change(home: Home, run: Run, message: Incoming, n: int) -> None:
    """Somebody edits or deletes, whether the message is still there or not."""
    if run.dice.random() < 0.7:
        if any(each.id == message.id for each in home.chat.heard[message.channel_id]):
            home.house.edited(home.chat.edits(message, f"words changed {n} times"))
    else:
        home.chat.deletes(message)
        home.house.deleted((message.id,))
    await asyncio.sleep(0)
