"""Recordings: MCAP files of what was heard. The only importer of `mcap`.

One channel per topic, message encoding `msgpack`, no schema: a message is the map
`{"header": {...}, "body": {...}}` as it travelled, its publish time the writer's wall clock, its log time
the receipt. Chunks carry checksums and are closed each second, so a killed recorder loses at most that.
Source: MCAP specification, version 0.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, ClassVar

from mcap.exceptions import EndOfFile
from mcap.reader import make_reader
from mcap.records import Channel, Chunk, Footer, McapRecord, Message, Metadata
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap.writer import Writer

from bus import codec
from bus.errors import DecodeError
from bus.header import PROTOCOL, Header
from bus.sniffer.content import blank, redact
from bus.sniffer.foxglove import SCHEMA, SCHEMA_NAME, Translator
from bus.sniffer.taps import Tapped
from bus.topics import AUDIO_LIMIT_BYTES

PROFILE = "miku"
"""MCAP profile: says how messages and metadata are to be read."""

CONTENT, KEPT, BLANKED = "content", "kept", "blanked"
"""Metadata: whether text and sound are in the recording, or blanks of the same size."""

CHUNK_BYTES = 256 * 1024
"""A chunk is closed at this size, or after a second: 2.5 s of sound."""

RECORD_LIMIT_BYTES = 64 * 1024 * 1024
"""A longer record is damage: our chunks have 256 KiB."""

MESSAGE_LIMIT_BYTES = AUDIO_LIMIT_BYTES + 1024
"""A body and its header."""


@dataclass(frozen=True)
class _Recorded:
    """What one MCAP message holds."""

    header: dict[str, Any]
    body: dict[str, Any]


class _McapFile:
    """An MCAP file being written.

    Args:
        stream: where to; closed by `close`.
        keeps_content: whether text and sound are kept, else blanked.
    """

    encoding: ClassVar[str]

    def __init__(self, stream: IO[bytes], profile: str, *, keeps_content: bool) -> None:
        self.count = 0
        self._stream = stream
        self._keeps_content = keeps_content
        self._channels: dict[str, int] = {}
        self._writer = Writer(stream, chunk_size=CHUNK_BYTES)
        self._writer.start(profile=profile, library="bus-sniffer")

    @property
    def n_bytes(self) -> int:
        """Size of the file so far."""
        return self._stream.tell()

    def flush(self) -> None:
        """Close the chunk: what was written so far survives a kill."""
        self._writer.flush()  # type: ignore[no-untyped-call]

    def close(self) -> int:
        """Write the index and the end mark; returns the size of the file in bytes."""
        self._writer.finish()  # type: ignore[no-untyped-call]
        n_bytes = self.n_bytes
        self._stream.close()
        return n_bytes

    def _body(self, tapped: Tapped) -> dict[str, Any]:
        return tapped.body if self._keeps_content else redact(tapped.topic, tapped.body, blank)

    def _add(self, topic: str, tapped: Tapped, data: bytes, log_time_ns: int, schema_id: int = 0) -> None:
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(topic, self.encoding, schema_id)
        self._writer.add_message(
            channel_id=self._channels[topic],
            log_time=log_time_ns,
            publish_time=tapped.header.wall_ns,
            sequence=tapped.header.seq & 0xFFFFFFFF,
            data=data,
        )
        self.count += 1


class Recorder(_McapFile):
    """Writes what is heard."""

    encoding = "msgpack"

    def __init__(self, stream: IO[bytes], *, keeps_content: bool) -> None:
        super().__init__(stream, PROFILE, keeps_content=keeps_content)
        self._writer.add_metadata(
            PROFILE, {"protocol": str(PROTOCOL), CONTENT: KEPT if keeps_content else BLANKED}
        )

    def write(self, tapped: Tapped) -> None:
        """Add a message.

        Raises:
            DecodeError: its body is no map.
        """
        data = codec.encode(_Recorded(asdict(tapped.header), self._body(tapped)))
        self._add(tapped.topic, tapped, data, tapped.received_wall_ns)


class Exporter(_McapFile):
    """Writes messages as viewers read them: JSON, without a schema but for sound."""

    encoding = "json"

    def __init__(self, stream: IO[bytes], *, keeps_content: bool) -> None:
        super().__init__(stream, "", keeps_content=keeps_content)
        self._translator = Translator()
        self._sound_schema = self._writer.register_schema(
            SCHEMA_NAME, "jsonschema", json.dumps(SCHEMA).encode()
        )

    def write(self, tapped: Tapped) -> None:
        """Add a message that was recorded."""
        viewed = self._translator.translate(tapped, self._body(tapped))
        schema_id = self._sound_schema if viewed.is_sound else 0
        self._add(viewed.topic, tapped, viewed.data, viewed.log_time_ns, schema_id)


@dataclass
class Recording:
    """Reads a recording from its beginning, as far and as much as it can be read.

    What was lost on the way stands in `damages` once `messages()` has ended.
    """

    file: Path
    metadata: dict[str, str] = field(default_factory=dict)
    damages: list[str] = field(default_factory=list)
    is_complete: bool = False
    """Whether the end mark is there: the recorder was closed, not killed."""

    @property
    def has_content(self) -> bool:
        """Whether text and sound are in it; known once the first message was read."""
        return self.metadata.get(CONTENT) == KEPT

    def messages(self) -> Iterator[Tapped]:
        """Every message that can be read, in the order of receipt.

        Raises:
            OSError: the file can't be opened.
        """
        topics = self._indexed_topics()
        for record in self._records():
            match record:
                case Metadata(name=name, metadata=metadata) if name == PROFILE:
                    self.metadata = metadata
                case Channel(id=number, topic=topic):
                    topics[number] = topic
                case Message(channel_id=number):
                    yield from self._message(topics.get(number, ""), record)

    def _indexed_topics(self) -> dict[int, str]:
        """Topics as the index repeats them, for channels whose own record is in a damaged chunk."""
        with self.file.open("rb") as stream:
            try:
                summary = make_reader(stream).get_summary()
            # Reading a foreign file: without a usable index, which is noted later, the channels' own
            # records must do.
            except Exception:
                return {}
        return {number: channel.topic for number, channel in summary.channels.items()} if summary else {}

    def _records(self) -> Iterator[McapRecord]:
        """Records of the data section; a chunk whose checksum is wrong is skipped and noted."""
        with self.file.open("rb") as stream:
            try:
                for record in StreamReader(
                    stream, emit_chunks=True, record_size_limit=RECORD_LIMIT_BYTES
                ).records:
                    if isinstance(record, Chunk):
                        yield from self._opened(record)
                    else:
                        self.is_complete |= isinstance(record, Footer)
                        yield record
            except EndOfFile:
                pass  # said below, and only when the end mark is missing
            # Reading a foreign file: the library raises several unrelated types on damaged bytes.
            except Exception as error:
                self._note(f"unreadable from byte {stream.tell():,} on", error)
        if not self.is_complete:
            self.damages.append("cut off: the end mark is missing")

    def _opened(self, chunk: Chunk) -> list[McapRecord]:
        try:
            return breakup_chunk(chunk, validate_crc=True)
        # Decompressors have error types of their own; all mean the same here.
        except Exception as error:
            seconds = (chunk.message_end_time - chunk.message_start_time) / 1e9
            self._note(f"a chunk of {chunk.uncompressed_size:,} bytes ({seconds:.1f} s) is damaged", error)
            return []

    def _message(self, topic: str, message: Message) -> Iterator[Tapped]:
        try:
            yield _tapped(topic, message)
        except DecodeError as error:
            self._note(f"a message of {topic or 'an unknown channel'} can't be read", error)

    def _note(self, what: str, error: Exception) -> None:
        self.damages.append(f"{what} ({type(error).__name__}: {error})".replace(": )", ")"))


def _tapped(topic: str, message: Message) -> Tapped:
    """A message as it was heard when it was recorded.

    Raises:
        DecodeError: not `{"header": ..., "body": {...}}`.
    """
    recorded = codec.decode_any(message.data, MESSAGE_LIMIT_BYTES)
    if type(recorded) is not dict or type(recorded.get("body")) is not dict:
        raise DecodeError("not a recorded message")
    header = codec.from_plain(recorded.get("header"), Header)
    on_the_way_ns = message.log_time - message.publish_time
    return Tapped(
        topic=topic,
        header=header,
        raw=message.data,
        n_bytes=len(message.data),
        received_mono_ns=header.mono_ns + on_the_way_ns,
        received_wall_ns=message.log_time,
        plain=recorded["body"],
    )
