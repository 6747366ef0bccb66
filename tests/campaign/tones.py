"""Recordings of the voices whose sound is their text, read back."""

from dataclasses import dataclass
from pathlib import Path

from bus.audio import FRAME_SAMPLES
from tests.campaign.world import SYMBOL_MS, VOICE_HZ
from tests.doubles.tone_voice import ToneVoice
from tests.e2e.sound import samples

VOICE = ToneVoice(VOICE_HZ, SYMBOL_MS)


@dataclass(frozen=True)
class Heard:
    """What is in a recording."""

    text: str
    """Letters and digits alone: pauses and punctuation are the voice's own matter."""
    n_slips: int
    """Places where samples were lost, doubled or altered."""
    n_frames: int


def heard(file: Path) -> Heard:
    """Read a recording; one that is not there holds nothing."""
    if not file.exists():
        return Heard("", 0, 0)
    sound = samples(file)
    read = VOICE.hear(sound)
    return Heard(letters(read.text), read.n_slips, len(sound) // FRAME_SAMPLES)


def letters(text: str) -> str:
    """What counts of a text."""
    return "".join(char for char in text if char.isalnum())
