"""The process that speaks. Chooses the voice by name; run it with `python -m procs.tts_bridge`."""

from bus import run
from bus.node import Node
from bus.topics import TTS_SERVER_PORT_OFFSET
from procs.tts_bridge.app import TtsBridge
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.backends.resample import SwResampler
from procs.tts_bridge.backends.soprano_link import CurveKeys
from procs.tts_bridge.backends.soprano_zmq import SopranoZmq
from procs.tts_bridge.config import Config


def embedded(node: Node, config: Config) -> TtsBackend:
    """Our own voice process, beside us on this machine."""
    url = f"tcp://{config.bus.host}:{config.bus.base_port + TTS_SERVER_PORT_OFFSET}"
    keys = CurveKeys(*node.keys.pair("tts_bridge"), node.keys.public("tts_server"))
    return SopranoZmq(node.transport.context, url, config.tts.stall_timeout_s, keys)


def soprano(node: Node, config: Config) -> TtsBackend:
    """A Soprano server of the user's."""
    return SopranoZmq(node.transport.context, config.tts.soprano_address, config.tts.stall_timeout_s)


def rvc(node: Node, config: Config) -> TtsBackend:
    """An RVC server of the user's."""
    from procs.tts_bridge.backends.rvc_ws import RvcWs  # noqa: PLC0415 - aiohttp costs 16 MiB others never use

    tts = config.tts
    return RvcWs(tts.rvc_address, tts.pitch_shift, tts.stall_timeout_s, tts.rvc_quiet_ms / 1000)


VOICES = {"embedded": embedded, "soprano": soprano, "rvc": rvc}


def make(node: Node, config: Config) -> TtsBridge:
    """The app with the voice that the settings name."""
    return TtsBridge(node, config.tts, VOICES[config.tts.voice](node, config), SwResampler)


if __name__ == "__main__":
    run(TtsBridge, Config, make)
