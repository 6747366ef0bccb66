"""The embedded voice as the process that a stack runs."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.keys import KeyRing
from bus.topics import TTS_SERVER_PORT_OFFSET
from tests.ports import free_base_port
from tests.procs.tts_server.client import connected

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[3]


class Process:
    """`python -m procs.tts_server` with a stack's settings of its own."""

    def __init__(self, state: Path, **settings: str) -> None:
        self.base_port = free_base_port()
        self.address = f"tcp://127.0.0.1:{self.base_port + TTS_SERVER_PORT_OFFSET}"
        self.keys = KeyRing.load(state)
        environ = {
            **os.environ,
            "MIKU_STATE_DIR": str(state),
            "MIKU_BUS__BASE_PORT": str(self.base_port),
            "MIKU_CONFIG": str(state / "none.toml"),
            **settings,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "procs.tts_server"],
            cwd=ROOT,
            env=environ,
            stderr=subprocess.PIPE,
            text=True,
        )

    def client_keys(self, role: str) -> tuple[bytes, bytes, bytes]:
        return (self.keys.public("tts_server"), *self.keys.pair(role))

    def end(self) -> tuple[int, str]:
        """Ask it to stop; returns exit code and log."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path)
    yield running
    running.process.kill()
    running.process.communicate()


async def test_it_speaks_to_the_bridge_and_ends_gracefully_in_the_middle_of_a_text(process: Process) -> None:
    text = "Nobody will hear the end of this. " * 50
    async with (
        connected(process.address, process.client_keys("discord_voice")) as stranger,
        connected(process.address, process.client_keys("tts_bridge")) as bridge,
    ):
        await stranger.ask("ping", n=1)
        pong = await bridge.warmed_up()
        assert (pong["engine"], pong["sample_rate"]) == ("espeak", 22_050)
        assert 0.3 < (await bridge.say("Hello")).seconds < 0.9
        for number in range(16):
            await bridge.ask("say", id=f"r{number}", text=text)
        await bridge.receive()
        code, log = process.end()
        assert code == 0, log
        assert "Traceback" not in log
        assert "Nobody" not in log


async def test_a_missing_package_is_told_without_a_traceback(tmp_path: Path) -> None:
    running = Process(tmp_path, MIKU_TTS_SERVER__ENGINE="soprano")
    try:
        async with connected(running.address, running.client_keys("cli")) as doctor:
            spoken = await doctor.say("Hello")
            while spoken.code == "loading":
                spoken = await doctor.say("Hello")
            assert spoken.code == "unavailable"
    finally:
        code, log = running.end()
        print(log)  # what a failure of the lines above is told by
    assert code == 0, log
    assert "pip install soprano-tts" in log
    assert "Traceback" not in log
