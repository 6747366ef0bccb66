"""Checks of the language model: who answers, does it know the model, how soon does the first word come."""

import asyncio
import difflib
import time
from contextlib import aclosing

import aiohttp

from bus.errors import CODES, BackendError
from bus.messages import ChatMessage, Prompt, Token
from cli.checks.base import Finding, Situation, fail, ok, warn
from cli.discovery import Server, find_servers, list_models
from procs.llm_streamer.backends.openai_chat import Limits, OpenAiChat
from procs.llm_streamer.config import LlmSettings
from procs.llm_streamer.core.endpoint import endpoint

FIRST_TOKEN_S = 1.8
"""Within the 2 s of a check; a model that has to be loaded first takes longer, which is no failure."""


async def model_server(situation: Situation) -> Finding:
    """The server answers and serves the model that is asked for."""
    settings = situation.stack.settings.of(LlmSettings)
    if not settings.base_url:
        return _embedded(situation, await find_servers())
    try:
        where = endpoint(settings.base_url)
        models = await list_models(where.models, settings.api_key, by_proxy=not where.is_loopback)
    except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
        code = CODES["llm_unreachable"]
        return fail(
            f"{settings.base_url}: {_reason(error)}",
            code.cause,
            code.remedy + _proposal(await find_servers()),
        )
    names = [str(model["id"]) for model in models]
    return _known(settings.model, names)


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


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def first_token(situation: Situation) -> Finding:
    """How long one word takes."""
    settings = situation.stack.settings.of(LlmSettings)
    if not settings.base_url:
        return ok("embedded server: milliseconds")
    limits = Limits(1.0, FIRST_TOKEN_S, FIRST_TOKEN_S, FIRST_TOKEN_S, 100)
    prompt = Prompt((ChatMessage("user", "Say hi."),), max_tokens=1)
    started_s = time.monotonic()
    try:
        backend = OpenAiChat(settings.base_url, settings.model, settings.api_key, limits)
        async with asyncio.timeout(FIRST_TOKEN_S), aclosing(backend.reply(prompt)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Token):
                    return ok(f"{(time.monotonic() - started_s) * 1000:.0f} ms")
    except TimeoutError:
        return warn(f"over {FIRST_TOKEN_S:g} s", CODES["llm_loading"].cause, "Ask again in a minute.")
    except BackendError as error:
        code = CODES[error.code]
        return fail(error.detail or error.code, code.cause, code.remedy)
    finally:
        await backend.close()
    return fail("no word", CODES["llm_empty"].cause, CODES["llm_empty"].remedy)
