"""The whole path from tokens to frames, with the real backends against servers over real sockets."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
import zmq

from procs.tts_bridge.backends.rvc_ws import RvcWs
from procs.tts_bridge.backends.soprano_zmq import SopranoZmq
from procs.tts_bridge.config import TtsSettings
from procs.tts_bridge.core.pcm import to_int16
from tests.doubles import rvc, soprano
from tests.doubles.rvc import RvcDouble
from tests.doubles.soprano import SopranoDouble
from tests.doubles.tone_voice import ToneVoice
from tests.procs.tts_bridge.stage import SESSION, TURN, Stage, until

pytestmark = pytest.mark.flow

REPLY = ("The first", " sentence. ", "Here is the second one, ", "with a clause. And", " a third!")
WIDE = TtsSettings(window_ms=60_000)


@asynccontextmanager
async def rvc_stage(server: RvcDouble, settings: TtsSettings = WIDE) -> AsyncIterator[Stage]:
    async with server, Stage(RvcWs(server.url, 0, 20.0, quiet_s=0.5), settings) as stage:
        yield stage


@asynccontextmanager
async def soprano_stage(server: SopranoDouble, settings: TtsSettings = WIDE) -> AsyncIterator[Stage]:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    async with server, Stage(SopranoZmq(context, server.url, 20.0), settings) as stage:
        yield stage
    context.term()


STAGES: dict[str, Callable[[], object]] = {
    "rvc": lambda: rvc_stage(RvcDouble()),
    "rvc-3840": lambda: rvc_stage(RvcDouble(cut=rvc.parts(3840))),
    "rvc-10007": lambda: rvc_stage(RvcDouble(cut=rvc.parts(10_007))),
    "soprano-22050": lambda: soprano_stage(SopranoDouble(ToneVoice(22_050), "s16le", soprano.parts(2_646))),
    "soprano-32000": lambda: soprano_stage(SopranoDouble(ToneVoice(32_000))),
    "soprano-48000": lambda: soprano_stage(SopranoDouble(ToneVoice(48_000))),
}


@pytest.mark.parametrize("name", STAGES)
async def test_the_reply_is_read_back_from_the_frames(name):
    async with STAGES[name]() as stage:
        await stage.reply(*REPLY)
        await stage.ended()
        heard = stage.heard()
        assert heard.text.replace(" ", "") == "".join(REPLY).replace(" ", "")
        assert heard.n_slips == 0
        frames = stage.frames()
        assert [frame.index for frame in frames] == list(range(len(frames)))
        assert stage.node.states["report.spoken", SESSION].complete


@pytest.mark.parametrize("n_bytes", [1, 5, 1_919, 3_840, 100_000, None])
async def test_rvc_sound_passes_sample_exact(n_bytes):
    server = RvcDouble(cut=rvc.parts(n_bytes) if n_bytes else rvc.whole)
    text = "Ok." if n_bytes in (1, 5) else "A sentence of several seconds " * 9 + "ends here."
    async with rvc_stage(server) as stage:
        await stage.reply(text)
        await stage.ended()
        said = to_int16(server.voice.say("".join(server.segments)))
        assert np.array_equal(stage.samples()[: len(said)], said)
        assert not stage.samples()[len(said) :].any()


@pytest.mark.parametrize("name", ["rvc-3840", "soprano-22050"])
async def test_after_a_cut_at_any_point_only_the_next_turn_is_heard(name):
    dice = random.Random(name)
    async with STAGES[name]() as stage:
        for number in range(8):
            cut, following = TURN + 10 * number, TURN + 10 * number + 5
            await stage.reply("cut, " * 30, turn=cut)
            n_frames = dice.randrange(60)
            await until(lambda cut=cut, n=n_frames: len(stage.frames(cut)) >= n)
            await stage.raise_floor(cut + 1)
            await stage.reply(f"Turn {number} is new.", turn=following)
            await stage.ended(following)
            assert stage.kinds(cut)[-1] == "cut"
            heard = stage.heard(following)
            assert ("".join(heard.spans), heard.n_slips) == (f"Turn {number} is new.", 0)
            last_cut = max(i for i, p in enumerate(stage.node.pushed) if p[3] == cut) if n_frames else -1
            first_new = min(i for i, p in enumerate(stage.node.pushed) if p[3] == following)
            assert last_cut < first_new


async def test_several_sessions_share_one_voice():
    async with soprano_stage(SopranoDouble(ToneVoice(22_050))) as stage:
        sessions = [f"20261120-18{number:02}00-c3d4" for number in range(10)]
        for session in sessions:
            await stage.begin(session)
        for session in sessions:
            await stage.reply(f"This is {session}.", session=session)
        for session in sessions:
            await stage.ended(session=session)
            assert "".join(stage.heard(session=session).spans) == f"This is {session}."


async def test_a_stall_inside_a_sentence_loses_nothing():
    server = RvcDouble(cut=rvc.parts(3840))
    server.faults.append(rvc.Fault.STALL)
    server.stall_s = 0.3
    async with rvc_stage(server) as stage:
        await stage.reply("The voice stalls in the middle of this. And then goes on.")
        await stage.ended()
        assert stage.heard().n_slips == 0
        assert stage.heard().text == "The voice stalls in the middle of this. And then goes on."


async def test_the_voice_is_not_asked_for_more_than_the_window_holds():
    server = SopranoDouble(ToneVoice(48_000))
    async with soprano_stage(server, TtsSettings(window_ms=1_000)) as stage:
        await stage.reply("This sentence has about a second. " * 20)
        await until(lambda: len(stage.frames()) == 50)
        await asyncio.sleep(0.05)
        assert len(server.texts) <= 3
        await stage.played(1_000)
        await until(lambda: len(stage.frames()) == 100)
