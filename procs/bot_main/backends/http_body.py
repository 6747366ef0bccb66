"""The body of a foreign HTTP answer, as far as it is bearable."""

import aiohttp


async def bounded(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes | None:
    """All of it, decompressed; None if it is longer than the limit, and then the connection is over."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            response.close()
            return None
    return bytes(body)
