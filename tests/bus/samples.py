"""One sample of every message, with every field away from its default; the golden bytes are made of them."""

from bus.audio import FRAME_BYTES
from bus.messages import (
    AudioFrame,
    ChatMessage,
    FeatureState,
    Health,
    HouseState,
    Intent,
    Mark,
    NodeState,
    Phase,
    PlayoutState,
    Prompt,
    ReplyState,
    Request,
    RequestAnswer,
    RequestKind,
    SessionState,
    SettingsState,
    SettingValue,
    SpokenState,
    Token,
    TurnEvent,
    TurnKind,
    TurnState,
    VoiceLink,
)

TURN = 1_790_000_000_123

SAMPLES = (
    Intent(True, "discord_voice", TURN, 3, 11, 22, 33, "console", "session_idle"),
    SessionState("discord_voice", Phase.ACTIVE, TURN, 3, "session_active", "sink_failed", 11, 22, 33, 4),
    VoiceLink(4, 1, 11, 22, "session", "voice.example:443", "voice-token", "voice_kicked", "voice_stage"),
    FeatureState("drawing", True, "blocked", "llm_failed", "Image generation"),
    HouseState("bubbly", "miku", 3, TURN, (FeatureState("vision", False, "blocked"),), {"nvidia": "voice"}),
    TurnState(TURN, TURN + 1, 60_000),
    PlayoutState(TURN, 1240, 380, TURN - 1, 2, 62, 3, 1, "a.wav", 4, "voice_interrupted"),
    Mark(120, 4, 9),
    SpokenState(TURN, 2400, True, (Mark(0, 0, 5), Mark(300, 6, 12)), True),
    ReplyState(TURN, "Hello, ミク!", True, "stop"),
    Health(NodeState.DEGRADED, 4711, {"s": TURN}, 12, 3, 4, 5, 6, 7, "tts_unreachable", "port 1", {"a": "b"}),
    SettingValue("llm.model", "tiny"),
    SettingsState((SettingValue("llm.model", "tiny"), SettingValue("llm.api_key", "***"))),
    TurnEvent(TurnKind.FIRST_AUDIO, 12.5, "tts_failed", "reset"),
    Request("r-1", RequestKind.PROMPT, "Hi", "discord_voice", "Ann", True),
    RequestAnswer("r-1", True, "s", TURN, "busy", 2),
    ChatMessage("user", "Hi"),
    Prompt((ChatMessage("system", "Be kind."),), "read this"),
    Token(7, " world", True, "stop"),
    AudioFrame(9, 2, bytes(range(256)) * 7 + bytes(FRAME_BYTES - 1792), True),
)
