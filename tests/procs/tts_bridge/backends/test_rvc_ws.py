import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from bus.errors import BackendError
from procs.tts_bridge.backends import rvc_connection
from procs.tts_bridge.backends.rvc_ws import RvcWs
from procs.tts_bridge.core.pcm import to_int16
from procs.tts_bridge.core.sentences import Piece
from tests.doubles.rvc import Fault, RvcDouble, parts
from tests.doubles.tone_voice import ToneVoice
from tests.procs.tts_bridge.backends.speaking import Ear, hear

pytestmark = pytest.mark.flow

QUIET_S, STALL_S = 0.5, 20.0


@pytest.fixture
async def server() -> AsyncIterator[RvcDouble]:
    async with RvcDouble() as double:
        yield double


@pytest.fixture
async def voice(server: RvcDouble) -> AsyncIterator[RvcWs]:
    backend = RvcWs(server.url, pitch_shift=3.5, stall_timeout_s=STALL_S, quiet_s=QUIET_S)
    yield backend
    await backend.close()


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("n_bytes", [1, 3, 4, 959, 1_921, 3_840, 3_841, 65_537, 100_000])
async def test_blobs_of_any_length_are_sample_exact(server, voice, n_bytes):
    text = "Hi." if n_bytes <= 4 else "Five seconds of sound, " * 4 + "in blobs of every size."
    server.cut = parts(n_bytes)
    ear = Ear()
    await ear.listen(voice, [text])
    said = to_int16(server.voice.say(text))
    assert np.array_equal(ear.samples[: len(said)], said)
    assert not ear.samples[len(said) :].any()


async def test_sentences_of_five_seconds_are_heard_whole(server, voice):
    sentences = [f"{number} " + "is a sentence of five seconds " * 9 + "now." for number in range(2)]
    assert len(server.voice.say(sentences[0])) > 5 * 48_000
    heard = await hear(voice, *sentences)
    assert (heard.text, heard.n_slips) == ("".join(sentences), 0)


async def test_text_goes_out_as_it_comes_with_the_pitch_and_a_flush_at_the_end(server, voice):
    heard = await hear(voice, "Hel", "lo. And no", " end mark")
    assert server.tokens == ["Hel", "lo.", " And no", " end mark"]
    assert server.pitch_shifts == {3.5}
    assert heard.text == "Hello. And no end mark"


async def test_each_turn_has_a_connection_of_its_own(server, voice):
    await voice.warm_up()
    for number in range(3):
        await hear(voice, f"Turn {number}.")
    await until(lambda: server.n_open == 1)
    assert len(server.connections) == 4


async def test_a_turn_takes_the_warm_connection_and_leaves_another(server, voice):
    await voice.warm_up()
    warm = server.connections[0]
    await hear(voice, "One turn.")
    await until(lambda: server.n_open == 1)
    assert warm.closed
    assert len(server.connections) == 2


async def test_text_left_in_the_servers_buffer_never_speaks(server, voice):
    server.has_interrupt = False
    server.synthesis_s = 0.05
    await Ear().listen_until(voice, ["First sentence. ", "left in the buffer"], 1)
    heard = await hear(voice, "The next turn.")
    assert heard.text == "The next turn."


async def test_a_cut_turn_is_interrupted_before_the_next_one_starts(server, voice):
    server.synthesis_s = 0.05
    task = asyncio.create_task(hear(voice, "A long synthesis, nobody waits for."))
    await until(lambda: server.segments)
    task.cancel()
    await asyncio.wait([task])
    assert (await hear(voice, "Next.")).text == "Next."
    assert server.n_interrupts == 1


async def test_another_turn_that_still_speaks_is_not_interrupted(server, voice):
    server.synthesis_s = 0.03
    speaking = asyncio.create_task(hear(voice, "This one goes on. And on. And on."))
    await until(lambda: server.segments)
    await Ear().listen_until(voice, ["This one is cut."], 1)
    assert (await speaking).text == "This one goes on. And on. And on."
    assert server.n_interrupts == 0


async def test_a_turn_that_ended_is_not_interrupted(server, voice):
    await hear(voice, "All is said.")
    assert server.n_interrupts == 0


async def test_the_voice_is_patient_while_text_is_still_coming(server, voice):
    async def slowly():
        for text in ("First. ", "Second."):
            yield Piece(0, text, tuple(range(len(text))), ends_sentence=False)
            await asyncio.sleep(1.1 * QUIET_S)

    chunks = [chunk async for chunk in voice.speak(slowly())]
    assert len([c for c in chunks if c.data]) == 2


async def test_sound_that_is_slow_to_come_is_waited_for(server, voice):
    server.synthesis_s = 1.1 * QUIET_S
    assert (await hear(voice, "Slow. Voice.")).text == "Slow. Voice."


async def test_a_reset_of_the_spare_is_no_failure(server, voice):
    await voice.warm_up()
    server.faults.append(Fault.RESET)
    assert (await hear(voice, "Said on the second connection.")).text == "Said on the second connection."


async def test_nan_and_clipped_sound_are_mended(server, voice):
    def damage(samples):
        samples = samples * 4
        samples[::1000] = np.nan
        return samples

    server.shape = damage
    ear = Ear()
    await ear.listen(voice, ["Too loud and broken."])
    expected = np.clip(np.nan_to_num(damage(server.voice.say("Too loud and broken."))), -1, 1)
    assert np.array_equal(ear.samples[: len(expected)], to_int16(expected))


async def test_a_voice_that_makes_no_sound_is_a_failure_not_a_silence(server, voice):
    server.shape = lambda samples: samples[:0]
    impatient = RvcWs(server.url, 0, 0.1, QUIET_S)
    with pytest.raises(BackendError) as error:
        await hear(impatient, "Empty blobs only.")
    assert error.value.code == "tts_stalled"
    await impatient.close()


async def test_a_server_without_health_is_taken_as_warm(server, voice):
    server.warmed_up = None
    assert (await voice.warm_up())["voice"] == "rvc"


async def test_what_else_the_server_tells_is_passed_over(server, voice):
    speaking = asyncio.create_task(hear(voice, "Chatty. Server."))
    await until(lambda: server.connections)
    for text in ('{"event": "segment"}', "not json", "[1]", '"error"'):
        await server.connections[0].send_str(text)
    assert (await speaking).text == "Chatty. Server."


async def test_sound_read_ahead_is_bounded(server, voice, monkeypatch):
    monkeypatch.setattr(rvc_connection, "BACKLOG_LIMIT_BYTES", 40_000)
    server.cut = parts(10_000)
    ear, text = Ear(), "A sentence that fills the backlog, and more."
    heard = await ear.listen(voice, [text] * 3)
    assert (heard.text, heard.n_slips) == (text * 3, 0)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/ws/stream", "nonsense", "ws://127.0.0.1:99999999/x"])
async def test_an_address_without_a_server_is_unreachable(url):
    voice = RvcWs(url, 0, STALL_S, QUIET_S)
    for attempt in (voice.warm_up(), hear(voice, "Nobody.")):
        with pytest.raises(BackendError) as error:
            await attempt
        assert error.value.code == "tts_unreachable"
    await voice.close()


async def test_the_password_in_an_address_is_not_shown(server):
    voice = RvcWs(server.url.replace("//", "//user:secret@"), 0, STALL_S, QUIET_S)
    facts = await voice.warm_up()
    assert "secret" not in str(facts)
    await voice.close()


async def test_a_sixty_millisecond_tone_is_as_long_as_speech(server, voice):
    server.voice = ToneVoice(symbol_ms=60)
    ear = Ear()
    await ear.listen(voice, ["Normal speed."])
    assert len(ear.samples) // 960 == len("Normal speed.") * 3
