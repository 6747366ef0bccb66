"""The sink over real threads and a real clock; what is asserted are samples and counts, never speed."""

import asyncio
import struct
import time
import wave
from contextlib import asynccontextmanager, suppress

import pytest

from bus.audio import FRAME_BYTES, SILENCE
from bus.messages import Intent
from procs.discord_voice.backends.wav_file import WavFile
from procs.sink.backends.base import Recorded, Source, Trouble
from procs.sink.backends.pacer import Pacer
from procs.sink.core.fade import join
from procs.sink.core.playout import Playout
from tests.procs.sink.sound import frame, pcm
from tests.waiting import until

pytestmark = pytest.mark.unit

INTENT = Intent(wanted=True, sink="discord_voice", since_ms=1, revision=1)


class Sink:
    def __init__(self, folder):
        self.folder = folder
        self.events = []
        self.backend = WavFile(folder, 50, Pacer(time.monotonic_ns))

    def source(self, *frames, turn=5):
        """A source with an open stretch."""
        source = Source(Playout(), time.monotonic_ns, lambda: None)
        for each in frames:
            source.put(turn, each)
        assert source.start() == turn
        return source

    async def recorded(self, n_files=1):
        """Names of whole files, once there are so many."""

        def names():
            return [event.name for event in self.events if isinstance(event, Recorded)]

        await until(lambda: len(names()) == n_files)
        return names()

    def heard(self, name):
        with wave.open(str(self.folder / name)) as file:
            return file.readframes(file.getnframes())


@asynccontextmanager
async def running(folder):
    sink = Sink(folder)
    task = asyncio.create_task(sink.backend.run(sink.events.append))
    try:
        yield sink
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def sink(tmp_path):
    async with running(tmp_path / "recordings") as sink:
        await sink.backend.connect("s", INTENT)
        yield sink


async def test_a_second_of_sound_is_recorded_bit_by_bit(sink):
    frames = [frame(n, final=n == 49) for n in range(50)]
    source = sink.source(*frames)
    sink.backend.play("s", 5, source)
    assert await sink.recorded() == ["s-5.wav"]
    assert sink.heard("s-5.wav") == b"".join(each.pcm for each in frames)
    assert (source.pace.n_frames, source.pace.bursts) == (50, 0)


async def test_sessions_at_once_go_into_files_of_their_own(sink):
    for n in range(10):
        sink.backend.play(f"s{n}", 5, sink.source(frame(0, n), frame(1, n, final=True)))
    await sink.recorded(10)
    assert all(sink.heard(f"s{n}-5.wav") == pcm(n) * 2 for n in range(10))


async def test_an_underrun_is_heard_in_the_recording_as_it_was_by_the_listener(sink):
    source = sink.source(frame(0, 9000))
    sink.backend.play("s", 5, source)
    await until(lambda: source.report().nulled)
    source.put(5, frame(1, 8000, final=True))
    await sink.recorded()
    nulled = source.report().nulled
    falling, rising = join(pcm(9000), SILENCE), join(b"", pcm(8000))
    assert sink.heard("s-5.wav") == pcm(9000) + falling + SILENCE * (nulled - 1) + rising


async def test_a_purge_ends_the_recording_with_a_fade(sink):
    source = sink.source(*(frame(n, 9000) for n in range(100)))
    sink.backend.play("s", 5, source)
    await until(lambda: source.report().sent)
    source.purge(6)
    await sink.recorded()
    sent = source.report().sent
    assert sink.heard("s-5.wav") == pcm(9000) * sent + join(pcm(9000), SILENCE)


async def test_leaving_ends_what_plays_and_keeps_the_file(sink):
    source = sink.source(*(frame(n, 9000) for n in range(200)))
    sink.backend.play("s", 5, source)
    await until(lambda: source.report().sent)
    await sink.backend.leave("s")
    await sink.recorded()
    source.purge(6)
    assert sink.heard("s-5.wav") == pcm(9000) * source.report().sent
    await sink.backend.leave("s")


async def test_a_file_plays_while_it_is_still_being_written(sink):
    source = sink.source(*(frame(n, 9000) for n in range(200)))
    sink.backend.play("s", 5, source)
    path = sink.folder / "s-5.wav"
    await until(lambda: path.exists() and path.stat().st_size > 44)
    data = await until(lambda: sink.heard("s-5.wav"))
    assert len(data) % FRAME_BYTES == 0
    assert set(struct.unpack(f"<{len(data) // 2}h", data)) == {9000}


async def test_cancelling_keeps_what_was_heard(tmp_path):
    async with running(tmp_path) as sink:
        source = sink.source(*(frame(n, 9000) for n in range(200)))
        sink.backend.play("s", 5, source)
        await until(lambda: source.report().sent >= 3)
    await until(lambda: (tmp_path / "s-5.wav").exists() and len(sink.heard("s-5.wav")) >= 3 * FRAME_BYTES)
    data = sink.heard("s-5.wav")
    assert set(struct.unpack(f"<{len(data) // 2}h", data)) == {9000}


async def test_a_disk_that_takes_nothing_is_told_while_the_sound_goes_on(tmp_path):
    folder = tmp_path / "recordings"
    folder.write_text("a file where the folder should be")
    async with running(folder) as sink:
        source = sink.source(*(frame(n) for n in range(9)), frame(9, final=True))
        sink.backend.play("s", 5, source)
        await until(lambda: not source.sounding)
        assert source.report().sent == 10
        await until(lambda: sink.events == [Trouble("disk_full", "File exists")])
        folder.unlink()
        sink.backend.play("s", 6, sink.source(frame(0, final=True), turn=6))
        await sink.recorded()
        assert sink.events[1] == Trouble()


async def test_a_failing_thread_ends_the_backend_and_does_not_pass_in_silence(tmp_path):
    times = [0]

    def clock_that_fails_later():
        if not times:
            raise RuntimeError("no clock")
        return times.pop()

    backend = WavFile(tmp_path, 50, Pacer(clock_that_fails_later))
    sink = Sink(tmp_path)
    backend.play("s", 5, sink.source(frame(0)))
    with pytest.raises(ExceptionGroup) as failure:
        await backend.run(sink.events.append)
    assert failure.group_contains(RuntimeError, match="no clock")
