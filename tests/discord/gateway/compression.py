"""Transport compression of the gateway: what a client asks for in `compress=`, one stream per connection."""

import zlib
from collections.abc import Callable

import zstandard

Pack = Callable[[str], bytes]


def _zlib_stream() -> Pack:
    stream = zlib.compressobj()
    return lambda text: stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd_stream() -> Pack:
    stream = zstandard.ZstdCompressor().compressobj()
    return lambda text: stream.compress(text.encode()) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


STREAMS: dict[str, Callable[[], Pack]] = {"zlib-stream": _zlib_stream, "zstd-stream": _zstd_stream}
"""Without one of these messages are plain text."""
