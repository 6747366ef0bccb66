"""Discord's limits as numbers; a test may shorten the long ones."""

from dataclasses import dataclass


@dataclass
class Rules:
    """What Discord enforces. Times as Discord has them unless a test is in a hurry."""

    content_max: int = 2_000
    nonce_max: int = 25
    nonce_window_s: float = 300.0
    """An `enforce_nonce` message seen again within this time is not posted again."""
    embeds_max: int = 10
    attachments_max: int = 10
    upload_max_bytes: int = 10 * 1024 * 1024
    reactions_max: int = 20
    interaction_first_answer_s: float = 3.0
    interaction_token_s: float = 15 * 60.0
    heartbeat_interval_s: float = 41.25
    voice_heartbeat_interval_s: float = 13.75
    identify_interval_s: float = 5.0
    """Two IDENTIFYs closer than this: the second session is invalid."""
    identify_budget: int = 1_000
    """A day's IDENTIFYs; one more and the token is reset (close 4004)."""
    gateway_commands_per_minute: int = 120
    session_kept_s: float = 120.0
    """How long a session waits for its RESUME after its connection is lost."""
    voice_session_kept_s: float = 60.0
    requests_per_second: int = 50
    """Over all routes of one bot, interactions and webhooks aside."""
    rate_limits: bool = True
    dave: bool = True
    """End-to-end encryption in voice channels; clients without it are turned away with 4017."""
    voice_modes: tuple[str, ...] = ("aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize")
    single_use_voice_tokens: bool = False
    """Whether a voice token that has been used once is refused (4006); not documented."""
    repeats_voice_server: bool = False
    """Whether OP 4 for the channel one is in brings a new VOICE_SERVER_UPDATE; not documented."""
