"""Our answers have the shapes of Discord's own description of its API.

`openapi_extract.json` holds the parts of that document (discord-api-spec, MIT) which the answers below touch.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.discord.director import Director
from tests.discord.director.asking import ask

pytestmark = pytest.mark.flow
EXTRACT = Path(__file__).with_name("openapi_extract.json")
PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


class Document:
    """An OpenAPI document, and whether values fit it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._paths = data["paths"]
        self._schemas = data["components"]["schemas"]

    def answer(self, method: str, path: str) -> dict[str, Any]:
        """The schema of a route's answer."""
        content = self._paths[path][method.lower()]["responses"]["200"]["content"]
        schema: dict[str, Any] = content["application/json"]["schema"]
        return schema

    def wrong(self, schema: dict[str, Any], value: Any, at: str = "") -> list[str]:
        """Where the value does not fit the schema, in words."""
        if "$ref" in schema:
            return self.wrong(self._schemas[schema["$ref"].rpartition("/")[2]], value, at)
        choices = schema.get("oneOf") or schema.get("anyOf") or []
        if choices:
            tries = [self.wrong(one, value, at) for one in choices]
            return [] if [] in tries else tries[-1]
        found = self._wrong_type(schema, value, at)
        if not found and isinstance(value, dict):
            found = self._wrong_object(schema, value, at)
        if not found and isinstance(value, list):
            items = schema.get("items", {})
            found = [
                one for number, item in enumerate(value) for one in self.wrong(items, item, f"{at}[{number}]")
            ]
        return found

    @staticmethod
    def _wrong_type(schema: dict[str, Any], value: Any, at: str) -> list[str]:
        types = schema.get("type", [])
        allowed = [types] if isinstance(types, str) else types
        is_number_for_bool = isinstance(value, bool) and "boolean" not in allowed
        fits = any(isinstance(value, PYTHON_TYPES[one]) for one in allowed) and not is_number_for_bool
        return [] if fits or not allowed else [f"{at}: {value!r} is not {allowed}"]

    def _wrong_object(self, schema: dict[str, Any], value: dict[str, Any], at: str) -> list[str]:
        known = schema.get("properties")
        if known is None:
            return []
        found = [f"{at}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, one in value.items():
            found += (
                self.wrong(known[name], one, f"{at}.{name}") if name in known else [f"{at}.{name} is unknown"]
            )
        return found


class Api:
    """The HTTP API of the loopback as the bot Miku, every answer checked."""

    def __init__(self, director: Director, http: aiohttp.ClientSession) -> None:
        self._director = director
        self._http = http
        self._document = Document(json.loads(EXTRACT.read_text()))

    async def ask(self, method: str, path: str, body: Any = None, query: str = "", **parts: Any) -> Any:
        """The answer to a request; `path` as the document has it, `parts` its ids."""
        url = self._director.discord.api_base + path.format(**parts) + query
        async with self._http.request(method, url, json=body) as answer:
            data = await answer.json()
            assert answer.status == 200, data
        assert self._document.wrong(self._document.answer(method, path), data) == []
        return data


@pytest.fixture
async def api(director: Director) -> AsyncIterator[Api]:
    director.rules.rate_limits = False
    director.allow(["MANAGE_WEBHOOKS", "MANAGE_CHANNELS"])
    connector = aiohttp.TCPConnector(ssl=director.discord.authority.client_context())
    headers = {"Authorization": f"Bot {director.bot('Miku').token}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as http:
        yield Api(director, http)


async def test_users_applications_and_the_gateway(api: Api, director: Director) -> None:
    ann, application = director.person("Ann").user, director.bot("Miku").application
    assert (await api.ask("GET", "/users/@me"))["id"] == str(application.bot.id)
    assert (await api.ask("PATCH", "/users/@me", {"username": "Mik"}))["username"] == "Mik"
    assert (await api.ask("GET", "/users/{user_id}", user_id=ann.id))["id"] == str(ann.id)
    own = await api.ask("GET", "/applications/@me")
    assert own["id"] == str(application.id)
    by_id = await api.ask("GET", "/applications/{application_id}", application_id=application.id)
    assert by_id["id"] == own["id"]
    gateway = await api.ask("GET", "/gateway")
    assert (await api.ask("GET", "/gateway/bot"))["url"] == gateway["url"] == director.discord.gateway_url


async def test_guilds_and_channels(api: Api, director: Director) -> None:
    guild, ann = director.guild("Home").id, director.person("Ann").user.id
    general, lounge = (director.places[name].id for name in ("general", "Lounge"))
    assert (await api.ask("GET", "/guilds/{guild_id}", guild_id=guild))["name"] == "Home"
    channels = await api.ask("GET", "/guilds/{guild_id}/channels", guild_id=guild)
    assert {str(general), str(lounge)} <= {channel["id"] for channel in channels}
    roles = await api.ask("GET", "/guilds/{guild_id}/roles", guild_id=guild)
    assert str(guild) in {role["id"] for role in roles}, "@everyone has the guild's id"
    member = "/guilds/{guild_id}/members/"
    assert (await api.ask("GET", member + "{user_id}", guild_id=guild, user_id=ann))["user"]["id"] == str(ann)
    assert (await api.ask("PATCH", member + "@me", {"nick": "M"}, guild_id=guild))["nick"] == "M"
    director.person("Ann").joins("Lounge")
    voice = await api.ask("GET", "/guilds/{guild_id}/voice-states/{user_id}", guild_id=guild, user_id=ann)
    assert voice["channel_id"] == str(lounge)
    director.places["general"].permit("Ann", ["MANAGE_MESSAGES"])
    channel = "/channels/{channel_id}"
    assert [(await api.ask("GET", channel, channel_id=id_))["type"] for id_ in (general, lounge)] == [0, 2]
    assert (await api.ask("PATCH", channel, {"name": "x"}, channel_id=general))["name"] == "x"
    dm = await api.ask("POST", "/users/@me/channels", {"recipient_id": str(ann)})
    assert (await api.ask("GET", channel, channel_id=dm["id"]))["recipients"][0]["id"] == str(ann)


async def test_messages(api: Api, director: Director) -> None:
    channel, ann = director.places["general"].id, director.person("Ann")
    said = ann.says("general", f"hi {director.bot('Miku').mention}", files={"a.txt": "a"})
    ann.reacts(said, "👍")
    path = "/channels/{channel_id}/messages"
    reply = {"content": "ho", "message_reference": {"message_id": str(said.id)}, "nonce": "1"}
    posted = await api.ask("POST", path, reply, channel_id=channel)
    assert (posted["content"], posted["referenced_message"]["id"]) == ("ho", str(said.id))
    listed = await api.ask("GET", path, channel_id=channel)
    assert [one["id"] for one in listed] == [posted["id"], str(said.id)], "the newest comes first"
    one = path + "/{message_id}"
    edited = await api.ask("PATCH", one, {"content": "hey"}, channel_id=channel, message_id=posted["id"])
    assert (edited["id"], edited["content"]) == (posted["id"], "hey")
    asked = await api.ask("GET", one, channel_id=channel, message_id=said.id)
    assert (asked["attachments"][0]["filename"], asked["reactions"][0]["count"]) == ("a.txt", 1)
    who = one + "/reactions/{emoji_name}"
    reacted = await api.ask("GET", who, channel_id=channel, message_id=said.id, emoji_name="👍")
    assert [user["id"] for user in reacted] == [str(ann.user.id)]


async def test_webhooks(api: Api, director: Director) -> None:
    channel = director.places["general"].id
    hook = await api.ask("POST", "/channels/{channel_id}/webhooks", {"name": "Chorus"}, channel_id=channel)
    listed = await api.ask("GET", "/channels/{channel_id}/webhooks", channel_id=channel)
    assert [one["id"] for one in listed] == [hook["id"]]
    path = "/webhooks/{webhook_id}/{webhook_token}"
    parts = {"webhook_id": hook["id"], "webhook_token": hook["token"]}
    assert (await api.ask("GET", path, **parts))["name"] == "Chorus"
    sent = await api.ask("POST", path, {"content": "la"}, "?wait=true", **parts)
    assert (sent["webhook_id"], sent["author"]["username"]) == (hook["id"], "Chorus")
    one = path + "/messages/{message_id}"
    edited = await api.ask("PATCH", one, {"content": "la la"}, message_id=sent["id"], **parts)
    assert edited["content"] == "la la"


async def test_commands_and_interactions(api: Api, director: Director) -> None:
    application = director.bot("Miku").application
    path = "/applications/{application_id}/commands"
    command = {"name": "miku", "description": "Miku"}
    registered = await api.ask("PUT", path, [command], application_id=application.id)
    assert [one["name"] for one in registered] == ["miku"]
    assert await api.ask("GET", path, application_id=application.id) == registered
    used = ask(
        director.discord, application, director.places["general"].channel, director.person("Ann").user, 2, {}
    )
    parts = {"interaction_id": used.id, "interaction_token": used.token}
    answer = {"type": 4, "data": {"content": "yes"}}
    path = "/interactions/{interaction_id}/{interaction_token}/callback"
    told = await api.ask("POST", path, answer, "?with_response=true", **parts)
    assert told["resource"]["message"]["content"] == "yes"
    hook = "/webhooks/{webhook_id}/{webhook_token}"
    answers = {"webhook_id": str(application.id), "webhook_token": used.token}
    assert (await api.ask("GET", hook + "/messages/@original", **answers))["content"] == "yes"
    more = await api.ask("POST", hook, {"content": "more"}, "?wait=true", **answers)
    assert more["content"] == "more"


def test_the_check_finds_what_is_wrong() -> None:
    document = Document(json.loads(EXTRACT.read_text()))
    schema = {"$ref": "#/components/schemas/GatewayBotResponse"}
    limit = {"total": 1, "remaining": 1, "reset_after": 1, "max_concurrency": 1}
    assert document.wrong(schema, {"url": "wss://x", "shards": 1, "session_start_limit": limit}) == []
    told = document.wrong(schema, {"url": 1, "more": 2, "session_start_limit": limit | {"total": True}})
    assert told == [
        ".shards is missing",
        ".url: 1 is not ['string']",
        ".more is unknown",
        ".session_start_limit.total: True is not ['integer']",
    ]
