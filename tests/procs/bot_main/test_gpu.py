"""The GPU plan over real sockets: other servers unload before a session, and what is free is judged."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bus.errors import BackendError, BadSettings
from bus.testing import MemoryNode
from procs.bot_main import gpu
from procs.bot_main.app import BotMain
from procs.bot_main.backends.llama_swap import LlamaSwap
from procs.bot_main.backends.vram import Vram
from procs.bot_main.core.gpu_plan import MIB
from procs.bot_main.feature_settings import GpuSettings
from procs.bot_main.gpu import GpuPlan
from tests.doubles.llama_swap import LlamaSwapDouble

pytestmark = pytest.mark.flow

GENERATIONS = ["old", "2026-01", "2026-08"]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "UNLOAD_S", 0.5)
    monkeypatch.setattr(gpu, "LOOK_S", 0.01)


@pytest.fixture
def no_card(tmp_path: Path) -> Vram:
    """A machine that tells nothing."""
    return Vram(tmp_path / "absent", str(tmp_path))


@pytest.fixture
def full_card(tmp_path: Path) -> Vram:
    """An AMD card with 4 of 16 GiB free."""
    device = tmp_path / "drm" / "card1" / "device"
    device.mkdir(parents=True)
    (device / "mem_info_vram_total").write_text(f"{16_384 * MIB}\n")
    (device / "mem_info_vram_used").write_text(f"{12_288 * MIB}\n")
    return Vram(tmp_path / "drm", str(tmp_path))


@asynccontextmanager
async def plan_of(
    meter: Vram, *urls: str, voice: str = "", make: str = "", api_key: str = "", **settings: object
) -> AsyncIterator[GpuPlan]:
    servers = [LlamaSwap(url, api_key) for url in urls]
    speaker = LlamaSwap(voice) if voice else None
    node = MemoryNode(BotMain.name, BotMain.reads)
    yield GpuPlan(node, GpuSettings(**settings), servers, meter, speaker, make)  # type: ignore[arg-type]
    for server in (*servers, *([speaker] if speaker else [])):
        await server.close()


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_other_servers_are_empty_before_a_session(generation: str, no_card: Vram):
    async with (
        LlamaSwapDouble(("qwen", "eyes"), generation=generation) as busy,
        LlamaSwapDouble(generation=generation) as idle,
        plan_of(no_card, busy.url, idle.url) as plan,
    ):
        report = await plan.before_session()
        assert (report.code, report.is_refused) == ("", False)
        assert busy.states == {}
        assert plan.lines()["other server 1"] == "unloaded qwen, eyes"
        assert plan.lines()["other server 2"] == "nothing was loaded"


async def test_a_model_that_is_just_being_loaded_goes_too(no_card: Vram):
    async with LlamaSwapDouble(generation="2026-01") as swap, plan_of(no_card, swap.url) as plan:
        swap.states["qwen"] = "starting"
        assert (await plan.before_session()).code == ""
        assert swap.states == {}


async def test_a_server_that_is_down_has_nothing_loaded(no_card: Vram):
    async with LlamaSwapDouble() as swap:
        url = swap.url
    async with plan_of(no_card, url) as plan:
        assert (await plan.before_session()).code == ""
        assert plan.lines()["other server"] == "does not answer: nothing is loaded there"


@pytest.mark.parametrize("fault", ["is_stuck", "hangs"])
async def test_a_server_that_keeps_its_models_is_told_in_time(fault: str, no_card: Vram):
    async with LlamaSwapDouble(("qwen",)) as swap, plan_of(no_card, swap.url) as plan:
        setattr(swap, fault, True)
        report = await plan.before_session()
        assert (report.code, report.is_refused) == ("gpu_not_freed", False)
        assert "still loaded" in plan.lines()["other server"]


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"running": 5}', "[" * 100_000])
async def test_a_server_of_another_kind_is_told(body: str, no_card: Vram):
    async with LlamaSwapDouble(("qwen",)) as swap, plan_of(no_card, swap.url) as plan:
        swap.body = body
        assert (await plan.before_session()).code == "gpu_not_freed"


async def test_a_server_that_wants_a_key_gets_it(no_card: Vram):
    async with LlamaSwapDouble(("qwen",), api_key="s3cret") as swap:
        async with plan_of(no_card, swap.url) as plan:
            assert (await plan.before_session()).code == "gpu_not_freed"
            assert "401" in plan.lines()["other server"]
        async with plan_of(no_card, swap.url, api_key="s3cret") as plan:
            assert (await plan.before_session()).code == ""
            assert swap.states == {}


@pytest.mark.parametrize("generation", ["2026-01", "2026-08"])
async def test_one_model_can_be_unloaded_alone(generation: str):
    async with LlamaSwapDouble(("a/b c", "d"), generation=generation) as swap:
        server = LlamaSwap(f"{swap.url}/v1")
        await server.unload("a/b c")
        await server.unload("unknown")
        assert swap.unloads == ["a/b c"]
        assert "d" in [model.name for model in await server.running()]
        await server.close()


async def test_a_session_that_would_not_fit_is_refused_or_warned_about(full_card: Vram):
    needed = {"needed_mib": ("amd0=9000",)}
    async with plan_of(full_card, when_short="refuse", **needed) as plan:
        report = await plan.before_session()
        assert (report.code, report.is_refused) == ("gpu_short", True)
        assert report.detail == "amd0: 4096 of 16384 MiB free, 9000 needed"
        assert plan.lines()["amd0"] == "4,096 of 16,384 MiB free at the start"
    async with plan_of(full_card, **needed) as plan:
        assert not (await plan.before_session()).is_refused


async def test_a_voice_that_is_loaded_already_fits(full_card: Vram):
    settings = {"needed_mib": ("amd0=9000",), "when_short": "refuse"}
    async with (
        LlamaSwapDouble(("llama3.1",)) as voice,
        plan_of(full_card, voice=voice.url, **settings) as plan,
    ):
        assert (await plan.before_session()).code == ""
        voice.states = {}
        assert (await plan.before_session()).is_refused
        assert voice.unloads == []


async def test_a_voice_that_is_loaded_excuses_its_own_card_alone(full_card: Vram, tmp_path: Path):
    tool(tmp_path, "nvidia-smi", "echo 0, 6144, 100")
    settings = {"needed_mib": ("amd0=9000", "nvidia0=1500"), "when_short": "refuse"}
    full = "nvidia0: 100 of 6144 MiB free, 1500 needed"
    async with (
        LlamaSwapDouble(("llama3.1",)) as voice,
        plan_of(full_card, voice=voice.url, make="amd", **settings) as by_make,
        plan_of(full_card, voice=voice.url, voice_cards=("amd0",), **settings) as by_name,
    ):
        for plan in (by_make, by_name):
            report = await plan.before_session()
            assert (report.is_refused, report.detail) == (True, full)
        tool(tmp_path, "nvidia-smi", "echo 0, 6144, 2000")
        assert (await by_make.before_session()).code == ""


def tool(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


async def test_the_tools_are_asked_and_a_bad_one_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("procs.bot_main.backends.vram.TOOL_S", 0.5)
    tool(tmp_path, "nvidia-smi", 'test "$2" = "--format=csv,noheader,nounits" && echo "0, 6144, 5000"')
    rocm = '{"card0": {"VRAM Total Memory (B)": "17163091968", "VRAM Total Used Memory (B)": "1048576"}}'
    tool(tmp_path, "rocm-smi", f"echo '{rocm}'")
    meter = Vram(tmp_path / "drm", str(tmp_path))
    assert [(card.name, card.free_mib) for card in await meter.read()] == [("nvidia0", 5000), ("amd0", 16367)]
    tool(tmp_path, "nvidia-smi", "echo 0, 1, 1; exit 9")
    tool(tmp_path, "rocm-smi", "exec sleep 60")
    assert await meter.read() == ()


def test_bad_settings_are_one_sentence(no_card: Vram):
    node = MemoryNode(BotMain.name, BotMain.reads)
    with pytest.raises(BadSettings, match=r"gpu\.needed_mib holds 'x'"):
        GpuPlan(node, GpuSettings(needed_mib=("x",)), [], no_card)
    with pytest.raises(BadSettings, match=r"gpu\.voice_cards holds 'x': write it like amd0"):
        GpuPlan(node, GpuSettings(voice_cards=("x",)), [], no_card)
    with pytest.raises(BadSettings, match=r"gpu\.free_urls"):
        LlamaSwap("ftp://x")


async def test_an_unknown_path_of_unloading_is_an_error():
    async with LlamaSwapDouble(generation="old") as swap:
        server = LlamaSwap(swap.url)
        await server.unload("some")  # the oldest can't unload one alone
        assert swap.unloads == []
        swap.hangs = False
        await swap.stop()
        with pytest.raises(BackendError) as caught:
            await server.running()
        assert caught.value.code == "gpu_unreachable"
        await server.close()
        await swap.start()
