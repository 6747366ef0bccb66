"""The voice node as a process."""

from collections.abc import Callable

from bus import Bus, run
from bus.audio import frames_of_ms
from procs.discord_voice.app import VoiceNode
from procs.discord_voice.backends.wav_file import WavFile
from procs.discord_voice.config import Config
from procs.sink.backends.base import VoiceBackend
from procs.sink.backends.pacer import Pacer
from procs.sink.core.session import Rules


def wav_file(bus: Bus, config: Config) -> VoiceBackend:
    """Recordings in the state folder."""
    folder = config.base.state_path / "recordings"
    return WavFile(folder, config.voice.keep_recordings, Pacer(bus.clock.mono_ns))


BACKENDS: dict[str, Callable[[Bus, Config], VoiceBackend]] = {"wav_file": wav_file}


def make(bus: Bus, config: Config) -> VoiceNode:
    """The voice node with the backend that the settings name."""
    voice, session = config.voice, config.session
    rules = Rules(VoiceNode.name, voice.enabled, round(session.start_timeout_s * 1000))
    backend = BACKENDS[voice.backend](bus, config)
    return VoiceNode(bus, rules, backend, session.max_sessions, frames_of_ms(voice.prebuffer_ms))


if __name__ == "__main__":
    run(VoiceNode, Config, make)
