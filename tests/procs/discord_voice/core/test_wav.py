import io
import wave

import pytest

from procs.discord_voice.core.wav import HEADER_BYTES, header
from tests.procs.sink.sound import pcm

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("n_frames", [0, 1, 250])
def test_the_standard_library_reads_back_what_the_header_announces(n_frames):
    data = pcm(-7) * n_frames
    with wave.open(io.BytesIO(header(len(data)) + data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        assert file.readframes(file.getnframes() + 1) == data


def test_samples_begin_where_the_header_ends():
    assert len(header(0)) == HEADER_BYTES == 44
