"""Faults planted one by one: the doctor names each with its remedy."""

import json
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bus.errors import CODES
from bus.messages import Health, NodeState
from bus.topics import NODES
from cli import discovery
from cli.checks import folder, hardware, running, software
from cli.checks.base import Grade, Situation
from cli.settings_table import read
from cli.stack import Stack
from cli.verbs import doctor
from cli.verbs.doctor import examine
from cli.view import View
from procs.guardian.core.verdict import RESTING_CODE
from tests.discord.director import Director
from tests.discord.loopback import running as discord_running
from tests.doubles.llm import End, LlmDouble, Script, refuse, say
from tests.doubles.rvc import RvcDouble
from tests.doubles.soprano import SopranoDouble
from tests.ports import free_base_port

pytestmark = pytest.mark.flow

NOBODY = "http://127.0.0.1:9"
"""The discard port, where nothing listens."""


class Clinic:
    """A folder, an environment, and the doctor."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.state_path = folder / "state"
        self.patch = monkeypatch
        self.base_port = free_base_port()
        self._capsys = capsys
        self.set("MIKU_STATE_DIR", str(self.state_path))
        self.set("MIKU_BUS__BASE_PORT", str(self.base_port))
        monkeypatch.chdir(folder)
        monkeypatch.delenv("MIKU_CONFIG", raising=False)
        monkeypatch.setattr(discovery, "USUAL_PORTS", {})

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)

    def write(self, name: str, content: str | bytes, mode: int = 0o600) -> None:
        file = self.folder / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        file.chmod(mode)

    async def examine(self) -> tuple[int, dict[str, dict[str, Any]]]:
        """Exit code, and check → result."""
        code = await doctor.run(View(), SimpleNamespace(json=True))  # type: ignore[arg-type]
        return code, {result["id"]: result for result in json.loads(self._capsys.readouterr().out)}


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Clinic:
    return Clinic(tmp_path, monkeypatch, capsys)


Plant = Callable[[Clinic], AbstractAsyncContextManager[None]]


def static(change: Callable[[Clinic], object]) -> Plant:
    """A fault that is there all the time."""

    @asynccontextmanager
    async def plant(clinic: Clinic) -> AsyncIterator[None]:
        change(clinic)
        yield

    return plant


def with_llm(change: Callable[[LlmDouble], object] = lambda _: None, model: str = "", key: str = "") -> Plant:
    """A language model server with a fault."""

    @asynccontextmanager
    async def plant(clinic: Clinic) -> AsyncIterator[None]:
        async with LlmDouble(models=("qwen3:8b", "llama3.2"), api_key="secret" if key else "") as double:
            change(double)
            clinic.set("MIKU_LLM__BASE_URL", double.url)
            clinic.set("MIKU_LLM__MODEL", model)
            clinic.set("MIKU_LLM__API_KEY", key)
            yield

    return plant


@asynccontextmanager
async def port_taken(clinic: Clinic) -> AsyncIterator[None]:
    with socket.create_server(("127.0.0.1", clinic.base_port)):
        yield


@asynccontextmanager
async def cold_rvc(clinic: Clinic) -> AsyncIterator[None]:
    async with RvcDouble() as double:
        double.warmed_up = False
        clinic.set("TTS_WEBSOCKET_URL", double.url)
        yield


@asynccontextmanager
async def cold_soprano(clinic: Clinic) -> AsyncIterator[None]:
    async with SopranoDouble() as double:
        double.warmed_up = False
        clinic.set("MIKU_TTS__SOPRANO_URL", double.url)
        yield


@asynccontextmanager
async def unused_server(clinic: Clinic) -> AsyncIterator[None]:
    async with LlmDouble(models=("qwen3:8b",)) as double:
        clinic.patch.setattr(discovery, "USUAL_PORTS", {int(double.url.rpartition(":")[2]): "Ollama"})
        yield


@asynccontextmanager
async def wrong_server(clinic: Clinic) -> AsyncIterator[None]:
    async with unused_server(clinic):
        clinic.set("MIKU_LLM__BASE_URL", NOBODY)
        yield


def with_discord(token: str = "", privileged: int | None = None) -> Plant:
    """A Discord of our own, where the token or a privilege is missing."""

    @asynccontextmanager
    async def plant(clinic: Clinic) -> AsyncIterator[None]:
        async with discord_running() as discord:
            director = Director(discord).furnish()
            if privileged is not None:
                director.bots["Miku"].application.privileged_intents = privileged
            discord.authority.write(clinic.folder / "ca.pem")
            clinic.set("MIKU_DISCORD__CA_FILE", str(clinic.folder / "ca.pem"))
            clinic.set("MIKU_DISCORD__API_BASE", discord.api_base)
            clinic.set("MIKU_DISCORD__TOKEN", token or director.bots["Miku"].token)
            yield

    return plant


def lost_card(clinic: Clinic) -> None:
    tool = clinic.folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    clinic.set("PATH", str(clinic.folder))


def full_disk(clinic: Clinic) -> None:
    clinic.patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000))


def state_folder(mode: int) -> Callable[[Clinic], None]:
    def change(clinic: Clinic) -> None:
        clinic.state_path.mkdir()
        clinic.state_path.chmod(mode)

    return change


def slow_disk(clinic: Clinic) -> None:
    state_folder(0o700)(clinic)
    clinic.patch.setattr(folder, "_timed_sync", lambda _: 900.0)


def much_log(clinic: Clinic) -> None:
    state_folder(0o700)(clinic)
    clinic.write("state/logs/x.log", "x" * 100)
    clinic.patch.setattr(folder, "MUCH_LOG_BYTES", 10)


def variable(name: str, value: str) -> Plant:
    return static(lambda clinic: clinic.set(name, value))


@asynccontextmanager
async def no_discord(clinic: Clinic) -> AsyncIterator[None]:
    clinic.set("MIKU_DISCORD__API_BASE", "https://127.0.0.1:9")
    clinic.set("MIKU_DISCORD__TOKEN", "a.token")
    yield


def not_discord(text: str) -> Plant:
    """Something else answers there, in JSON."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(text=text)

    @asynccontextmanager
    async def plant(clinic: Clinic) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_get("/{any:.*}", answer)
        async with TestServer(app) as server:
            clinic.set("MIKU_DISCORD__API_BASE", str(server.make_url("/")))
            clinic.set("MIKU_DISCORD__TOKEN", "a.token")
            yield

    return plant


def file(name: str, content: str | bytes, mode: int = 0o600) -> Plant:
    return static(lambda clinic: clinic.write(name, content, mode))


def patched(module: object, name: str, value: object) -> Plant:
    return static(lambda clinic: clinic.patch.setattr(module, name, value))


def plays(script: Script) -> Plant:
    return with_llm(lambda llm: setattr(llm, "default", script))


FAIL, WARN = Grade.FAIL, Grade.WARN

FAULTS: dict[str, tuple[Plant, str, Grade, str]] = {
    "unknown key": (file("miku.toml", "[llm]\nbase_ulr = 'x'\n"), "settings", FAIL, "llm.base_url"),
    "wrong type": (variable("MIKU_LLM__MAX_TOKENS", "many"), "settings", FAIL, "whole number"),
    "broken file": (file("miku.toml", "[llm\n"), "settings", FAIL, "not valid TOML"),
    "open secret": (file("miku.toml", "[llm]\napi_key = 'x'\n", 0o644), "settings", FAIL, "chmod 600"),
    "unknown variable": (variable("MIKU_LLM__MODLE", "x"), "settings", FAIL, "MIKU_LLM__MODEL"),
    "settings file elsewhere": (variable("MIKU_CONFIG", "/nowhere/miku.toml"), "settings", WARN, "miku init"),
    "state folder is a file": (file("state", ""), "state_dir", FAIL, "state_dir"),
    "open state folder": (static(state_folder(0o755)), "state_dir", WARN, "chmod 700"),
    "open keys": (file("state/keys.json", "{}", 0o644), "keys", FAIL, "chmod 600"),
    "damaged database": (file("state/miku.db", b"no database" * 99), "databases", FAIL, "backup"),
    "full disk": (static(full_disk), "disk", FAIL, "Free some space"),
    "slow disk": (static(slow_disk), "sync_time", WARN, "local disk"),
    "much log": (static(much_log), "logs", WARN, "remove"),
    "port taken": (port_taken, "ports", FAIL, "bus.base_port"),
    "no model server": (variable("MIKU_LLM__BASE_URL", NOBODY), "llm", FAIL, "llm.base_url"),
    "unusable address": (variable("MIKU_LLM__BASE_URL", "ftp://x"), "settings", FAIL, "llm.base_url"),
    "another server runs": (wrong_server, "llm", FAIL, "Ollama answers here: set llm.base_url"),
    "a server that is not used": (unused_server, "llm", WARN, 'llm.model = "qwen3:8b"'),
    "unknown model": (with_llm(model="qwen3:7b"), "llm", FAIL, 'llm.model = "qwen3:8b"'),
    "no models": (with_llm(lambda llm: setattr(llm, "models", ())), "llm", FAIL, "Pull"),
    "wrong key": (with_llm(key="not it"), "llm", FAIL, "llm.api_key"),
    "loading model": (plays(refuse(503, "loading")), "llm_first_token", WARN, "Wait"),
    "hanging model": (plays(Script((End.HANG,))), "llm_first_token", WARN, "Wait"),
    "silent model": (plays(say("")), "llm_first_token", FAIL, "log"),
    "no rvc server": (variable("TTS_WEBSOCKET_URL", "ws://127.0.0.1:9/ws"), "voice", FAIL, "tts.rvc_url"),
    "cold rvc server": (cold_rvc, "voice", WARN, "Wait"),
    "no soprano server": (variable("MIKU_TTS__SOPRANO_URL", "tcp://127.0.0.1:9"), "voice", FAIL, "soprano"),
    "cold soprano server": (cold_soprano, "voice", WARN, "Wait"),
    "wrong token": (with_discord(token="not.a.token"), "discord", FAIL, "Reset Token"),
    "no intent": (with_discord(privileged=0), "discord", WARN, "Message Content Intent"),
    "no discord": (no_discord, "discord", FAIL, "network"),
    "something else": (not_discord('["hello"]'), "discord", FAIL, "discord.api_base"),
    "something bottomless": (not_discord("[" * 100_000), "discord", FAIL, "discord.api_base"),
    "old package": (patched(software, "NEEDED", {"msgpack": (99,)}), "packages", FAIL, "make run"),
    "no opus": (patched(software, "_av_folder", lambda: Path("/nowhere")), "opus", FAIL, "make run"),
    "old python": (patched(software, "OLDEST_PYTHON", (9, 0)), "python", FAIL, "Install"),
    "lost card": (static(lost_card), "gpu", WARN, "Restart the container"),
    "clock not set": (patched(hardware, "OLDEST_PLAUSIBLE_S", 2**40), "clock", WARN, "Set it"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_named_with_its_remedy(clinic: Clinic, fault: str) -> None:
    plant, check, grade, remedy = FAULTS[fault]
    async with plant(clinic):
        code, results = await clinic.examine()
    result = results[check]
    assert result["state"] == grade, result
    assert remedy in f"{result['cause']} {result['remedy']}", result
    assert code == {Grade.WARN: 1, Grade.FAIL: 2}[grade]
    assert len(result["cause"] + result["remedy"]) < 300


async def test_a_healthy_machine_is_left_in_peace(clinic: Clinic) -> None:
    async with with_llm()(clinic), SopranoDouble() as voice:
        clinic.set("MIKU_TTS__SOPRANO_URL", voice.url)
        clinic.set("PATH", str(clinic.folder))
        code, results = await clinic.examine()
    assert {name: r for name, r in results.items() if r["state"] != "ok"} == {}
    assert code == 0
    assert set(results) == {"settings", *doctor.CHECKS}


async def test_a_secret_is_never_shown(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with with_llm(key="canary-key")(clinic):
        await doctor.run(View(), SimpleNamespace(json=False))  # type: ignore[arg-type]
    shown = capsys.readouterr()
    assert "canary-key" not in shown.out + shown.err


async def test_a_check_that_hangs_does_not_hold_up_the_others(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "CHECK_S", 0.05)
    situation = Situation(Stack(read()), running=False)

    def hangs(_: Situation) -> Any:
        time.sleep(0.3)

    results = await examine(situation, {"hangs": hangs, "python": software.python})
    assert [result.state for result in results] == [Grade.FAIL, Grade.OK]


async def test_discord_is_well_with_its_token_and_its_intent(clinic: Clinic) -> None:
    async with with_discord()(clinic):
        _, results = await clinic.examine()
    assert results["discord"]["state"] == "ok"
    assert "Miku" in results["discord"]["value"]


def situation_with(**health: Health) -> Situation:
    said = {node: Health(NodeState.READY, 1) for node in NODES} | health
    return Situation(Stack(read({}, Path("/nowhere/miku.toml"))), running=True, health=said)


def test_a_degraded_process_is_explained_by_its_code() -> None:
    finding = running.processes(
        situation_with(tts_bridge=Health(NodeState.DEGRADED, 1, code="tts_unreachable"))
    )
    assert finding.grade is Grade.WARN
    assert "tts.soprano_url" in finding.remedy


def test_all_degraded_processes_are_named_and_each_is_explained_once() -> None:
    finding = running.processes(
        situation_with(
            tts_bridge=Health(NodeState.DEGRADED, 1, code="tts_unreachable"),
            llm_server=Health(NodeState.DEGRADED, 1, code="model_unusable"),
            guardian=Health(NodeState.DEGRADED, 1, code="tts_unreachable"),
        )
    )
    assert [name for name in NODES if name in finding.value] == ["tts_bridge", "llm_server", "guardian"]
    assert finding.cause == CODES["tts_unreachable"].cause
    assert finding.remedy.count("tts.soprano_url") == finding.remedy.count("llm_server.gguf") == 1


def test_a_silent_process_is_named() -> None:
    situation = situation_with()
    del situation.health["tts_bridge"]
    finding = running.processes(situation)
    assert (finding.grade, finding.value) == (Grade.FAIL, f"{len(NODES) - 1} of {len(NODES)}")
    assert "tts_bridge" in finding.cause


def test_a_resting_process_is_told_from_one_that_is_about_to_be_replaced() -> None:
    resting = Health(NodeState.DEGRADED, 1, code=RESTING_CODE, detail="tts_bridge rests, next try in 9 s")
    situation = situation_with(guardian=resting)
    del situation.health["tts_bridge"]
    remedy = running.processes(situation).remedy
    assert remedy.startswith("tts_bridge rests, next try in 9 s. ")
    assert "miku.toml" in remedy
    assert remedy.endswith("tts_bridge.log")


def test_a_late_loop_and_refused_messages_are_seen() -> None:
    assert (
        running.loops(situation_with(bot_main=Health(NodeState.READY, 1, loop_lag_ms=400))).grade
        is Grade.WARN
    )
    assert (
        running.wire(situation_with(bot_main=Health(NodeState.READY, 1, decode_errors=3))).grade is Grade.WARN
    )
    assert running.loops(situation_with()).grade is Grade.OK
    assert running.wire(situation_with()).grade is Grade.OK
