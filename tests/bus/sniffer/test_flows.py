"""The sniffer on a real bus: it sees everything, takes nothing, and can neither slow nor break it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.clock import SystemClock
from bus.keys import KeyRing
from bus.messages import Token, TurnEvent, TurnKind
from bus.node import Node
from bus.sniffer.__main__ import main
from bus.sniffer.playback import Playback
from bus.sniffer.recording import Recorder, Recording
from bus.sniffer.taps import Tapped, Taps, listening
from bus.sockets import tap
from bus.stats import Gaps
from bus.topics import topic
from tests.flows.network import SESSION, Network, live_session
from tests.ports import free_base_port
from tests.waiting import until

pytestmark = pytest.mark.flow

TURN = 2_000


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    async with Network() as network:
        network.keys = KeyRing.load(tmp_path)
        yield network


class Speech:
    """A streamer that pushes tokens to a bridge that takes them all."""

    def __init__(self, streamer: Node, bridge: Node) -> None:
        self.taken: list[int] = []
        self._streamer = streamer
        self._n_pushed = 0
        self._task = asyncio.create_task(self._take(bridge))

    @classmethod
    async def begin(cls, network: Network) -> "Speech":
        names = ("bot_main", "llm_streamer", "tts_bridge", "discord_voice")
        _, streamer, bridge, sink = await network.start(*names)
        live_session(sink)
        await until(lambda: streamer.is_live(SESSION, TURN) and bridge.is_live(SESSION, TURN))
        return cls(streamer, bridge)

    async def push(self, count: int, text: str = "hello") -> None:
        for _ in range(count):
            await self._streamer.push("flow.token", Token(self._n_pushed, text), SESSION, TURN)
            self._n_pushed += 1

    async def all_taken(self) -> bool:
        await until(lambda: len(self.taken) == self._n_pushed)
        return self.taken == list(range(self._n_pushed))

    async def _take(self, bridge: Node) -> None:
        async for received in bridge.pull("flow.token"):
            self.taken.append(received.message.index)


class Sniffer:
    """`bus-sniffer` as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(
        cls, network: Network, state_dir: Path, *arguments: object, stdout: int = asyncio.subprocess.PIPE
    ) -> "Sniffer":
        environ = {
            **os.environ,
            "MIKU_STATE_DIR": str(state_dir),
            "MIKU_BUS__BASE_PORT": str(network.settings.base_port),
        }
        command = [sys.executable, "-m", "bus.sniffer", *map(str, arguments)]
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdout=stdout, stderr=pipe, env=environ))

    async def end(self) -> tuple[int, list[dict[str, object]], str]:
        """Exit code, the rows it printed, and what it complained of."""
        out, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], errors.decode()

    async def line(self) -> dict[str, object]:
        assert self.process.stdout is not None
        found: dict[str, object] = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 15))
        return found

    async def kill(self) -> None:
        self.process.kill()
        await self.process.communicate()


async def hear(taps: Taps, count: int) -> list:
    heard: list = []
    while len(heard) < count:
        batch = await taps.take(5)
        assert batch, f"{len(heard)} of {count}"
        heard += batch
    return heard


async def test_a_tap_sees_each_message_of_a_flow_and_takes_none(network):
    speech = await Speech.begin(network)
    with listening(network.keys, network.settings, ["flow.token"], SystemClock()) as taps:
        await until(lambda: speech._streamer._publisher.is_watched("flow.token"))
        await speech.push(300)
        heard = await hear(taps, 300)
    assert [t.body["index"] for t in heard] == list(range(300))
    assert all(t.delay_ns > 0 for t in heard)
    assert await speech.all_taken()


async def test_a_sniffer_that_comes_late_hears_each_level_and_the_health_of_every_node(network):
    await Speech.begin(network)
    nodes = {"bot_main", "llm_streamer", "tts_bridge", "discord_voice", "web_gateway"}
    latest: dict[str, Tapped] = {}
    with listening(network.keys, network.settings, [""], SystemClock()) as taps:
        async with asyncio.timeout(15):
            while not {"control.session.discord_voice", *(f"report.health.{n}" for n in nodes)} <= {*latest}:
                latest |= {t.topic: t for t in await taps.take(2)}
    level = latest["control.session.discord_voice"]
    assert (level.header.session, level.body["phase"]) == (SESSION, "active")
    assert {latest[f"report.health.{node}"].header.src for node in nodes} == nodes


async def test_a_sniffer_that_stops_reading_loses_its_own_view_and_counts_it(network):
    speech = await Speech.begin(network)
    taps = Taps(SystemClock(), limit=100_000)
    with network.transport("sniffer") as transport:
        reader = tap(transport, ["flow.token"], taps.on_parts)
        await until(lambda: speech._streamer._publisher.is_watched("flow.token"))
        await speech.push(1)
        await hear(taps, 1)
        reader.pause()
        await speech.push(6_000, "x" * 10_000)  # more than both queues and the kernel's buffers hold
        assert await speech.all_taken()
        reader.resume()
        heard, gaps = [], Gaps()
        while not heard or heard[-1].header.seq < 6_001:
            batch = await taps.take(0.05)
            heard += batch
            if not batch:
                await speech.push(1)
        missed = sum(gaps.observe(t.topic, t.header) for t in heard)
        reader.close()
    assert missed > 0
    assert missed + len(heard) == heard[-1].header.seq - heard[0].header.seq + 1


async def test_a_frozen_and_a_killed_sniffer_disturb_nobody(network, tmp_path):
    speech = await Speech.begin(network)
    sniffer = await Sniffer.start(network, tmp_path, "echo", "flow.token", "--json")
    await until(lambda: speech._streamer._publisher.is_watched("flow.token"))
    await speech.push(10)
    assert (await sniffer.line())["topic"] == "flow.token"
    sniffer.process.send_signal(signal.SIGSTOP)
    await speech.push(3_000, "x" * 500)
    assert await speech.all_taken()
    await sniffer.kill()
    await until(lambda: not speech._streamer._publisher.is_watched("flow.token"))
    await speech.push(100)
    assert await speech.all_taken()


async def test_a_sniffer_whose_output_nobody_reads_disturbs_nobody(network, tmp_path):
    speech = await Speech.begin(network)
    unread, stdout = os.pipe()
    sniffer = await Sniffer.start(
        network, tmp_path, "echo", "flow.", "--full", "--show-content", stdout=stdout
    )
    await until(lambda: speech._streamer._publisher.is_watched("flow.token"))
    await speech.push(3_000, "x" * 500)
    assert await speech.all_taken()
    await sniffer.kill()
    os.close(unread)
    os.close(stdout)


async def test_a_bus_without_a_sniffer_mirrors_nothing(network):
    speech = await Speech.begin(network)
    assert not speech._streamer._publisher.is_watched("flow.token")


async def test_list_and_expectations_on_a_running_bus(network, tmp_path):
    await Speech.begin(network)
    expected = ("--expect", "report.health. age_ms<2500", "--expect", "flow.token hz>5")
    sniffer = await Sniffer.start(network, tmp_path, "list", "--json", "--for", "1s", *expected)
    code, rows, errors = await sniffer.end()
    by_topic = {row["topic"]: row for row in rows if row["kind"] == "topic"}
    assert by_topic["flow.token"]["alive"] == "yes"
    assert by_topic["report.health.guardian"]["alive"] == "no"
    judged = {row["topic"]: row["is_met"] for row in rows if row["kind"] == "expectation"}
    assert judged["report.health.llm_streamer"] is True
    assert judged["flow.token"] is False
    assert code == 1
    assert errors.strip() == "bus-sniffer: not met: flow.token hz>5"


async def test_control_c_ends_a_recording_properly_and_a_kill_loses_little(network, tmp_path):
    speech = await Speech.begin(network)
    ended, killed = tmp_path / "ended.mcap", tmp_path / "killed.mcap"
    sniffers = [await Sniffer.start(network, tmp_path, "record", file, "--json") for file in (ended, killed)]
    await until(lambda: speech._streamer._publisher.is_watched("flow.token"))
    await until(lambda: all(file.exists() and _recorded(file) for file in (ended, killed)))
    await speech.push(50, "canary")
    await until(lambda: _recorded(killed).count(b"flow.token") == 50, timeout_s=10)
    await sniffers[1].kill()
    sniffers[0].process.send_signal(signal.SIGINT)
    code, (result,), _ = await sniffers[0].end()
    assert (code, result["kind"], result["content"]) == (0, "recording", False)
    for file, is_complete in ((ended, True), (killed, False)):
        recording = Recording(file)
        tokens = [t for t in recording.messages() if t.topic == "flow.token"]
        assert recording.is_complete is is_complete
        assert [t.body["text"] for t in tokens] == ["xxxxxx"] * 50


def _recorded(file: Path) -> bytes:
    """Topics of what can be read of a file by now."""
    return b" ".join(tapped.topic.encode() for tapped in Recording(file).messages())


def test_where_no_node_answers_the_exit_code_is_two(tmp_path, monkeypatch, capsys):
    KeyRing.load(tmp_path)
    monkeypatch.setenv("MIKU_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("MIKU_BUS__BASE_PORT", str(free_base_port()))
    file = tmp_path / "r.mcap"
    assert main(["record", str(file), "--wait", "100ms"]) == 2
    assert "no node answers" in capsys.readouterr().err
    assert not file.exists()


async def test_the_role_of_the_sniffer_may_not_pull_from_a_flow(network):
    speech = await Speech.begin(network)
    stolen: list[list[bytes]] = []
    with network.transport("sniffer") as transport:
        reader = transport.puller(topic("flow.token"), stolen.append)
        for _ in range(20):
            await speech.push(10)
            await asyncio.sleep(0.01)
        reader.close()
    assert await speech.all_taken()
    assert stolen == []


async def test_strangers_hear_nothing(network):
    speech = await Speech.begin(network)
    with listening(KeyRing.generate(), network.settings, [""], SystemClock()) as taps:
        await speech.push(50)
        assert await taps.take(0.3) == []
    assert await speech.all_taken()


EVENING = {
    "report.turn.llm_streamer",
    "control.session.discord_voice",
    "report.health.bot_main",
    "report.health.tts_bridge",
}
"""Something of every writer whom a test looks for in the recording."""


@pytest.fixture
async def evening(network, tmp_path) -> Path:
    """A recording of a streamer's tokens and a bridge's milestone, with content."""
    speech = await Speech.begin(network)
    file = tmp_path / "evening.mcap"
    with listening(network.keys, network.settings, [""], SystemClock()) as taps:
        await until(lambda: speech._streamer._publisher.is_watched("flow.token"))
        recorder = Recorder(file.open("wb"), keeps_content=True)
        await speech.push(20, "again")
        speech._streamer.emit("report.turn.llm_streamer", TurnEvent(TurnKind.DONE), SESSION, TURN)
        topics: set[str] = set()
        while not topics >= EVENING:
            for heard in await taps.take(2):
                recorder.write(heard)
                topics.add(heard.topic)
        recorder.close()
    for name in ("llm_streamer", "tts_bridge", "discord_voice"):
        await network.kill(name)
    return file


async def test_a_recording_is_played_to_real_readers_in_the_place_of_absent_writers(network, evening):
    playback = Playback(network.keys, network.settings, SystemClock())
    bridge_started = asyncio.create_task(network.start("tts_bridge"))
    await playback.open(["llm_streamer", "discord_voice"])
    (bridge,) = await bridge_started
    taken: list[str] = []

    async def take() -> None:
        async for received in bridge.pull("flow.token"):
            taken.append(received.message.text)

    task = asyncio.create_task(take())
    messages = sorted(Recording(evening).messages(), key=lambda t: t.topic != "control.session.discord_voice")
    await playback.play(messages, speed=100)
    await until(lambda: len(taken) == 20)
    playback.close()
    task.cancel()
    assert taken == ["again"] * 20
    assert playback.n_of_running >= 1
    assert not playback.stand_ins["llm_streamer"].left_out.total()


async def test_play_leaves_running_writers_alone_and_says_what_had_no_reader(network, evening, tmp_path):
    await network.start("discord_voice")
    sniffer = await Sniffer.start(network, tmp_path, "play", evening, "--json", "--speed", "100")
    code, (result,), _ = await sniffer.end()
    assert code == 0
    assert result["standing_in"] == ["llm_streamer", "tts_bridge"]
    assert result["of_running"] >= 1
    assert result["left_out"] == {"flow.token": 20}


async def test_when_every_writer_runs_nothing_is_played(network, evening, tmp_path):
    await network.start("llm_streamer", "tts_bridge", "discord_voice")
    sniffer = await Sniffer.start(network, tmp_path, "play", evening)
    _, errors = await sniffer.process.communicate()
    assert sniffer.process.returncode == 1
    assert b"every writer of the recording is running" in errors
