"""Recordings survive kills and damage as far as physics allows."""

import io
import json

import pytest
from mcap.reader import make_reader

from bus.audio import SILENCE
from bus.messages import TurnKind
from bus.sniffer.recording import Exporter, Recorder, Recording
from tests.bus.sniffer.hearing import SINK, PaperBus

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


class Kept(io.BytesIO):
    """A stream whose bytes are there after it was closed, or the recorder was killed."""

    def close(self) -> None:
        pass


def recorded(messages, *, keeps_content=True, is_killed=False, flush_each=10):
    stream = Kept()
    recorder = Recorder(stream, keeps_content=keeps_content)
    for number, message in enumerate(messages, 1):
        recorder.write(message)
        if number % flush_each == 0:
            recorder.flush()
    if not is_killed:
        recorder.close()
    return stream.getvalue()


def reading(tmp_path, data):
    file = tmp_path / "r.mcap"
    file.write_bytes(data)
    recording = Recording(file)
    return recording, list(recording.messages())


def speech(bus, count=30):
    return [bus.milestone("tts_bridge", TurnKind.RECEIVED), *(bus.frame(i, level=i) for i in range(count))]


def test_what_was_heard_is_read_again(tmp_path, bus):
    messages = speech(bus)
    recording, again = reading(tmp_path, recorded(messages))
    assert [(t.topic, t.header, t.body) for t in again] == [(t.topic, t.header, t.body) for t in messages]
    assert [t.received_wall_ns for t in again] == [t.received_wall_ns for t in messages]
    assert [t.delay_ns for t in again] == [t.delay_ns for t in messages]
    assert (recording.damages, recording.is_complete, recording.has_content) == ([], True, True)


def test_other_readers_find_topics_times_and_encoding(bus):
    (heard, *_) = messages = speech(bus)
    reader = make_reader(io.BytesIO(recorded(messages)))
    channels = {c.topic: (c.message_encoding, c.schema_id) for c in reader.get_summary().channels.values()}
    assert channels == {"report.turn.tts_bridge": ("msgpack", 0), SINK: ("msgpack", 0)}
    _, _, first = next(iter(reader.iter_messages()))
    assert (first.log_time, first.publish_time) == (heard.received_wall_ns, heard.header.wall_ns)


def test_without_being_asked_nothing_that_was_said_is_written(tmp_path, bus):
    data = recorded([bus.token(0, "the canary sings"), bus.frame(0)], keeps_content=False, flush_each=1)
    recording, (token, frame) = reading(tmp_path, data)
    assert not recording.has_content
    assert token.body["text"] == "x" * 16
    assert frame.body["pcm"] == SILENCE


def test_a_killed_recorder_loses_only_what_came_after_the_last_flush(tmp_path, bus):
    messages = speech(bus, count=34)
    recording, again = reading(tmp_path, recorded(messages, is_killed=True))
    assert len(again) == 30
    assert recording.damages == ["cut off: the end mark is missing"]


@pytest.mark.parametrize("part", [0.1, 0.33, 0.5, 0.77, 0.99])
def test_a_file_cut_anywhere_gives_all_chunks_before_the_cut(tmp_path, bus, part):
    messages = speech(bus, count=99)
    data = recorded(messages)
    recording, again = reading(tmp_path, data[: int(len(data) * part)])
    assert recording.damages
    assert [t.header for t in again] == [t.header for t in messages[: len(again)]]
    assert len(again) % 10 == 0
    assert len(again) >= 100 * part - 25


@pytest.mark.parametrize("number", [0, 4])
def test_a_damaged_chunk_is_skipped_and_named_and_the_rest_is_read(tmp_path, bus, number):
    data = bytearray(recorded(speech(bus, count=99)))
    chunk = make_reader(io.BytesIO(data)).get_summary().chunk_indexes[number]
    data[chunk.chunk_start_offset + chunk.chunk_length - 20] ^= 0x55
    recording, again = reading(tmp_path, bytes(data))
    assert len(again) == 90
    assert recording.is_complete
    assert len(recording.damages) == 1
    assert recording.damages[0].startswith("a chunk of ")


@pytest.mark.parametrize(
    "data", [b"", b"not a recording at all", bytes(100), b"\x89MCAP0\r\n" + b"\xff" * 50]
)
def test_what_is_no_recording_is_named_and_harmless(tmp_path, data):
    recording, again = reading(tmp_path, data)
    assert again == []
    assert recording.damages


def test_a_flipped_byte_anywhere_raises_nothing(tmp_path, bus):
    data = recorded(speech(bus, count=9))
    file = tmp_path / "r.mcap"
    for position in range(0, len(data), max(1, len(data) // 400)):
        file.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        assert sum(1 for _ in Recording(file).messages()) <= 10


def exported(messages, *, keeps_content=True):
    stream = Kept()
    exporter = Exporter(stream, keeps_content=keeps_content)
    for message in messages:
        exporter.write(message)
    exporter.close()
    return list(make_reader(io.BytesIO(stream.getvalue())).iter_messages())


def test_viewers_get_sound_as_raw_audio_at_the_time_it_sounds(bus):
    messages = [bus.frame(index, level=5) for index in range(3)]
    found = exported(messages)
    assert {(s.name, s.encoding, c.message_encoding) for s, c, _ in found} == {
        ("foxglove.RawAudio", "jsonschema", "json")
    }
    schema = json.loads(found[0][0].data)
    audio = [json.loads(message.data) for _, _, message in found]
    assert all(set(schema["required"]) == set(a) for a in audio)
    assert {(a["format"], a["sample_rate"], a["number_of_channels"]) for a in audio} == {
        ("pcm-s16", 48_000, 1)
    }
    assert all(len(a["data"]) == 2560 for a in audio)
    starts = [m.log_time for _, _, m in found]
    assert [start - starts[0] for start in starts] == [0, 20_000_000, 40_000_000]
    assert [a["timestamp"]["sec"] * 10**9 + a["timestamp"]["nsec"] for a in audio] == starts
    assert [m.publish_time for _, _, m in found] == [t.header.wall_ns for t in messages]


def test_viewers_get_everything_else_as_json_with_its_header(bus):
    ((schema, channel, message), (_, end_channel, _)) = exported(
        [bus.token(3, "hi"), bus.frame(0, is_end=True)]
    )
    assert schema is None
    assert channel.topic == "flow.token"
    assert json.loads(message.data)["body"]["text"] == "hi"
    assert json.loads(message.data)["header"]["src"] == "llm_streamer"
    assert end_channel.topic == f"{SINK}.end"


def test_an_export_without_content_is_silent(bus):
    ((_, _, token), (_, _, frame)) = exported([bus.token(3, "hi"), bus.frame(0)], keeps_content=False)
    assert json.loads(token.data)["body"]["text"] == "xx"
    assert set(json.loads(frame.data)["data"]) == {"A"}
