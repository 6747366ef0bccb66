"""Serves the application on its address, for as long as the process lives."""

import asyncio
from collections.abc import Callable

from aiohttp import web

AGAIN_S = 2.0
"""Between two tries to get the port."""

SHUTDOWN_S = 1.0


class Site:
    """The HTTP server.

    Args:
        host, port: where; port 0 takes any free one.
    """

    def __init__(self, app: web.Application, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        self.bound = asyncio.Event()
        """Set while it is served."""

    async def run(self, tell: Callable[[str, str], None]) -> None:
        """Serve until cancelled; a port that is taken is tried again, and told (code, detail)."""
        runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            await self._bind(runner, tell)
            self.bound.set()
            await asyncio.Event().wait()
        finally:
            self.bound.clear()
            await runner.cleanup()

    async def _bind(self, runner: web.AppRunner, tell: Callable[[str, str], None]) -> None:
        told = False
        while True:
            try:
                await web.TCPSite(runner, self._host, self._port).start()
            except OSError as error:
                tell("port_taken", f"{self._host} port {self._port}: {error.strerror}")
                told = True
                await asyncio.sleep(AGAIN_S)
            else:
                if told:
                    tell("", "")
                return
