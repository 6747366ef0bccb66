import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
import zmq

from bus.errors import BackendError
from procs.tts_bridge.backends import soprano_link, soprano_zmq
from procs.tts_bridge.backends.soprano_link import CurveKeys
from procs.tts_bridge.backends.soprano_zmq import SopranoZmq
from procs.tts_bridge.core.chunk import WordMark
from procs.tts_bridge.core.sentences import Piece
from procs.tts_bridge.core.soprano import chunk_of
from tests.doubles.soprano import Fault, SopranoDouble, parts
from tests.doubles.tone_voice import ToneVoice
from tests.procs.tts_bridge.backends.speaking import Ear, hear

pytestmark = pytest.mark.flow

STALL_S = 20.0


@pytest.fixture
def context():
    context = zmq.Context()
    yield context
    context.term()


@pytest.fixture
async def server() -> AsyncIterator[SopranoDouble]:
    async with SopranoDouble() as double:
        yield double


@pytest.fixture
async def voice(server: SopranoDouble, context) -> AsyncIterator[SopranoZmq]:
    backend = SopranoZmq(context, server.url, STALL_S)
    yield backend
    await backend.close()


async def failure_of(voice: SopranoZmq, *texts: str) -> BackendError:
    with pytest.raises(BackendError) as error:
        await hear(voice, *texts)
    return error.value


@pytest.mark.parametrize("n_bytes", [4, 12, 1_324, 3_840, 99_996])
async def test_replies_of_any_length_are_heard_whole(server, voice, n_bytes):
    text = "Hi." if n_bytes <= 12 else "Any length of reply, in whole samples."
    server.cut = parts(n_bytes)
    heard = await hear(voice, text)
    assert (heard.text, heard.n_slips) == (text, 0)


@pytest.mark.parametrize("rate_hz", [22_050, 24_000, 32_000, 48_000])
async def test_the_rate_is_what_the_header_says(server, voice, rate_hz):
    server.voice = ToneVoice(rate_hz)
    server.cut = parts(4 * 777)
    heard = await hear(voice, "In its own rate.", "And whole.")
    assert (heard.text, heard.n_slips) == ("In its own rate.And whole.", 0)


async def test_a_header_without_rate_and_format_means_soprano(server, voice):
    server.header = {"sample_rate": 32_000, "dtype": "f32le"}
    assert (await hear(voice, "As named.")).text == "As named."
    chunk = chunk_of({}, bytes(8), Piece(0, "x", (0,), True))
    assert (chunk.rate_hz, chunk.encoding) == (32_000, "f32le")


async def test_marks_come_with_the_sound(server, voice):
    ear = Ear()
    await ear.listen(voice, ["Two words."])
    marks = [mark for chunk in ear.chunks for mark in chunk.marks]
    assert marks == [WordMark(0, 0), WordMark(4, 4 * 640)]


async def test_marks_outside_the_text_are_left_out(server, voice):
    server.header = {"marks": [[-1, 0], [0, 0], [3, -9], [2, 640], [99, 5]]}
    ear = Ear()
    await ear.listen(voice, ["Hey."])
    assert {m for c in ear.chunks for m in c.marks} == {WordMark(0, 0), WordMark(2, 640)}


@pytest.mark.parametrize(
    "header",
    [
        {"sample_rate": 10**9},
        {"sample_rate": 0},
        {"sample_rate": "48000"},
        {"sample_rate": True},
        {"dtype": "f64le"},
        {"dtype": ["f32le"]},
        {"dtype": None},
        {"marks": 7},
        {"marks": [[1]]},
        {"marks": [["a", 2]]},
        {"marks": [[1.5, 2]]},
        {"seq": 9},
        {"seq": None},
    ],
    ids=str,
)
async def test_a_header_that_makes_no_sense_is_bad_audio(server, voice, header):
    server.header = header
    assert (await failure_of(voice, "Hostile.")).code == "tts_bad_audio"
    server.header = {}
    assert (await hear(voice, "Well again.")).text == "Well again."


async def test_half_samples_are_bad_audio(server, voice):
    server.cut = parts(1_001)
    assert (await failure_of(voice, "Half samples.")).code == "tts_bad_audio"


async def test_a_rate_that_changes_within_a_request_is_bad_audio(server, voice):
    replies = server._replies

    def changing(request, text):
        return [({**h, "sample_rate": 32_000 + h["seq"]}, payload) for h, payload in replies(request, text)]

    server._replies = changing
    assert (await failure_of(voice, "Changing.")).code == "tts_bad_audio"


@pytest.mark.parametrize(
    "reply",
    [[b"{"], [b"{", b""], [b"[1]", b""], [b"\xff", b""], [b"[" * 100_000, b""], [b"{}", b"", b""]],
    ids=["one part", "no json", "no object", "no text", "deep", "three parts"],
)
async def test_a_reply_that_cannot_be_read_is_bad_audio(server, voice, reply):
    server.raw_reply = reply
    assert (await failure_of(voice, "Garbage.")).code == "tts_bad_audio"


async def test_a_missing_reply_is_noticed(server, voice):
    server.faults.append(Fault.LOST_REPLY)
    assert (await failure_of(voice, "One reply is lost.")).code == "tts_bad_audio"


async def test_sound_for_somebody_else_is_dropped(server, voice):
    server.faults.append(Fault.WRONG_ID)
    heard = await hear(voice, "Only mine.")
    assert (heard.text, heard.n_slips) == ("Only mine.", 0)


async def test_a_stall_in_the_middle_is_a_failure(server, context):
    impatient = SopranoZmq(context, server.url, stall_timeout_s=0.2)
    server.faults.append(Fault.MUTE_MIDWAY)
    ear = Ear()
    with pytest.raises(BackendError) as error:
        await ear.listen(impatient, ["Stalls in the middle."])
    assert error.value.code == "tts_stalled"
    assert "Stalls in the middle.".startswith(ear.heard().text)
    assert server.texts == ["Stalls in the middle."]
    await impatient.close()


async def test_endless_sound_is_cut(server, voice, monkeypatch):
    monkeypatch.setattr(soprano_zmq, "REQUEST_LIMIT_BYTES", 50_000)
    error = await failure_of(voice, "Long enough to be taken for endless.")
    assert error.code == "tts_bad_audio"


async def test_a_cut_request_is_cancelled_at_the_server(server, voice):
    server.synthesis_s = 60
    task = asyncio.create_task(hear(voice, "Never heard."))
    while not server.texts:
        await asyncio.sleep(0.001)
    task.cancel()
    while not server.cancelled:
        await asyncio.sleep(0.001)
    server.synthesis_s = 0
    assert (await hear(voice, "Heard.")).text == "Heard."


async def test_a_server_killed_in_mid_request_is_noticed_at_once(server, context, monkeypatch):
    monkeypatch.setattr(soprano_link, "CONNECT_PATIENCE_S", 0.3)
    patient = SopranoZmq(context, server.url, stall_timeout_s=60)
    server.faults.append(Fault.MUTE_MIDWAY)
    task = asyncio.create_task(hear(patient, "Killed."))
    while not server.texts:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0)
    await server.__aexit__(None, None, None)
    with pytest.raises(BackendError):
        await asyncio.wait_for(task, 10)
    await server.__aenter__()
    await patient.close()


async def test_empty_sound_is_no_failure_of_the_link(server, voice):
    server.shape = lambda samples: samples[:0]
    assert (await hear(voice, "Nothing.", "At all.")).text == ""


async def test_the_embedded_voice_is_reached_with_keys_only(context, monkeypatch):
    ours, theirs = zmq.curve_keypair(), zmq.curve_keypair()
    async with SopranoDouble(keys=theirs) as server:
        voice = SopranoZmq(context, server.url, STALL_S, CurveKeys(*ours, server=theirs[0]))
        assert (await voice.warm_up())["engine"] == "tones"
        assert (await hear(voice, "With keys.")).text == "With keys."
        await voice.close()
        monkeypatch.setattr(soprano_link, "CONNECT_PATIENCE_S", 0.3)
        stranger = SopranoZmq(context, server.url, STALL_S)
        with pytest.raises(BackendError) as error:
            await stranger.warm_up()
        assert error.value.code == "tts_unreachable"
        await stranger.close()


async def test_an_address_that_is_none_is_unreachable(context):
    voice = SopranoZmq(context, "nonsense", STALL_S)
    with pytest.raises(BackendError) as error:
        await voice.warm_up()
    assert error.value.code == "tts_unreachable"
    await voice.close()


async def test_fades_do_not_touch_what_begins_and_ends_softly(server, voice):
    server.voice = ToneVoice(48_000)
    ear = Ear()
    await ear.listen(voice, ["abc", "def"])
    said = np.rint(server.voice.say("abcdef") * 32767).astype(np.int16)
    assert np.array_equal(ear.samples[: len(said)], said)


@pytest.mark.parametrize(
    ("code", "ours", "n_tries"),
    [
        ("failed", "tts_failed", 2),
        ("busy", "tts_failed", 2),
        ("stalled", "tts_stalled", 2),
        ("loading", "tts_loading", 1),
        ("unavailable", "tts_engine_missing", 1),
        ("bad_request", "tts_failed", 1),
        ("a word of their own", "tts_failed", 2),
        (["failed"], "tts_failed", 2),
    ],
)
async def test_the_servers_errors_have_codes_of_ours(server, voice, code, ours, n_tries):
    server.header = {"code": code}
    assert (await failure_of(voice, "Refused.")).code == ours
    assert len(server.texts) == n_tries


async def test_more_turns_than_one_connection_may_hold_share_several(server, voice):
    server.synthesis_s = 0.2
    texts = [f"Turn {number}." for number in range(2 * soprano_link.LINK_REQUESTS + 1)]
    heard = await asyncio.gather(*(hear(voice, text) for text in texts))
    assert [h.text for h in heard] == texts
    assert server.most_at_once <= soprano_link.LINK_REQUESTS
    assert len(voice._links) == 3
