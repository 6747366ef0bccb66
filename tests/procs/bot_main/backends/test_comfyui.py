"""ComfyUI over real sockets: pictures, progress, faults, and leaving early."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.errors import BackendError
from procs.bot_main.backends import comfyui
from procs.bot_main.backends.base_images import Painted, Stage
from procs.bot_main.backends.comfyui import ComfyUi
from procs.bot_main.core import comfyui as said
from procs.bot_main.core.drawing import BUILT_IN
from tests.doubles.comfyui import CHECKPOINT, ComfyDouble, Run
from tests.waiting import until

pytestmark = pytest.mark.flow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui, "LOOK_S", 0.05)
    monkeypatch.setattr(comfyui, "LOST_S", 0.3)


@pytest.fixture
async def comfy() -> AsyncIterator[ComfyDouble]:
    async with ComfyDouble() as double:
        yield double


@pytest.fixture
async def painter(comfy: ComfyDouble) -> AsyncIterator[ComfyUi]:
    painter = ComfyUi(comfy.url, BUILT_IN, "", 20)
    yield painter
    await painter.close()


async def painted(painter: ComfyUi) -> tuple[Painted, list[Stage]]:
    steps = [step async for step in painter.paint("a cat", 7)]
    assert isinstance(steps[-1], Painted)
    return steps[-1], [step for step in steps if isinstance(step, Stage)]


async def test_a_picture_comes_with_its_progress(comfy: ComfyDouble, painter: ComfyUi):
    picture, stages = await painted(painter)
    assert (picture.name, picture.data) == ("drawing.png", comfy.image)
    percents = [stage.percent for stage in stages]
    assert percents == sorted(percents)
    assert {25, 50, 75} <= set(percents)
    assert comfy.prompts[0]["2"]["inputs"]["text"] == "a cat"
    assert comfy.prompts[0]["5"]["inputs"]["seed"] == 7
    assert comfy.interrupted == []


@pytest.mark.parametrize("is_new", [True, False])
async def test_the_servers_first_checkpoint_is_used(is_new: bool):
    async with ComfyDouble(is_new=is_new) as comfy:
        painter = ComfyUi(comfy.url, BUILT_IN, "", 20)
        await painted(painter)
        await painter.close()
        assert comfy.prompts[0]["1"]["inputs"]["ckpt_name"] == CHECKPOINT


@pytest.mark.parametrize("fault", ["drop", "silent"])
async def test_a_socket_that_says_nothing_costs_no_picture(fault: str, comfy: ComfyDouble, painter: ComfyUi):
    comfy.play(Run(fault=fault))
    picture, _ = await painted(painter)
    assert picture.data == comfy.image


async def test_the_place_in_the_servers_queue_is_told(comfy: ComfyDouble, painter: ComfyUi):
    loaded = asyncio.Event()
    comfy.occupy(3, loaded)
    async with aclosing(painter.paint("a cat", 1)) as stages:
        ahead = []
        async for stage in stages:
            assert isinstance(stage, Stage)
            ahead.append(stage.ahead)
            if stage.ahead == 3:
                loaded.set()
            if stage.ahead == 0:
                break
    assert max(ahead) == 3


@pytest.mark.parametrize(
    ("fault", "code", "detail"),
    [
        ("refuse", "drawing_refused", "node 1 (CheckpointLoaderSimple): value_not_in_list ckpt_name"),
        ("error", "drawing_failed", "KSampler"),
        ("out_of_memory", "drawing_no_memory", "OutOfMemoryError"),
        ("no_output", "drawing_failed", "no picture"),
        ("forget", "drawing_failed", "forgotten"),
    ],
)
async def test_what_goes_wrong_has_a_name(
    fault: str, code: str, detail: str, comfy: ComfyDouble, painter: ComfyUi
):
    comfy.play(Run(fault=fault))
    with pytest.raises(BackendError) as caught:
        await painted(painter)
    assert caught.value.code == code
    assert detail in caught.value.detail
    assert "a cat" not in caught.value.detail


async def test_a_failure_is_found_without_the_socket_too(comfy: ComfyDouble, painter: ComfyUi):
    loaded = asyncio.Event()
    comfy.play(Run(fault="out_of_memory", loaded=loaded))

    async def drop() -> None:
        await until(lambda: comfy.prompts)
        await comfy._drop()
        loaded.set()

    task = asyncio.create_task(drop())
    with pytest.raises(BackendError) as caught:
        await painted(painter)
    assert caught.value.code == "drawing_no_memory"
    await task


async def test_a_picture_that_takes_too_long_is_taken_off_the_server(comfy: ComfyDouble):
    painter = ComfyUi(comfy.url, BUILT_IN, CHECKPOINT, 0.3)
    comfy.play(Run(fault="hang"))
    with pytest.raises(BackendError) as caught:
        await painted(painter)
    assert caught.value.code == "drawing_timeout"
    await until(lambda: comfy.is_idle)
    assert len(comfy.interrupted) == 1
    await painter.close()


@pytest.mark.parametrize("is_new", [True, False])
async def test_leaving_early_stops_the_run(is_new: bool):
    async with ComfyDouble(Run(fault="hang"), is_new=is_new) as comfy:
        painter = ComfyUi(comfy.url, BUILT_IN, CHECKPOINT, 20)
        task = asyncio.create_task(painted(painter))
        await until(lambda: comfy.prompts and not comfy._queue)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: comfy.is_idle)
        assert len(comfy.interrupted) == 1
        await painter.close()


@pytest.mark.parametrize("n_before", [0, 1])
async def test_leaving_before_the_server_has_answered_stops_the_run_too(
    n_before: int, comfy: ComfyDouble, painter: ComfyUi
):
    answered = asyncio.Event()
    comfy.play(Run(fault="hang", answered=answered))
    comfy.occupy(n_before, asyncio.Event())
    task = asyncio.create_task(painted(painter))
    await until(lambda: comfy.prompts)
    task.cancel()
    await asyncio.sleep(0)
    answered.set()
    await asyncio.gather(task, return_exceptions=True)
    assert len(comfy.deleted) == 1
    assert len(comfy.interrupted) == 1 - n_before


async def test_leaving_waits_for_no_server_that_is_slow_and_stops_the_run_all_the_same(
    comfy: ComfyDouble, painter: ComfyUi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(comfyui, "CANCEL_S", 0.05)
    answered = asyncio.Event()
    comfy.play(Run(fault="hang", answered=answered))
    task = asyncio.create_task(painted(painter))
    await until(lambda: comfy.prompts)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not comfy.is_idle
    answered.set()
    await until(lambda: comfy.is_idle)
    assert len(comfy.interrupted) == 1


async def test_a_run_whose_beginning_was_never_answered_is_found_and_stopped(
    comfy: ComfyDouble, painter: ComfyUi, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(comfyui, "REQUEST_S", 0.3)
    comfy.play(Run(fault="hang", answered=asyncio.Event()))
    with pytest.raises(BackendError) as caught:
        await painted(painter)
    assert caught.value.code == "drawing_unavailable"
    await until(lambda: comfy.is_idle)
    assert len(comfy.interrupted) == 1


async def test_leaving_early_never_stops_somebody_elses_run():
    async with ComfyDouble(is_new=False) as comfy:
        painter = ComfyUi(comfy.url, BUILT_IN, CHECKPOINT, 20)
        comfy.occupy(1, asyncio.Event())
        async with aclosing(painter.paint("a cat", 1)) as stages:
            async for stage in stages:
                if isinstance(stage, Stage) and stage.ahead == 1:
                    break
        assert len(comfy.deleted) == 1
        assert comfy.interrupted == []
        await painter.close()


async def test_a_server_that_is_down_is_unavailable(comfy: ComfyDouble, painter: ComfyUi):
    await comfy.stop()
    with pytest.raises(BackendError) as caught:
        await painted(painter)
    assert caught.value.code == "drawing_unavailable"
    await comfy.start()
    picture, _ = await painted(painter)
    assert picture.name == "drawing.png"


async def test_a_server_that_dies_in_the_middle_is_given_up(comfy: ComfyDouble, painter: ComfyUi):
    comfy.play(Run(fault="hang"))
    task = asyncio.create_task(painted(painter))
    await until(lambda: comfy.prompts)
    await comfy.stop()
    with pytest.raises(BackendError) as caught:
        await task
    assert caught.value.code == "drawing_unavailable"
    await comfy.start()


async def test_what_is_no_picture_is_not_posted(comfy: ComfyDouble, painter: ComfyUi):
    comfy.image = b"<html>login</html>"
    with pytest.raises(BackendError) as caught:
        await painted(painter)
    assert caught.value.code == "drawing_failed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("run"),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["run", "type", "data", "prompt_id", "outputs", "images", "status", "messages",
             "queue_running", "queue_pending", "client_id", "node_errors", "errors", "error", "value", "max",
             "input", "required", "ckpt_name", "CheckpointLoaderSimple"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_whatever_a_server_says_is_no_crash(value: object):
    said.accepted(value)
    assert said.refusal(400, value).code
    said.place(value, "run")
    said.run_of(value, "run")
    said.outcome(value, "run")
    said.first_checkpoint(value)
    assert said.event(json.dumps(value), "run").percent in (None, *range(101))
