"""What every voice owes (`backends/base.py`), against servers that speak the real protocols."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import zmq

from bus.errors import BackendError
from procs.tts_bridge.backends import rvc_ws, soprano_link
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.backends.rvc_ws import RvcWs
from procs.tts_bridge.backends.soprano_zmq import SopranoZmq
from tests.doubles import rvc, soprano
from tests.doubles.rvc import RvcDouble
from tests.doubles.soprano import SopranoDouble
from tests.doubles.tone_voice import ToneVoice
from tests.procs.tts_bridge.backends.speaking import Ear, hear

pytestmark = pytest.mark.flow

TEXTS = ("Hello there.", " How are you today?", " Fine, I hope!")
WHOLE = "".join(TEXTS)
PATIENT_S, IMPATIENT_S = 20.0, 0.1


@dataclass
class Stage:
    """A voice and its server."""

    backend: TtsBackend
    impatient: TtsBackend
    """The same voice, which takes a short silence for a stall."""
    server: Any
    faults: Any


@pytest.fixture(params=["rvc", "soprano-32000-f32le", "soprano-22050-s16le"])
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    name, *kind = request.param.split("-")
    if name == "rvc":
        async with RvcDouble() as server:
            voices = [RvcWs(server.url, 0, stall_s, quiet_s=0.2) for stall_s in (PATIENT_S, IMPATIENT_S)]
            yield Stage(*voices, server, rvc.Fault)
            for voice in voices:
                await voice.close()
        return
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    async with SopranoDouble(ToneVoice(int(kind[0])), kind[1], soprano.parts(2 * 882)) as server:
        links = [SopranoZmq(context, server.url, stall_s) for stall_s in (PATIENT_S, IMPATIENT_S)]
        yield Stage(*links, server, soprano.Fault)
        for link in links:
            await link.close()
    context.term()


async def test_all_text_is_heard_once_in_order_and_whole(stage):
    await stage.backend.warm_up()
    heard = await hear(stage.backend, *TEXTS)
    assert (heard.text, heard.n_slips) == (WHOLE, 0)


async def test_it_speaks_without_having_been_warmed_up(stage):
    assert (await hear(stage.backend, *TEXTS)).text == WHOLE


async def test_the_last_chunk_of_a_turn_says_so(stage):
    ear = Ear()
    await ear.listen(stage.backend, TEXTS)
    assert ear.chunks[-1].last


async def test_turns_speak_at_once(stage):
    texts = [f"Turn number {number}." for number in range(8)]
    heard = await asyncio.gather(*(hear(stage.backend, text) for text in texts))
    assert [h.text for h in heard] == texts


async def test_a_turn_without_text_ends(stage):
    assert (await hear(stage.backend)).text == ""


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_cut_at_any_point_nothing_of_the_turn_is_heard_again(stage, seed):
    dice = random.Random(seed)
    await stage.backend.warm_up()
    for number in range(4):
        await Ear().listen_until(stage.backend, ["aaaa aaaa,"] * 5, dice.randrange(12))
        ear = Ear()
        heard = await ear.listen(stage.backend, [f"Next is {number}."])
        assert (heard.text, heard.n_slips) == (f"Next is {number}.", 0)


async def test_a_failure_before_the_first_sound_is_tried_once_more(stage):
    stage.server.faults.append(stage.faults.ERROR)
    assert (await hear(stage.backend, "Second try.")).text == "Second try."
    stage.server.faults.append(stage.faults.MUTE)
    assert (await hear(stage.impatient, "Second try.")).text == "Second try."


async def test_two_failures_end_the_turn_with_a_code(stage):
    stage.server.faults += [stage.faults.ERROR] * 2
    with pytest.raises(BackendError) as error:
        await hear(stage.backend, "Never said.")
    assert error.value.code == "tts_failed"


async def test_silence_where_sound_is_due_is_a_stall(stage):
    stage.server.faults += [stage.faults.MUTE] * 2
    with pytest.raises(BackendError) as error:
        await hear(stage.impatient, "Never said.")
    assert error.value.code == "tts_stalled"


async def test_a_stall_shorter_than_the_patience_loses_nothing(stage):
    stage.server.faults.append(stage.faults.STALL)
    stage.server.stall_s = 2 * IMPATIENT_S
    heard = await hear(stage.backend, "A stall in the middle of this.")
    assert "".join(heard.text) == "A stall in the middle of this."
    assert heard.n_slips == 0


async def test_what_has_made_sound_is_never_said_twice(stage):
    fault = "RESET_MIDWAY" if stage.backend.straight else "ERROR_MIDWAY"
    stage.server.cut = rvc.parts(3840)
    stage.server.faults.append(stage.faults[fault])
    ear = Ear()
    with pytest.raises(BackendError) as error:
        await ear.listen(stage.backend, ["abcdefghijklmnopqrstuvwxyz."])
    assert error.value.code == "tts_failed"
    assert "abcdefghijklmnopqrstuvwxyz.".startswith(ear.heard().text[:-1])
    assert (await hear(stage.backend, "The next turn.")).text == "The next turn."


async def test_a_voice_that_warms_up_says_so(stage):
    stage.server.warmed_up = False
    with pytest.raises(BackendError) as error:
        await stage.backend.warm_up()
    assert error.value.code == "tts_loading"
    stage.server.warmed_up = True
    facts = await stage.backend.warm_up()
    assert facts["voice"]


async def test_a_server_that_is_gone_is_unreachable_and_found_again(stage, monkeypatch):
    for adapter in (rvc_ws, soprano_link):
        monkeypatch.setattr(adapter, "CONNECT_PATIENCE_S", 0.2)
    await stage.backend.warm_up()
    await stage.server.__aexit__(None, None, None)
    with pytest.raises(BackendError) as error:
        await stage.backend.warm_up()
    assert error.value.code == "tts_unreachable"
    with pytest.raises(BackendError) as error:
        await hear(stage.backend, "Nobody hears this.")
    assert error.value.code == "tts_unreachable"
    monkeypatch.undo()
    await stage.server.__aenter__()
    assert (await hear(stage.backend, "Here again.")).text == "Here again."
