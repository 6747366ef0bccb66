"""The embedded voice as a process: `python -m procs.tts_server`."""

from bus import run
from bus.node import Node
from bus.topics import TTS_SERVER_PORT_OFFSET
from procs.tts_server.app import TtsServer
from procs.tts_server.backends.base import Engine
from procs.tts_server.backends.engine_thread import EngineThread
from procs.tts_server.backends.espeak import Espeak
from procs.tts_server.backends.link_socket import ZAP_DOMAIN, LinkSocket
from procs.tts_server.backends.soprano import Soprano
from procs.tts_server.config import Config, TtsServerSettings

CLIENTS = frozenset({"tts_bridge", "cli"})
"""Roles that may speak: the bridge, and `miku doctor` for its ping."""


def make_engine(settings: TtsServerSettings) -> Engine:
    """The engine that the settings name."""
    if settings.engine == "soprano":
        return Soprano(settings.soprano_model, settings.soprano_device, download=settings.soprano_download)
    return Espeak(
        settings.voice,
        settings.speed_wpm,
        settings.pitch,
        settings.pitch_range,
        repeatable=settings.repeatable,
    )


def make(node: Node, config: Config) -> TtsServer:
    """The node with its engine and its socket."""
    node.transport.admit(ZAP_DOMAIN, CLIENTS)
    address = f"tcp://{config.bus.host}:{config.bus.base_port + TTS_SERVER_PORT_OFFSET}"
    _, secret = node.keys.pair(TtsServer.name)
    link = LinkSocket(node.transport.context, address, secret)
    speaker = EngineThread(make_engine(config.tts_server))
    return TtsServer(node, speaker, link, enabled=config.tts_server.enabled)


if __name__ == "__main__":
    run(TtsServer, Config, make)
