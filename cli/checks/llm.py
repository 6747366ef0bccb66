"""Checks of the language model: who answers, does it know the model, how soon does the first word come."""

import asyncio
import difflib
import time
from contextlib import aclosing
from dataclasses import replace

import aiohttp

from bus.errors import CODES, BackendError, BadSettings
from bus.keys import KeyRing
from bus.messages import ChatMessage, Prompt
from bus.topics import LLM_SERVER_PORT_OFFSET
from cli.checks.base import Finding, Situation, fail, ok, reason, warn
from cli.discovery import Server, ServerRefused, find_servers, list_models
from procs.llm_streamer.backends.base import Waiting
from procs.llm_streamer.backends.openai_chat import Limits, OpenAiChat, Sampling
from procs.llm_streamer.config import LlmSettings
from procs.llm_streamer.core.endpoint import endpoint

FIRST_TOKEN_S = 1.8
"""Within the 2 s of a check; a model that has to be loaded first takes longer, which is no failure."""

ONE_WORD = Sampling(max_tokens=8, temperature=0.0, stop=())
LIMITS = Limits(1.0, FIRST_TOKEN_S, FIRST_TOKEN_S, FIRST_TOKEN_S, 100)

PATIENT = ("llm_loading", "llm_busy", "llm_timeout")
"""Codes that end by waiting."""


_CODE_OF_STATUS = {401: "llm_refused", 403: "llm_refused", 429: "llm_busy", 503: "llm_loading"}


async def model_server(situation: Situation) -> Finding:
    """The server answers and serves the model that is asked for."""
    settings = situation.stack.settings.of(LlmSettings)
    if not settings.address:
        return _embedded(situation, await find_servers())
    try:
        where = endpoint(settings.address)
        models = await list_models(where.models, settings.api_key, by_proxy=not where.is_loopback)
    except ServerRefused as error:
        return _coded(_CODE_OF_STATUS.get(error.status, "llm_failed"), f"{where.address}: {error}")
    except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
        found = _coded("llm_unreachable", f"{settings.address}: {reason(error)}")
        return replace(found, remedy=found.remedy + _proposal(await find_servers()))
    return _known(settings.model, [str(model["id"]) for model in models])


def _embedded(situation: Situation, servers: list[Server]) -> Finding:
    streamer = situation.health.get("llm_streamer")
    model = streamer.facts.get("model", "") if streamer else ""
    value = f"embedded server{f', {model}' if model else ''}"
    if servers:
        return warn(value, f"{_names(servers)} runs here and is not used.", _proposal(servers).strip())
    return ok(value)


def _known(wanted: str, names: list[str]) -> Finding:
    if not names:
        return fail("no models", "The language model server serves no model.", "Pull or configure one there.")
    if wanted and wanted not in names and f"{wanted}:latest" not in names:
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.3) or names[:1]
        return fail(
            f"{wanted} is not among {len(names)} models",
            CODES["llm_model_unknown"].cause,
            f'Set llm.model = "{near[0]}", the nearest it serves.',
        )
    return ok(f"{wanted or names[0]}, one of {len(names)}")


def _proposal(servers: list[Server]) -> str:
    """The one setting that is needed to use what runs here."""
    if not servers:
        return ""
    first = servers[0]
    model = f' and llm.model = "{first.models[0]}"' if len(first.models) == 1 else ""
    return f' {first.kind} answers here: set llm.base_url = "{first.base_url}"{model}.'


def _names(servers: list[Server]) -> str:
    return " and ".join(f"{server.kind} ({server.base_url})" for server in servers)


async def first_token(situation: Situation) -> Finding:
    """How long one word takes."""
    settings = situation.stack.settings.of(LlmSettings)
    if not settings.address and not situation.running:
        return ok("not measured: the embedded server starts with Miku")
    address, model, key = settings.address, settings.model, settings.api_key
    try:
        if not address:
            port = situation.stack.bus.base_port + LLM_SERVER_PORT_OFFSET
            address, model = f"http://127.0.0.1:{port}", ""
            key = KeyRing.load(situation.stack.state_path).token("llm_server")
        backend = OpenAiChat(address, model, key, ONE_WORD, LIMITS)
    except BadSettings as error:
        return fail("unusable", str(error), "Correct it.")
    try:
        async with asyncio.timeout(FIRST_TOKEN_S):
            return await _time_one_word(backend)
    except TimeoutError:
        return _coded("llm_loading", f"over {FIRST_TOKEN_S:g} s")
    except BackendError as error:
        return _coded(error.code, error.detail or error.code)
    finally:
        await backend.close()


async def _time_one_word(backend: OpenAiChat) -> Finding:
    started_s = time.monotonic()
    async with aclosing(backend.reply(Prompt((ChatMessage("user", "Say hi."),)))) as pieces:
        async for piece in pieces:
            if isinstance(piece, Waiting):
                return _coded(piece.code, piece.detail or piece.code)
            if piece.text:
                return ok(f"{(time.monotonic() - started_s) * 1000:.0f} ms")
    return _coded("llm_empty", "no word")


def _coded(code: str, value: str) -> Finding:
    """A finding in the words of a code; what only takes its time is no failure."""
    entry = CODES[code]
    return (warn if code in PATIENT else fail)(value, entry.cause, entry.remedy)
