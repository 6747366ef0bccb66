"""What is missing is told by its own name; no server makes a thread beat for ever."""

import asyncio
import threading
from pathlib import Path

import discord.voice_client
import pytest

from bus.errors import BackendError
from bus.messages import VoiceLink
from procs.discord_voice.backends.voice_gateway import Http, VoiceClient, VoiceSocket

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


async def test_a_server_gets_one_heartbeat_at_a_time_and_none_too_often() -> None:
    http = Http()
    socket = VoiceSocket(None, asyncio.get_running_loop())  # type: ignore[arg-type]
    socket._connection = VoiceClient(LINK, http)._connection
    socket.thread_id, socket._max_heartbeat_timeout = threading.get_ident(), 60.0
    for interval_ms in (0, 5, float("nan"), 41_250):
        await socket.received_message({"op": socket.HELLO, "d": {"heartbeat_interval": interval_ms}})
    beating = [one for one in threading.enumerate() if getattr(one, "ws", None) is socket]
    assert [one.interval for one in beating] == [1.0]  # type: ignore[attr-defined]
    beating[0].stop()  # type: ignore[attr-defined]
    await http.close()
