"""espeak-ng as an engine: complete in its wheel, no model, 500 times faster than real time."""

import re

import numpy as np

from procs.tts_server.backends.base import Chunk, Emit, EngineError
from procs.tts_server.backends.espeak_library import Library, LibraryError, OnSound, Parameter, Phoneme, Word
from procs.tts_server.core.link import Say
from procs.tts_server.core.trim import Event, EventKind, Trim
from procs.tts_server.core.words import WordStarts, cleaned, is_silent, voice_for

MIN_WPM, MAX_WPM = 80, 450
"""espeak-ng's own limits of its speed."""

_VOICE_NAME = re.compile(r"[A-Za-z0-9-]+(\+[A-Za-z0-9]+)?")
"""A language and a variant. A name is looked up as a file, so nothing like a path may reach it."""


class Espeak:
    """espeak-ng with one voice.

    Args:
        voice: language and variant, like `en-us+f5`.
        speed_wpm: words a minute.
        pitch: 0 to 99; 50 is the variant's own.
        pitch_range: 0 (monotone) to 99.
        repeatable: start each text from a fresh library, whose first text always comes out alike.
    """

    name = "espeak"
    dtype = "s16le"

    def __init__(
        self,
        voice: str,
        speed_wpm: int = 170,
        pitch: int = 70,
        pitch_range: int = 60,
        *,
        repeatable: bool = False,
    ) -> None:
        self.voice = voice
        self.sample_rate_hz = 22_050
        self._speed_wpm = speed_wpm
        self._parameters = {Parameter.PITCH: pitch, Parameter.RANGE: pitch_range}
        self._repeatable = repeatable
        self._library: Library | None = None

    def load(self) -> None:
        """See `Engine.load`."""
        try:
            self._library = Library()
        except LibraryError as error:
            raise EngineError("unavailable", str(error)) from None
        self.sample_rate_hz = self._library.sample_rate_hz
        try:
            self._library.choose_voice(_checked(self.voice))
        except LibraryError as error:
            raise EngineError("unknown_voice", f"{error}; correct tts_server.voice") from None

    def synthesize(self, say: Say, emit: Emit) -> None:
        """See `Engine.synthesize`."""
        text = cleaned(say.text)
        wpm = min(max(round(self._speed_wpm * say.speed), MIN_WPM), MAX_WPM)
        trim = Trim(self.sample_rate_hz)
        try:
            voice = voice_for(text, _checked(say.voice or self.voice))
            if is_silent(text):
                return
            parameters = {**self._parameters, Parameter.RATE: wpm}
            on_sound = _trimming(trim, WordStarts(text), emit)
            self._fresh_library().speak(text, voice, parameters, on_sound)
        except LibraryError as error:
            raise EngineError("unknown_voice" if say.voice else "failed", str(error)) from None
        emit(Chunk(trim.finish().tobytes()))

    def _fresh_library(self) -> Library:
        assert self._library is not None, "load() comes first"
        if self._repeatable:
            self._library.close()
            self._library = Library()
        return self._library


def _trimming(trim: Trim, starts: WordStarts, emit: Emit) -> OnSound:
    """The library's callback: its sound and events become trimmed chunks with marks."""

    def on_sound(pcm: bytes, events: list[Word | Phoneme]) -> bool:
        samples = np.frombuffer(pcm, np.int16)
        trimmed, marks = trim.feed(samples, _trim_events(events, starts))
        return emit(Chunk(trimmed.tobytes(), marks))

    return on_sound


def _trim_events(events: list[Word | Phoneme], starts: WordStarts) -> list[Event]:
    found = []
    for event in events:
        match event:
            case Phoneme(sample, is_pause):
                found.append(Event(sample, EventKind.PAUSE if is_pause else EventKind.SPEECH))
            case Word(sample, position):
                char_index = starts.start_of(position)
                if char_index is not None:
                    found.append(Event(sample, EventKind.WORD, char_index))
    return found


def _checked(voice: str) -> str:
    if not _VOICE_NAME.fullmatch(voice):
        raise LibraryError("a voice is a language and a variant, like en-us+f5")
    return voice
