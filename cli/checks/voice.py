"""Check of the voice: the server that the settings name answers and is warm."""

import asyncio

import aiohttp
import zmq

from bus.errors import CODES, BackendError
from bus.messages import NodeState
from cli.checks.base import Finding, Situation, fail, ok, warn
from procs.tts_bridge.backends.base import TtsBackend
from procs.tts_bridge.backends.rvc_ws import RvcWs
from procs.tts_bridge.backends.soprano_zmq import SopranoZmq
from procs.tts_bridge.config import TtsSettings

PATIENCE_S = 1.5


async def voice_server(situation: Situation) -> Finding:
    """The voice answers, as the bridge will ask it."""
    settings = situation.stack.settings.of(TtsSettings)
    if settings.voice == "embedded":
        return _embedded(situation)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        facts = await _warmed_up(_backend(settings, context))
    except (BackendError, OSError, ValueError, aiohttp.ClientError, zmq.ZMQError) as error:
        code = error.code if isinstance(error, BackendError) else "tts_unreachable"
        grade = warn if code == "tts_loading" else fail
        return grade(f"{settings.voice}: {error}", CODES[code].cause, CODES[code].remedy)
    finally:
        context.destroy(linger=0)
    return ok(", ".join(f"{key} {value}" for key, value in facts.items()))


async def _warmed_up(backend: TtsBackend) -> dict[str, str]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await backend.warm_up()
    except TimeoutError:
        raise BackendError("tts_unreachable", f"no answer within {PATIENCE_S:g} s") from None
    finally:
        await backend.close()


def _backend(settings: TtsSettings, context: "zmq.Context[zmq.Socket[bytes]]") -> TtsBackend:
    if settings.voice == "rvc":
        return RvcWs(settings.rvc_address, settings.pitch_shift, PATIENCE_S, settings.rvc_quiet_ms / 1000)
    return SopranoZmq(context, settings.soprano_address, PATIENCE_S)


def _embedded(situation: Situation) -> Finding:
    health = situation.health.get("tts_bridge")
    if health is None:
        return ok("embedded voice, starts with Miku")
    if health.state is NodeState.DEGRADED and health.code in CODES:
        code = CODES[health.code]
        return fail(f"embedded voice: {health.code}", code.cause, code.remedy)
    facts = ", ".join(f"{key} {value}" for key, value in health.facts.items())
    return ok(f"embedded voice{f': {facts}' if facts else ''}")
