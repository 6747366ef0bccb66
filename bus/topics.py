"""THE list: every node, topic, port, limit and period. Code, documents, tests and the sniffer read it.

A node binds one XPUB for its states, events and taps; each flow has a PUSH socket of its own, bound by
its writer, so that a dead reader's queue dies with it and a second writer is refused by the kernel.
Ports are `base + index` in this list, so tests run side by side with different bases.
"""

from dataclasses import dataclass
from enum import StrEnum

from bus.errors import UnknownTopic
from bus.messages import (
    AudioFrame,
    Health,
    HouseState,
    Intent,
    PlayoutState,
    Prompt,
    ReplyState,
    Request,
    RequestAnswer,
    SessionState,
    SettingsState,
    SpokenState,
    Token,
    TurnEvent,
    TurnState,
    VoiceLink,
)

SINKS = ("discord_voice", "web_gateway")
"""Nodes that hold sessions and play sound."""

NODES = (
    "bot_main",
    "llm_streamer",
    "tts_bridge",
    "discord_voice",
    "llm_server",
    "tts_server",
    "guardian",
    "web_gateway",
)
"""Nodes with a publisher, in port order. New ones go to the end: a port is part of the protocol."""

PEOPLE = ("cli", "sniffer")
"""Roles that connect but bind nothing: any number of them at a time."""

CONTROL_LIMIT_BYTES = 64 * 1024
"""Largest body of anything but audio (reliability row S4)."""
AUDIO_LIMIT_BYTES = 256 * 1024
"""Largest body of audio (reliability row S4)."""

LEASE_MS = 3_000
"""A level not renewed for this long is lost: three missed periods."""
PERIOD_MS = 1_000
"""Levels are sent again this often."""


class Pattern(StrEnum):
    """How a topic travels."""

    STATE = "state"
    """XPUB; a level: all of it, on subscription, on change and each period; lost ones heal."""
    EVENT = "event"
    """XPUB; may be lost; nothing may depend on it alone."""
    FLOW = "flow"
    """PUSH/PULL, writer binds; ordered; blocks when full, with a deadline; tapped."""
    REQUEST = "request"
    """PUSH/PULL, reader binds: many writers, answered by an event, repeated until answered."""


@dataclass(frozen=True)
class Topic:
    """One row of the list."""

    name: str
    pattern: Pattern
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    message: type
    doc: str
    limit: int = 0
    """FLOW, REQUEST: messages the writer's socket holds before it blocks."""
    period_ms: int = PERIOD_MS
    """STATE: sent again this often."""
    lease_ms: int = LEASE_MS
    """STATE: lost when not renewed for this long; 0 = never."""
    secret: bool = False
    """Never shown, logged or recorded, whoever asks."""

    @property
    def body_limit_bytes(self) -> int:
        """Largest body accepted."""
        return AUDIO_LIMIT_BYTES if self.message is AudioFrame else CONTROL_LIMIT_BYTES


def _topics() -> list[Topic]:
    state, event, flow = Pattern.STATE, Pattern.EVENT, Pattern.FLOW
    everyone = (*NODES, *PEOPLE)
    fronts = ("web_gateway", *PEOPLE)
    rows = [
        Topic("control.intent", state, ("bot_main",), everyone, Intent, "Where Miku should be.", lease_ms=0),
        Topic("control.turn", state, ("bot_main",), everyone, TurnState, "Which turns are alive."),
        Topic("control.voice_link", state, ("bot_main",), ("discord_voice",), VoiceLink,
              "Credentials of the voice connection, handed on from the gateway.", secret=True),
        Topic("report.house", state, ("bot_main",), ("bot_main", *fronts), HouseState,
              "What the bot does besides speaking."),
        Topic("report.reply", state, ("llm_streamer",), ("bot_main", *fronts), ReplyState,
              "The text of the newest reply so far."),
        Topic("report.spoken", state, ("tts_bridge",), ("bot_main", *fronts), SpokenState,
              "Which words of the newest reply sound when."),
        Topic("report.request", event, ("bot_main",), ("cli", "web_gateway"), RequestAnswer,
              "What became of a request."),
        Topic("flow.prompt", flow, ("bot_main",), ("llm_streamer",), Prompt,
              "Prompts for the model.", limit=8),
        Topic("flow.token", flow, ("llm_streamer",), ("tts_bridge",), Token,
              "The reply as the model streams it.", limit=1024),
        Topic("flow.request", Pattern.REQUEST, ("cli", "web_gateway"), ("bot_main",), Request,
              "What people ask from outside Discord.", limit=8),
    ]  # fmt: skip
    for sink in SINKS:
        rows += [
            Topic(f"control.session.{sink}", state, (sink,), everyone, SessionState, "Where Miku is."),
            Topic(f"report.playout.{sink}", state, (sink,), ("tts_bridge", "bot_main", *fronts),
                  PlayoutState, "What was heard; each 100 ms while playing."),
            Topic(f"flow.audio.{sink}", flow, ("tts_bridge",), (sink,), AudioFrame,
                  "The sound of the reply in frames of 20 ms.", limit=250),
        ]  # fmt: skip
    for node in NODES:
        rows += [
            Topic(f"report.health.{node}", state, (node,), everyone, Health, "How the node is."),
            Topic(f"report.turn.{node}", event, (node,), everyone, TurnEvent, "Milestones of turns."),
            Topic(
                f"report.settings.{node}",
                state,
                (node,),
                fronts,
                SettingsState,
                "What the node was started with.",
                period_ms=10_000,
                lease_ms=30_000,
            ),
        ]
    return rows


TOPICS: dict[str, Topic] = {row.name: row for row in _topics()}

_SOCKETS = [row.name for row in _topics() if row.pattern in (Pattern.FLOW, Pattern.REQUEST)]


def topic(name: str) -> Topic:
    """The row of a topic.

    Raises:
        UnknownTopic: it is not in the list.
    """
    try:
        return TOPICS[name]
    except KeyError:
        raise UnknownTopic(name) from None


def publisher_port(node: str, base_port: int) -> int:
    """Port of a node's XPUB."""
    return base_port + NODES.index(node)


def flow_port(name: str, base_port: int) -> int:
    """Port of a FLOW's or REQUEST's socket; flows start 20 above the base."""
    return base_port + 20 + _SOCKETS.index(name)


PORT_SPAN = 40
"""Ports a stack occupies from its base on, the embedded servers' own (from +30) included."""

LLM_SERVER_PORT_OFFSET = 30
"""The embedded llama.cpp server's HTTP port is base + this."""
TTS_SERVER_PORT_OFFSET = 31
"""The embedded voice's Soprano link port is base + this."""
WEB_PORT_OFFSET = 32
"""The browser's HTTP port is base + this, unless `web.port` says otherwise."""
