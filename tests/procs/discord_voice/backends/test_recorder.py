import wave

import pytest

from procs.discord_voice.backends.recorder import LIMIT_FRAMES, Recorder
from tests.procs.sink.sound import pcm

pytestmark = pytest.mark.unit

S = "20261120-173000-a1b2"


class Desk:
    """A recorder that writes when told to, in the test's own thread."""

    def __init__(self, folder, keep=50):
        self.folder = folder
        self.keep = keep
        self.written, self.troubles = [], []
        self.renew()

    def renew(self):
        """As after a restart."""
        self.recorder = Recorder(
            self.folder, self.keep, lambda r: self.written.append(r.name), self.troubles.append
        )

    def record(self, turn, *values, session=S):
        recording = self.recorder.open(session, turn)
        for value in values:
            recording.append(pcm(value))
        recording.close()

    def write(self):
        self.recorder.close()
        self.recorder.run()
        self.renew()

    def heard(self, name):
        with wave.open(str(self.folder / name)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
            return file.readframes(file.getnframes())


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "recordings")


def test_a_turn_becomes_a_file_with_exactly_its_sound(desk):
    desk.record(5, 1, 2, 3)
    desk.write()
    assert desk.written == [f"{S}-5.wav"]
    assert desk.heard(f"{S}-5.wav") == pcm(1) + pcm(2) + pcm(3)


def test_recordings_are_for_their_owner_alone(desk):
    desk.record(5, 1)
    desk.write()
    assert desk.folder.stat().st_mode & 0o077 == 0


def test_a_turn_without_sound_leaves_no_file(desk):
    desk.record(5)
    desk.write()
    assert desk.written == []
    assert not desk.folder.exists()


def test_a_reborn_node_continues_the_file_of_its_turn(desk):
    desk.record(5, 1, 2)
    desk.write()
    desk.record(5, 7)
    desk.write()
    assert desk.heard(f"{S}-5.wav") == pcm(1) + pcm(2) + pcm(7)


def test_a_frame_cut_by_a_kill_is_overwritten(desk):
    desk.record(5, 1, 2)
    desk.write()
    path = desk.folder / f"{S}-5.wav"
    path.write_bytes(path.read_bytes()[:-101])
    desk.record(5, 7)
    desk.write()
    assert desk.heard(path.name) == pcm(1) + pcm(7)


def test_a_file_killed_before_its_header_is_begun_again(desk):
    desk.folder.mkdir()
    (desk.folder / f"{S}-5.wav").write_bytes(b"RIFF")
    desk.record(5, 7)
    desk.write()
    assert desk.heard(f"{S}-5.wav") == pcm(7)


def test_only_the_newest_files_are_kept_and_foreign_ones_are_left_alone(desk):
    desk.keep = 3
    desk.renew()
    desk.folder.mkdir()
    (desk.folder / "notes.txt").write_text("mine")
    for turn in (9, 10, 11, 12, 8):
        desk.record(turn, 1)
        desk.write()
    names = sorted(path.name for path in desk.folder.iterdir())
    assert names == sorted(["notes.txt", *(f"{S}-{turn}.wav" for turn in (10, 11, 12))])


def test_a_name_stays_in_the_folder_whatever_the_session_is_called(desk):
    desk.record(5, 1, session="../../etc/x")
    desk.write()
    assert [path.name for path in desk.folder.iterdir()] == ["______etc_x-5.wav"]


def test_a_full_disk_costs_the_recording_and_is_told_once(desk):
    desk.folder.mkdir()
    for turn in (5, 6):
        (desk.folder / f"{S}-{turn}.wav").symlink_to("/dev/full")
        desk.record(turn, 1, 2)
    desk.write()
    assert desk.written == []
    assert desk.troubles == ["No space left on device"]


def test_a_disk_too_slow_costs_the_recording_not_the_memory(desk):
    recording = desk.recorder.open(S, 5)
    for _ in range(3 * LIMIT_FRAMES):
        recording.append(pcm(1))
    assert len(recording.frames) == LIMIT_FRAMES
    desk.write()
    assert desk.written == []
    assert desk.troubles == ["the disk took no sound for 10 s"]
