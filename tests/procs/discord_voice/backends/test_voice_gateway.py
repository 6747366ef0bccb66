"""What is missing is told by its own name."""

from pathlib import Path

import discord.voice_client
import pytest

from bus.errors import BackendError
from bus.messages import VoiceLink
from procs.discord_voice.backends.voice_gateway import Http, VoiceClient

pytestmark = pytest.mark.unit
LINK = VoiceLink(
    link_revision=1, guild_id=1, channel_id=2, user_id=3, voice_session_id="s", endpoint="e", token="t"
)


@pytest.mark.parametrize(
    ("missing", "code"), [("has_dave", "voice_dave_missing"), ("has_nacl", "sink_failed")]
)
async def test_a_library_that_is_missing(missing: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord.voice_client, missing, False)
    http = Http()
    with pytest.raises(BackendError) as failure:
        VoiceClient(LINK, http)
    assert failure.value.code == code
    await http.close()


async def test_a_certificate_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="ca_file"):
        Http(str(tmp_path / "none.pem"))
