"""What replies of the Soprano link say. Law: `docs/soprano-link.md`. Pure: bytes and headers in."""

from typing import Any

from bus.errors import BackendError
from bus.foreign_json import read_json
from procs.tts_bridge.core.chunk import Chunk, Encoding, WordMark, is_voice_rate
from procs.tts_bridge.core.sentences import Piece

DEFAULT_RATE_HZ = 32_000
"""Rate of Soprano's model, where a header names none."""

ERRORS = {
    "busy": ("tts_failed", True),
    "failed": ("tts_failed", True),
    "duplicate_id": ("tts_failed", True),
    "stalled": ("tts_stalled", True),
    "loading": ("tts_loading", False),
    "unavailable": ("tts_engine_missing", False),
    "unknown_voice": ("tts_engine_missing", False),
    "bad_request": ("tts_failed", False),
    "too_large": ("tts_failed", False),
    "unknown_op": ("tts_failed", False),
    "unsupported_version": ("tts_failed", False),
}
"""Code of the link → ours, and whether the same request is worth a second try at once."""


def header_of(parts: list[bytes]) -> dict[str, Any] | None:
    """The header of a reply of header and payload; None if there is none to read."""
    if len(parts) != 2:
        return None
    try:
        header = read_json(parts[0])
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def chunk_of(header: dict[str, Any], payload: bytes, piece: Piece) -> Chunk:
    """The sound of a reply.

    Raises:
        BackendError: `tts_bad_audio`: it is no sound of a voice.
    """
    rate_hz, dtype = header.get("sample_rate", DEFAULT_RATE_HZ), header.get("dtype", Encoding.F32LE)
    if type(rate_hz) is not int or not is_voice_rate(rate_hz):
        raise bad_audio("the sample rate is not a voice's")
    if dtype not in list(Encoding):
        raise bad_audio("the sample format is unknown")
    encoding = Encoding(dtype)
    if len(payload) % encoding.sample_bytes:
        raise bad_audio(f"{len(payload)} bytes are not whole samples")
    marks = _marks_of(header.get("marks", []), len(piece.text))
    return Chunk(piece.index, payload, rate_hz, encoding, marks, header.get("last") is True)


def _marks_of(marks: Any, n_chars: int) -> tuple[WordMark, ...]:
    """Word marks; those outside the text name no word and are left out."""
    try:
        pairs = [(char, sample) for char, sample in marks]
    except (TypeError, ValueError):
        raise bad_audio("the marks are not pairs") from None
    if not all(type(value) is int for pair in pairs for value in pair):
        raise bad_audio("the marks are not numbers")
    return tuple(WordMark(c, s) for c, s in pairs if 0 <= c < n_chars and s >= 0)


def server_error(header: dict[str, Any]) -> BackendError:
    """The server's own words stay with it: only a code that the law names is passed on."""
    name = header["code"] if header["code"] in list(ERRORS) else "failed"
    code, retryable = ERRORS[name]
    return BackendError(code, f"the server says {name}", retryable=retryable)


def bad_audio(detail: str) -> BackendError:
    """What came is no sound; asking again would bring the same."""
    return BackendError("tts_bad_audio", detail, retryable=False)
