"""Every message of the bus: plain frozen data, units and meaning under each field.

`bus/topics.py` says which topic carries which message; `bus/codec.py` derives the bytes from the type
hints. Adding a field with a default is compatible; readers ignore fields they do not know. A rename, a
removal or a change of meaning needs a new `PROTOCOL` (`bus/header.py`).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from bus.audio import FRAME_BYTES
from bus.errors import BadMessage


class Phase(StrEnum):
    """Where a session is; the machine is in `procs/sink/core/session.py`."""

    IDLE = "idle"
    STARTING = "starting"
    ACTIVE = "active"
    STOPPING = "stopping"


class NodeState(StrEnum):
    """What a node says of itself."""

    STARTING = "starting"
    READY = "ready"
    LOADING = "loading"
    """A backend is loading (a model swap, a warm-up); work is accepted and waits."""
    DEGRADED = "degraded"
    """A backend is missing; `Health.code` says which."""
    STOPPING = "stopping"


@dataclass(frozen=True)
class Intent:
    """Where Miku should be: one per session, by `bot_main`. Stored, so it has no lease."""

    wanted: bool
    """Whether she should be there."""
    sink: str
    """Node that plays: `discord_voice` or `web_gateway`."""
    since_ms: int
    """Wall ms at which the session was asked for; turns below it are dead."""
    revision: int
    """Grows by one with each change of this intent; a move by others changes `voice_channel_id` alone."""
    guild_id: int = 0
    """Discord guild, 0 outside Discord."""
    voice_channel_id: int = 0
    """Discord voice channel, 0 outside Discord."""
    prompt_channel_id: int = 0
    """Discord text channel whose messages are prompts, 0 outside Discord."""
    requested_by: str = ""
    """Who asked: a Discord user id, `console`, `web`."""
    reason: str = ""
    """Error code of why it is wanted no longer, empty while it is and where somebody asked for the end."""


@dataclass(frozen=True)
class SessionState:
    """Where Miku is: one per session, by the sink that holds it. A lease (3 s)."""

    sink: str
    """Node that holds the session."""
    phase: Phase
    """State of the session machine."""
    since_ms: int
    """Wall ms copied from the intent; turns below it are dead."""
    revision: int
    """Intent revision last acted on: the answer to the intent."""
    refusal: str = ""
    """Error code if it was refused since it last started, else empty; a leave does not take it back."""
    reason: str = ""
    """Error code of the last involuntary end, else empty."""
    guild_id: int = 0
    """As in the intent, once connected."""
    voice_channel_id: int = 0
    """Where she really is; differs from the intent after a move."""
    prompt_channel_id: int = 0
    """As in the intent."""
    link_revision: int = 0
    """Which credentials the sink needs: grows when those of `VoiceLink` are dead."""


@dataclass(frozen=True)
class VoiceLink:
    """The newest credentials for a Discord voice connection: one per session, by `bot_main`. Secret.

    Discord sends them to the one gateway session of the bot, as VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE.
    """

    link_revision: int
    """`SessionState.link_revision` that they answer: smaller ones are dead."""
    user_id: int
    """The bot's user."""
    guild_id: int
    """Discord guild."""
    channel_id: int
    """Voice channel she is in now, as Discord says; 0 = in none: `code` says why."""
    voice_session_id: str = ""
    """From the voice state; empty = not come yet."""
    endpoint: str = ""
    """Host and port of the voice server; empty = none for now, another one will be named."""
    token: str = field(default="", repr=False)
    """For the voice server alone."""
    code: str = ""
    """Error code once she was put out, else empty."""
    silenced: str = ""
    """Error code while she is in the channel and may not speak there, else empty."""


@dataclass(frozen=True)
class FeatureState:
    """One feature of the bot."""

    name: str
    """Row of the gate's table."""
    is_open: bool
    """Whether it may work now."""
    action: str
    """What becomes of it during a session: `blocked`, `silent`, `paused` or `queued`."""
    code: str = ""
    """Error code while a service of it is missing, else empty."""
    title: str = ""
    """Its name for people."""


@dataclass(frozen=True)
class HouseState:
    """What the bot does besides speaking, for people: by `bot_main`."""

    mood: str = ""
    """Her mood outside servers."""
    persona: str = ""
    """`miku` or `evil`."""
    queued: int = 0
    """Text messages that wait for the end of the session."""
    oldest_queued_ms: int = 0
    """Wall ms at which the oldest of them was written; 0 for none."""
    features: tuple[FeatureState, ...] = ()
    """In the table's order."""
    gpu: dict[str, str] = field(default_factory=dict)
    """Card or route → what it does now, for `voice-status`."""


@dataclass(frozen=True)
class TurnState:
    """What is being said: one per session, by `bot_main`. A lease (3 s); the floor never falls."""

    floor: int
    """Lowest turn still alive: a barge-in raises it."""
    active: int
    """Turn being answered now, 0 for none."""
    speech_limit_ms: int = 0
    """A reply's speech ends with the sentence in which it gets this long; 0 = never."""


@dataclass(frozen=True)
class PlayoutState:
    """What was heard: one per session, by the sink. Only this may enter the memory."""

    turn: int
    """Turn being played or played last, 0 before the first."""
    played_ms: int
    """Position in that turn's audio up to which it was heard."""
    buffered_ms: int
    """Audio of that turn waiting in the sink."""
    finished_turn: int
    """Largest turn that was heard to its end or cut."""
    underruns: int = 0
    """Times a turn ran dry, since the session started."""
    sent: int = 0
    """Frames with sound that left, since the session started; not those that nobody could decrypt."""
    nulled: int = 0
    """Frames of silence that left in place of missing sound."""
    late: int = 0
    """Frames that left more than 20 ms after their deadline."""
    recording: str = ""
    """File name (no path) of the sound of `turn`, where the sink keeps one."""
    deficit: int = 0
    """Frames that were due while turns sounded (3,000 a minute) and did not leave, since the session started;
    those regained after a stall are taken off again."""
    code: str = ""
    """Error code if `finished_turn` was given up, else empty."""


@dataclass(frozen=True)
class Mark:
    """Where a piece of the reply lies in the sound of its turn."""

    start_ms: int
    """Position in the turn's audio at which it begins to sound."""
    first_char: int
    """Offset of its first character in the reply text."""
    end_char: int
    """Offset behind its last character in the reply text."""


@dataclass(frozen=True)
class SpokenState:
    """Which words of the reply sound when: one per session, by `tts_bridge`, for the newest turn."""

    turn: int
    """The turn these marks belong to."""
    duration_ms: int
    """Audio made so far."""
    complete: bool
    """Whether all of the reply that is spoken has become sound."""
    marks: tuple[Mark, ...] = ()
    """In order; a word was heard once `PlayoutState.played_ms` passed its start."""
    is_shortened: bool = False
    """Whether the reply goes on behind what is spoken (`TurnState.speech_limit_ms`)."""


@dataclass(frozen=True)
class ReplyState:
    """The text of the newest reply so far: one per session, by `llm_streamer`."""

    turn: int
    """The turn answered."""
    text: str
    """All text so far; at most 16,000 characters."""
    complete: bool
    """Whether the model has finished."""
    finish_reason: str = ""
    """`stop`, `length`, `cut` (the turn died) or an error code, once complete."""


@dataclass(frozen=True)
class Health:
    """What a node says of itself each second. A lease (3 s): silence means dead or frozen."""

    state: NodeState
    """Whether it can work."""
    pid: int
    """Process id, for the supervisor's listener."""
    applied: dict[str, int] = field(default_factory=dict)
    """Session id → floor, as this node has applied them: the acknowledgement."""
    uptime_s: int = 0
    """Seconds since the node started."""
    loop_lag_ms: int = 0
    """Worst delay of the event loop in the last second."""
    dropped_stale: int = 0
    """Messages of dead turns dropped since the start."""
    decode_errors: int = 0
    """Refused messages since the start."""
    gaps: int = 0
    """Messages missed (sequence gaps) since the start."""
    fenced: int = 0
    """Messages of older incarnations dropped since the start."""
    code: str = ""
    """Error code while degraded or loading."""
    detail: str = ""
    """One technical line for the operator: progress, address, version. Never message text."""
    facts: dict[str, str] = field(default_factory=dict)
    """What the node is made of, for people: backend, model, voice."""


@dataclass(frozen=True)
class SettingValue:
    """One setting of a process."""

    name: str
    """`section.key`."""
    value: str
    """As text, at most 200 characters; secrets as `***`."""


@dataclass(frozen=True)
class SettingsState:
    """The settings a process runs with, for people: by every process, once it has started."""

    settings: tuple[SettingValue, ...] = ()
    """All that the process reads."""


class TurnKind(StrEnum):
    """Milestones of a turn, in the order in which they normally happen."""

    ACCEPTED = "accepted"
    """bot_main: the prompt was handed over."""
    RECEIVED = "received"
    """A stage took the turn up."""
    FIRST_TOKEN = "first_token"  # noqa: S105 - a milestone, not a secret
    """llm_streamer: the first token left."""
    FIRST_PIECE = "first_piece"
    """tts_bridge: the first speakable piece was complete."""
    FIRST_AUDIO = "first_audio"
    """tts_bridge: the first frame left."""
    FIRST_FRAME = "first_frame"
    """The sink: the first frame was played."""
    DONE = "done"
    """A stage finished the turn."""
    CUT = "cut"
    """A stage dropped the turn because it is dead."""
    FAILED = "failed"
    """A stage gave up; `code` says why."""


@dataclass(frozen=True)
class TurnEvent:
    """A milestone of a turn in one stage. An event: may be lost, nothing depends on it alone."""

    kind: TurnKind
    """Which milestone."""
    elapsed_ms: float = 0.0
    """Milliseconds since the stage took the turn up."""
    code: str = ""
    """Error code of a failure."""
    detail: str = ""
    """One technical line; never message text."""


class RequestKind(StrEnum):
    """What a person can ask of `bot_main` from outside Discord."""

    JOIN = "join"
    LEAVE = "leave"
    PROMPT = "prompt"
    """Text for Miku to answer."""
    SPEAK = "speak"
    """Text for Miku to read out as it is."""
    STOP = "stop"
    """Stop speaking."""


@dataclass(frozen=True)
class Request:
    """A person's request through the command line or the browser; answered by `RequestAnswer`."""

    id: str
    """Unique; sending it again asks for the same answer, not for the same work."""
    kind: RequestKind
    """What is asked."""
    text: str = ""
    """Prompt or text to speak; at most 4,000 characters."""
    sink: str = "discord_voice"
    """Where to play, for a join."""
    user: str = ""
    """Name shown to the model; at most 64 characters."""
    own: bool = False
    """Join: whether a session of one's own is wanted, even if the sink holds another one."""

    def __post_init__(self) -> None:
        if len(self.text) > 4000 or len(self.user) > 64 or not 1 <= len(self.id) <= 64:
            raise BadMessage("request: text up to 4,000, user up to 64, id 1 to 64 characters")


@dataclass(frozen=True)
class RequestAnswer:
    """What became of a request. An event; the sender repeats the request until it sees one."""

    id: str
    """The request's id."""
    accepted: bool
    """Whether it is done or under way."""
    session: str = ""
    """Session it belongs to."""
    turn: int = 0
    """Turn that will answer it, 0 for none."""
    code: str = ""
    """Error code of a refusal."""
    waiting: int = 0
    """Prompts before this one."""


@dataclass(frozen=True)
class ChatMessage:
    """One message of a conversation, as chat completion servers take it."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str
    """Its text."""


@dataclass(frozen=True)
class Prompt:
    """What the model is to answer."""

    messages: tuple[ChatMessage, ...]
    """Persona, history and the new message."""
    verbatim: str = ""
    """If set: spoken as it is, without asking the model."""


@dataclass(frozen=True)
class Token:
    """A piece of the reply as the model streams it."""

    index: int
    """From 0, +1."""
    text: str
    """May be empty when final."""
    final: bool = False
    """Whether the reply ends here."""
    finish_reason: str = ""
    """`stop`, `length` or an error code, when final."""


@dataclass(frozen=True)
class AudioFrame:
    """20 ms of sound, or the end of a turn."""

    index: int
    """From 0, +1: position `index * 20 ms` in the turn's audio."""
    sentence: int
    """Number of the piece of text it belongs to, from 0."""
    pcm: bytes
    """`int16[960]`, 48 kHz mono little-endian; empty only in a final message."""
    final: bool = False
    """Whether the turn's audio ends behind this frame."""

    def __post_init__(self) -> None:
        if len(self.pcm) != FRAME_BYTES and not (self.final and not self.pcm):
            raise BadMessage(f"audio frame of {len(self.pcm)} bytes, not {FRAME_BYTES}")
