"""Which credentials answer what a session wants. Pure."""

from bus.messages import Intent, VoiceLink


def is_usable(link: VoiceLink | None, guild_id: int, revision: int) -> bool:
    """Whether a voice server can be connected to with it: whole, of this guild, and not known to be dead.

    Args:
        revision: smallest `link_revision` that is not dead.
    """
    if link is None or link.guild_id != guild_id or link.link_revision < revision:
        return False
    return bool(link.channel_id and link.voice_session_id and link.endpoint and link.token)


def is_same(link: VoiceLink, other: VoiceLink) -> bool:
    """Whether both lead to the same connection; then nothing is to be done."""
    return _key(link) == _key(other)


def is_there(link: VoiceLink, intent: Intent) -> bool:
    """Whether it is for the channel that is wanted."""
    return (link.guild_id, link.channel_id) == (intent.guild_id, intent.voice_channel_id)


def _key(link: VoiceLink) -> tuple[int, str, str, str]:
    return link.channel_id, link.voice_session_id, link.endpoint, link.token
