"""Stubs of the model and the voice with fixed times, and the floor that follows from them.

The floor is what no pipeline can be faster than: the moment at which the first speakable piece is complete
in the model stub's schedule, plus the time of the voice stub's synthesis.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from tests.doubles.llm import words
from tests.e2e.doubles import double
from tests.ports import free_base_port


class Voice(StrEnum):
    """How a pipeline talks to the voice."""

    STRAIGHT = "tokens straight"
    """Tokens as they come over a WebSocket; the voice cuts them (`tests/doubles/rvc.py`)."""
    SENTENCES = "sentence requests"
    """A request per piece over the Soprano link (`tests/doubles/soprano.py`)."""


@dataclass(frozen=True)
class Schedule:
    """What the stubs say, and when.

    `opening` ends with the first piece: it is where every voice and every splitter cuts first.
    """

    opening: str
    rest: str = ""
    first_token_ms: float = 50.0
    token_ms: float = 10.0
    synthesis_ms: float = 30.0
    symbol_ms: int = 20
    """Sound of one character."""

    @property
    def text(self) -> str:
        """The whole reply."""
        return f"{self.opening} {self.rest}".strip()

    @property
    def floor_ms(self) -> float:
        """From the prompt to the first sound, were nothing between the stubs."""
        n_before = len(words(self.opening)) - 1
        return self.first_token_ms + n_before * self.token_ms + self.synthesis_ms

    @property
    def speech_s(self) -> float:
        """About how long the reply sounds."""
        return len(self.text) * self.symbol_ms / 1000


@dataclass(frozen=True)
class Stubs:
    """Both servers, running."""

    voice: Voice
    schedule: Schedule
    llm_url: str
    tts_url: str

    @property
    def settings(self) -> dict[str, str]:
        """Environment of a stack that uses them."""
        key = "MIKU_TTS__RVC_URL" if self.voice is Voice.STRAIGHT else "MIKU_TTS__SOPRANO_URL"
        return {"MIKU_LLM__BASE_URL": self.llm_url, key: self.tts_url}


@contextmanager
def stubs(voice: Voice, schedule: Schedule) -> Iterator[Stubs]:
    """Run both servers as processes of their own."""
    say = ("--text", schedule.text, "--first-token-ms", f"{schedule.first_token_ms}")
    speak = ("--synthesis-ms", f"{schedule.synthesis_ms}", "--symbol-ms", f"{schedule.symbol_ms}")
    port = ("--port", f"{free_base_port()}")
    with ExitStack() as running:
        llm_url = running.enter_context(double("llm", *say, "--token-ms", f"{schedule.token_ms}"))
        if voice is Voice.STRAIGHT:
            tts_url = running.enter_context(double("rvc", *speak, *port))
        else:  # at the rate of the bus, so that nobody resamples
            tts_url = running.enter_context(double("soprano", *speak, *port, "--rate-hz", "48000"))
        yield Stubs(voice, schedule, llm_url, tts_url)
