"""A furnished Discord, a client that forwards, and the sink under test."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import discord
import numpy as np
import pytest

from bus.audio import FRAME_SAMPLES
from bus.messages import AudioFrame, Intent, TurnKind
from procs.discord_voice.backends.discord_link import Connection
from procs.discord_voice.backends.discord_sink import DiscordSink
from procs.sink.backends.base import Lost, Renew, Source, VoiceEvent
from procs.sink.backends.pacer import Pacer
from procs.sink.core.playout import Playout
from tests.discord.client import make_client, online, pointed_to
from tests.discord.director import Director
from tests.discord.loopback import Loopback, running
from tests.discord.rules import Rules
from tests.discord.tone_reader import letters, read
from tests.doubles.tone_voice import ToneVoice
from tests.procs.discord_voice.backends.forwarder import Switch
from tests.waiting import until

SESSION = "20261120-173000-a1b2"
VOICE = ToneVoice(symbol_ms=60)
"""Slow enough that a lossy codec leaves each character as it is."""


class House:
    """The sink, what it told, and who feeds it."""

    def __init__(self, director: Director, client: discord.Client, ca_file: Path, limit_s: float) -> None:
        self.director = director
        self.client = client
        self.events: list[VoiceEvent] = []
        self.log: list[dict[str, Any]] = []
        self.sink = DiscordSink(
            Pacer(time.monotonic_ns), time.monotonic_ns, self._note, limit_s, str(ca_file)
        )
        self.playout = Playout()
        self.source = Source(self.playout, time.monotonic_ns, lambda: None)
        self.guild_id = director.guild("Home").id
        self.switch = self.new_switch()
        self._turn = 0
        self._revision = 0
        self._tasks: list[asyncio.Task[None]] = []

    def new_switch(self) -> Switch:
        return Switch(self.client, self.guild_id, lambda link: self.sink.link(SESSION, link))

    def _note(self, event: str, **fields: Any) -> None:
        self.log.append(fields)

    def told(self, event: VoiceEvent) -> None:
        self.events.append(event)
        if isinstance(event, Renew):
            self._tasks.append(asyncio.ensure_future(self.switch.renew(event.dead_revision)))

    def intent(self, place: str = "Lounge") -> Intent:
        self._revision += 1
        channel = self.director.places[place].id
        return Intent(True, "discord_voice", 1, self._revision, self.guild_id, channel)

    async def join(self, place: str = "Lounge") -> None:
        intent = self.intent(place)
        await self.switch.go(intent.voice_channel_id)
        await self.sink.connect(SESSION, intent)

    def outcome(self) -> tuple[TurnKind, str]:
        """How the turn ended that was over last."""
        ends = (TurnKind.DONE, TurnKind.CUT, TurnKind.FAILED)
        reached = [one for one in self.source.take_milestones() if one.kind in ends]
        return reached[-1].kind, reached[-1].code

    @property
    def connection(self) -> Connection:
        connection = self.sink._calls[SESSION].connection
        assert connection is not None
        return connection

    @property
    def is_connected(self) -> bool:
        """Ready to be heard."""
        call = self.sink._calls.get(SESSION)
        return bool(call and call.connection and not call.connection.holds)

    @property
    def lost(self) -> str:
        return next((event.code for event in self.events if isinstance(event, Lost)), "")

    @property
    def moves(self) -> list[tuple[str, int]]:
        """What the log says was done about what."""
        return [(str(line["then"]), line["close_code"]) for line in self.log if "then" in line]

    def say(self, text: str) -> None:
        """One turn."""
        self._turn += 1
        pcm = (VOICE.say(text) * 32767).astype(np.int16)
        frames = np.pad(pcm, (0, -len(pcm) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
        for index, frame in enumerate(frames):
            self.source.put(self._turn, AudioFrame(index, 0, frame.tobytes(), index == len(frames) - 1))
        assert self.source.start() == self._turn
        self.sink.play(SESSION, self._turn, self.source)

    async def is_said(self, limit_s: float = 15.0) -> None:
        await until(lambda: not self.source.sounding, limit_s)

    def heard(self, place: str = "Lounge") -> str:
        """The text of the sound that came out, utterance by utterance."""
        heard = self.director.places[place].heard()
        return "|".join(letters(read(one.samples)) for one in heard.utterances)

    async def hears(self, text: str, place: str = "Lounge") -> None:
        """Says it, and hears it whole."""
        heard = self.director.places[place].heard()
        before = len(heard.utterances)
        self.say(text)
        await until(lambda: len(heard.utterances) > before and heard.utterances[-1].is_over)
        assert letters(read(heard.utterances[-1].samples)) == text


@asynccontextmanager
async def housed(
    loopback: Loopback, director: Director, client: discord.Client, folder: Path, limit_s: float = 8.0
) -> AsyncIterator[House]:
    ca_file = folder / "ca.pem"
    loopback.authority.write(ca_file)
    house = House(director, client, ca_file, limit_s)
    task = asyncio.create_task(house.sink.run(house.told))
    await asyncio.sleep(0)
    try:
        yield house
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with running(Rules(identify_interval_s=0.0)) as discord_:
        with pointed_to(discord_):
            yield discord_


@pytest.fixture
def director(loopback: Loopback) -> Director:
    made = Director(loopback).furnish()
    made.voice_place("Attic")
    return made


@pytest.fixture
async def client(loopback: Loopback, director: Director) -> AsyncIterator[discord.Client]:
    made = make_client(loopback)
    async with online(made, director.bots["Miku"].token) as client_:
        yield client_


@pytest.fixture
async def house(
    loopback: Loopback, director: Director, client: discord.Client, tmp_path: Path
) -> AsyncIterator[House]:
    async with housed(loopback, director, client, tmp_path) as made:
        yield made


@pytest.fixture
async def joined(house: House) -> House:
    """In the Lounge with Ann, encryption up."""
    house.director.person("Ann").joins("Lounge")
    await house.join()
    await until(lambda: house.is_connected)
    return house
