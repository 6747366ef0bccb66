"""The voice node as a process."""

from collections.abc import Callable

from bus import Bus, run
from bus.audio import frames_of_ms
from procs.discord_voice.app import VoiceNode
from procs.discord_voice.backends.base import LinkedBackend
from procs.discord_voice.backends.by_intent import ByIntent
from procs.discord_voice.backends.discord_sink import DiscordSink
from procs.discord_voice.backends.wav_file import WavFile
from procs.discord_voice.config import Config
from procs.sink.backends.pacer import Pacer
from procs.sink.core.session import Rules

CONNECT_SHARE = 0.8
"""Of a session's time to start: the backend says what is wrong before the node gives up without a reason."""


def wav_file(bus: Bus, config: Config) -> LinkedBackend:
    """Recordings in the state folder."""
    folder = config.base.state_path / "recordings"
    return WavFile(folder, config.voice.keep_recordings, Pacer(bus.clock.mono_ns))


def discord(bus: Bus, config: Config) -> LinkedBackend:
    """Discord's voice channels."""
    limit_s = config.session.start_timeout_s * CONNECT_SHARE
    mono_ns = bus.clock.mono_ns
    return DiscordSink(Pacer(mono_ns), mono_ns, bus.log.info, limit_s, config.discord.ca_file)


def auto(bus: Bus, config: Config) -> LinkedBackend:
    """Discord for sessions of a Discord server, recordings for the others."""
    return ByIntent(discord(bus, config), wav_file(bus, config))


BACKENDS: dict[str, Callable[[Bus, Config], LinkedBackend]] = {
    "auto": auto,
    "discord": discord,
    "wav_file": wav_file,
}


def make(bus: Bus, config: Config) -> VoiceNode:
    """The voice node with the backend that the settings name."""
    voice, session = config.voice, config.session
    rules = Rules(VoiceNode.name, voice.enabled, round(session.start_timeout_s * 1000))
    backend = BACKENDS[voice.backend](bus, config)
    return VoiceNode(bus, rules, backend, session.max_sessions, frames_of_ms(voice.prebuffer_ms))


if __name__ == "__main__":
    run(VoiceNode, Config, make)
