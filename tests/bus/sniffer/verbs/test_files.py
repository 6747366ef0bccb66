"""`record`, `doctor`, `export` and observing verbs on recordings, through the command line."""

import errno
import io
import json
import os
import random
import wave

import pytest
from mcap.reader import make_reader

from bus.messages import AudioFrame, TurnKind
from bus.sniffer.__main__ import main
from bus.sniffer.recording import Recording
from tests.bus.sniffer.hearing import SINK, TURN, PaperBus, lines, run, verb_of

pytestmark = pytest.mark.unit


@pytest.fixture
def bus() -> PaperBus:
    return PaperBus()


def spoken(bus):
    yield bus.health("tts_bridge")
    yield bus.milestone("bot_main", TurnKind.ACCEPTED)
    yield bus.token(0, "canary")
    for index in range(50):
        yield bus.frame(index)
    yield bus.milestone("discord_voice", TurnKind.DONE)
    yield bus.milestone("bot_main", TurnKind.DONE)


@pytest.fixture
def night(bus, tmp_path):
    """A recording with content."""
    file = tmp_path / "night.mcap"
    run(verb_of("record", file, "--show-content"), list(spoken(bus)))
    return file


def asked(capsys, *arguments):
    """Exit code and rows of a command."""
    code = main([*map(str, arguments), "--json"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_recording_is_private_and_says_what_it_holds(bus, tmp_path):
    file = tmp_path / "r.mcap"
    _, ending = run(verb_of("record", file), list(spoken(bus)))
    assert "55 messages" in lines(ending.outputs)[0]
    assert "content blanked (--show-content keeps it)" in lines(ending.outputs)[0]
    assert file.stat().st_mode & 0o077 == 0


def test_a_recording_of_some_topics_holds_only_those(bus, tmp_path, capsys):
    file = tmp_path / "r.mcap"
    run(verb_of("record", file, "flow.token"), list(spoken(bus)))
    _, rows = asked(capsys, "doctor", file)
    assert [row["topic"] for row in rows if row["kind"] == "topic"] == ["flow.token"]


def test_a_recording_ends_at_its_size(bus, tmp_path):
    verb = verb_of("record", tmp_path / "r.mcap", "--limit-mb", "1", "--show-content")
    noise = random.Random(1)
    for index in range(800):
        assert not verb.is_done
        message = AudioFrame(index, 0, noise.randbytes(1920))
        list(verb.observe(bus.heard(SINK, message, "s", TURN)))
        if index % 50 == 49:
            list(verb.report(bus.now_ns))
        if verb.is_done:
            break
    assert 500 <= index < 600


def test_nothing_heard_leaves_no_file(bus, tmp_path):
    _, ending = run(verb_of("record", tmp_path / "r.mcap", "flow.token"), [bus.health("bot_main")])
    assert ending.complaints == ["nothing was heard"]
    assert not (tmp_path / "r.mcap").exists()


def test_a_full_disk_is_one_sentence(night, tmp_path, monkeypatch, capsys):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bus.sniffer.verbs.record.create", lambda name: Full())
    assert main(["record", str(tmp_path / "copy.mcap"), "--from", str(night)]) == 1
    assert capsys.readouterr().err.count("No space left on device\n") == 1


def test_a_recording_can_be_blanked_afterwards(night, tmp_path, capsys):
    copy = tmp_path / "copy.mcap"
    code, (result,) = asked(capsys, "record", copy, "--from", night)
    assert (code, result["messages"]) == (0, 55)
    assert b"canary" in b"".join(tapped.raw for tapped in Recording(night).messages())
    assert b"canary" not in b"".join(tapped.raw for tapped in Recording(copy).messages())


def test_what_was_lost_in_a_recording_is_told(bus, tmp_path, capsys):
    file = tmp_path / "r.mcap"
    lost = bus.health("tts_bridge")
    later = []
    for _ in range(5):
        bus.clock.advance_ms(1_000)
        later.append(bus.health("bot_main"))
    run(verb_of("record", file), [lost, *later])
    assert main(["watch-control", "--from", str(file)]) == 0
    assert "report.health.tts_bridge by tts_bridge: LOST" in capsys.readouterr().out


def test_the_doctor_finds_a_whole_recording_whole(night, capsys):
    code, (overview, *topics) = asked(capsys, "doctor", night)
    assert code == 0
    assert (overview["state"], overview["content"], overview["messages"]) == ("whole", True, 55)
    assert overview["turns"] == [TURN]
    assert {row["topic"]: row["messages"] for row in topics}[SINK] == 50


def test_the_doctor_names_missing_messages(bus, tmp_path, capsys):
    file = tmp_path / "r.mcap"
    first = bus.token(0, "")
    bus.lose("flow.token", 3)
    run(verb_of("record", file), [first, bus.token(4, "")])
    assert main(["doctor", str(file)]) == 1
    printed = capsys.readouterr()
    assert "3 missing" in printed.out
    assert "3 messages are missing" in printed.err


def test_the_doctor_names_a_cut_and_reads_the_rest(night, capsys):
    night.write_bytes(night.read_bytes()[:-300])
    code, (overview, *_, damage) = asked(capsys, "doctor", night)
    assert code == 1
    assert (overview["state"], overview["messages"]) == ("damaged", 55)
    assert damage["kind"] == "damage"


def test_an_export_can_be_read_by_others(night, tmp_path, capsys):
    out = tmp_path / "view.mcap"
    code, (result,) = asked(capsys, "export", night, out, "--show-content")
    assert (code, result["messages"], result["content"]) == (0, 55, True)
    with out.open("rb") as stream:
        found = list(make_reader(stream).iter_messages())
    assert sum(schema is not None and schema.name == "foxglove.RawAudio" for schema, _, _ in found) == 50
    assert b"canary" in b"".join(message.data for _, _, message in found)


def test_an_export_hides_content_unless_asked(night, tmp_path, capsys):
    out = tmp_path / "view.mcap"
    _, (result,) = asked(capsys, "export", night, out)
    assert result["content"] is False
    with out.open("rb") as stream:
        assert b"canary" not in b"".join(m.data for _, _, m in make_reader(stream).iter_messages())


def test_a_cut_recording_is_exported_as_far_as_it_goes(night, tmp_path, capsys):
    night.write_bytes(night.read_bytes()[:-300])
    code, (result,) = asked(capsys, "export", night, tmp_path / "view.mcap")
    assert (code, result["messages"]) == (1, 55)


def test_observing_verbs_work_on_recordings(night, tmp_path, capsys):
    code, rows = asked(capsys, "turn", "--from", night)
    assert (code, [row["turn"] for row in rows], rows[0]["frames"]) == (0, [TURN], 50)
    code, rows = asked(capsys, "hz", SINK, "--from", night, "--expect", f"{SINK} count==50")
    assert (code, rows[0]["count"], rows[-1]["is_met"]) == (0, 50, True)
    assert rows[0]["hz"] > 100
    code, rows = asked(capsys, "echo", "flow.token", "--from", night, "--once")
    assert [row["body"]["text"] for row in rows] == ["<6 chars>"]
    code, rows = asked(capsys, "list", "--from", night, "--expect", "flow.token count>9")
    assert code == 1
    wav = tmp_path / "night.wav"
    assert asked(capsys, "listen", wav, "--from", night, "--show-content")[0] == 0
    with wave.open(str(wav)) as sound:
        assert sound.getnframes() == 48_000
