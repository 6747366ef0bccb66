"""Check of Discord: the token is taken, the intent is granted, logins are left for today.

Source: Discord's documentation of GET /applications/@me (flags) and GET /gateway/bot (session_start_limit).
"""

import asyncio
import ssl
from typing import Any

import aiohttp

from bus.errors import CODES
from bus.foreign_json import read_json
from cli.checks.base import Finding, Situation, fail, ok, reason, warn
from procs.bot_main.config import DiscordSettings

API_BASE = "https://discord.com/api/v10"
PATIENCE_S = 1.8
MESSAGE_CONTENT = 1 << 18 | 1 << 19
"""Flags of an application that may read messages: granted by Discord, or switched on for a small bot."""
LIMIT_BYTES = 1024 * 1024
FEW_LOGINS = 50
"""Discord resets the token of a bot that logs in more than 1,000 times a day."""


async def discord(situation: Situation) -> Finding:
    """Discord takes the token and grants what is needed."""
    settings = situation.stack.settings.of(DiscordSettings)
    if not settings.token:
        return ok("no token: she stays out of Discord (docs/discord.md shows how to make one)")
    try:
        async with asyncio.timeout(PATIENCE_S), _session(settings) as session:
            application = await _get(session, settings, "applications/@me")
            gateway = await _get(session, settings, "gateway/bot")
        return _judged(application, gateway)
    except _Refused as refused:
        code = "discord_token_invalid" if refused.status == 401 else "discord_unreachable"
        return _coded(code, f"HTTP {refused.status}")
    except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as error:
        return _coded("discord_unreachable", reason(error))
    except (AttributeError, TypeError):  # JSON of another shape
        return _coded("discord_unreachable", "this is not Discord's REST interface")


def _coded(code: str, value: str) -> Finding:
    return fail(value, CODES[code].cause, CODES[code].remedy)


def _judged(application: dict[str, Any], gateway: dict[str, Any]) -> Finding:
    name = str(application.get("name", "the bot"))
    left = int(gateway.get("session_start_limit", {}).get("remaining", FEW_LOGINS))
    value = f"{name}, {left} logins left today"
    if not int(application.get("flags", 0)) & MESSAGE_CONTENT:
        missing = CODES["discord_intent_missing"]
        return warn(value, missing.cause, missing.remedy)
    if left < FEW_LOGINS:
        cause = "Few logins are left; past them Discord makes the token invalid."
        return warn(value, cause, "Leave Miku running; find out why bot_main restarts.")
    return ok(value)


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _session(settings: DiscordSettings) -> aiohttp.ClientSession:
    context = ssl.create_default_context()
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)
    headers = {"Authorization": f"Bot {settings.token}"}
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), headers=headers)


async def _get(session: aiohttp.ClientSession, settings: DiscordSettings, path: str) -> dict[str, Any]:
    base = (settings.api_base or API_BASE).rstrip("/")
    async with session.get(f"{base}/{path}", allow_redirects=False) as answer:
        if answer.status != 200:
            raise _Refused(answer.status)
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > LIMIT_BYTES:
                raise ValueError("a very long answer")
        found: dict[str, Any] = read_json(body)
        return found
