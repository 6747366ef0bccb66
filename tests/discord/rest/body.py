"""Bodies of requests: JSON, or multipart with JSON in `payload_json` and files beside it."""

import json
from typing import Any

from aiohttp import BodyPartReader, web

from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.model import Attachment
from tests.discord.world.snowflakes import new_id


async def parse(request: web.Request, upload_max_bytes: int) -> tuple[Any, list[Attachment]]:
    """The JSON of a request, and its files.

    Raises:
        Refused: no JSON where there should be some, or too large a file.
    """
    if not request.can_read_body:
        return {}, []
    if request.content_type == "multipart/form-data":
        return await _multipart(request, upload_max_bytes)
    if request.content_type != "application/json":
        raise bad_field("_errors", "CONTENT_TYPE_INVALID", 'Expected "Content-Type" to be JSON.')
    return _json(await request.text()), []


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise Refused(50109) from None


async def _multipart(request: web.Request, upload_max_bytes: int) -> tuple[Any, list[Attachment]]:
    body: Any = {}
    files: dict[str, Attachment] = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        name = part.name or ""
        if name == "payload_json":
            body = _json(await part.text())
        elif name.startswith("files["):
            content = bytes(await part.read())
            if len(content) > upload_max_bytes:
                raise bad_field("files", "FILE_TOO_LARGE", "The file is too large.")
            content_type = part.headers.get("Content-Type", "application/octet-stream")
            files[name[6:-1]] = Attachment(new_id(), part.filename or "unnamed", content_type, content)
    _describe(body, files)
    return body, list(files.values())


def _describe(body: Any, files: dict[str, Attachment]) -> None:
    """`attachments` in the JSON names the files by their number."""
    for told in body.get("attachments") or []:
        file = files.get(str(told.get("id")))
        if file:
            file.filename = told.get("filename") or file.filename
            file.description = told.get("description")
