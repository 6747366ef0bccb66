"""espeak-ng by ctypes: text in, sound and events out through a callback. Nothing else loads it.

It comes from the `espeakng-loader` wheel (GPL-3.0-or-later). Traps, each met and handled here: all its state
is global, so one thread and one text at a time; the callback object must stay referenced; it may end the
process on bad data unless told not to; the text's length includes its final NUL; no exception may pass
through its C frames. Source: espeak-ng's header speak_lib.h.
"""

import _ctypes
import ctypes
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_SYNCHRONOUS = 2
"""Output mode: `espeak_Synth` returns when all callbacks are done."""
_CHUNK_MS = 60
"""Length of a callback's sound; this library makes none shorter."""
_PHONEME_EVENTS = 0x1
_DONT_EXIT = 0x8000
_UTF8 = 0x1
_END_PAUSE = 0x1000
"""A pause at the end: the variant's reverberation dies away in it instead of at the next text's start."""

_SEED = 1
"""Any number, always the same: the first text of a fresh library then always comes out alike."""


class Parameter(IntEnum):
    """What can be set of a voice (espeak_PARAMETER)."""

    RATE = 1
    PITCH = 3
    RANGE = 4


class _Kind(IntEnum):
    """Event types in use (espeak_EVENT_TYPE)."""

    LIST_TERMINATED = 0
    WORD = 1
    PHONEME = 7


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))
_SYNTH_ARGUMENTS = (
    ctypes.c_char_p,  # text
    ctypes.c_size_t,  # its bytes, the NUL included
    ctypes.c_uint,  # position to start at
    ctypes.c_int,  # what that position counts
    ctypes.c_uint,  # position to end at, 0 = the end
    ctypes.c_uint,  # flags
    ctypes.c_void_p,  # identifier to return
    ctypes.c_void_p,  # user data
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word begins to sound."""

    sample: int
    position: int
    """Its character in the text, counted from 1."""


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A phoneme or a pause begins."""

    sample: int
    is_pause: bool


OnSound = Callable[[bytes, list[Word | Phoneme]], bool]
"""Takes `int16[n]` mono little-endian and the events that lie in it; False ends the synthesis."""


class LibraryError(Exception):
    """The library is missing or refuses; the text says what."""


class Library:
    """The loaded library. Its state is global: instances of one process share it.

    Raises:
        LibraryError: the wheel is missing or damaged.
    """

    _lock = threading.Lock()

    def __init__(self) -> None:
        self._functions, data = _load()
        with self._lock:
            self.sample_rate_hz = int(
                self._functions.espeak_Initialize(_SYNCHRONOUS, _CHUNK_MS, data, _PHONEME_EVENTS | _DONT_EXIT)
            )
        if self.sample_rate_hz <= 0:
            raise LibraryError("espeak-ng can't read its data")
        self._functions.espeak_ng_SetRandSeed(_SEED)  # else the time of day is in the sound
        ctypes.CDLL(None).srand(_SEED)  # some variants take their noise from the C library
        self._callback = _CALLBACK(self._on_callback)
        self._on_sound: OnSound | None = None
        self._error: BaseException | None = None

    def choose_voice(self, name: str) -> None:
        """Choose a voice by name, like `en-us+f5`.

        Raises:
            LibraryError: there is none.
        """
        with self._lock:
            self._choose_voice(name)

    def speak(self, text: str, voice: str, parameters: Mapping[Parameter, int], on_sound: OnSound) -> None:
        """Speak a text that holds no NUL; blocks until all sound was handed over.

        Raises:
            LibraryError: the voice is unknown or the synthesis failed.
        """
        with self._lock:
            self._choose_voice(voice)
            for parameter, value in parameters.items():
                self._functions.espeak_SetParameter(int(parameter), value, 0)
            self._functions.espeak_SetSynthCallback(self._callback)
            self._on_sound, self._error = on_sound, None
            raw = text.encode() + b"\0"
            status = self._functions.espeak_Synth(raw, len(raw), 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
            self._on_sound = None
        if self._error is not None:
            raise self._error
        if status != 0:
            raise LibraryError(f"espeak_Synth returned {status}")

    def close(self) -> None:
        """Unload the library. The next instance starts as in a fresh process if this was the only one."""
        with self._lock:
            self._functions.espeak_Terminate()
            _ctypes.dlclose(self._functions._handle)

    def _choose_voice(self, name: str) -> None:
        if self._functions.espeak_SetVoiceByName(name.encode()) != 0:
            raise LibraryError(f"espeak-ng has no voice {name!r}")

    def _on_callback(self, samples: int | None, n_samples: int, events: Any) -> int:
        """Called by the library; returns 1 to end the synthesis."""
        assert self._on_sound is not None
        try:
            pcm = ctypes.string_at(samples, 2 * n_samples) if samples else b""
            return 0 if self._on_sound(pcm, _events(events)) else 1
        except BaseException as error:
            self._error = error  # raised again by `speak`
            return 1


def _load() -> tuple[ctypes.CDLL, bytes]:
    """The library and the path of its data."""
    try:
        import espeakng_loader  # noqa: PLC0415 - its absence is a state of health, not a crash

        functions = ctypes.CDLL(espeakng_loader.get_library_path())
    except (ImportError, OSError) as error:
        raise LibraryError(f"espeak-ng can't be loaded: {error}") from None
    functions.espeak_Synth.argtypes = _SYNTH_ARGUMENTS
    functions.espeak_ng_SetRandSeed.argtypes = (ctypes.c_long,)
    return functions, espeakng_loader.get_data_path().encode()


def _events(events: Any) -> list[Word | Phoneme]:
    """The words and phonemes of a callback's event list."""
    found: list[Word | Phoneme] = []
    i = 0
    while (kind := events[i].type) != _Kind.LIST_TERMINATED:
        event = events[i]
        if kind == _Kind.WORD:
            found.append(Word(event.sample, event.text_position))
        elif kind == _Kind.PHONEME:
            found.append(Phoneme(event.sample, event.id.string.startswith(b"_")))
        i += 1
    return found
