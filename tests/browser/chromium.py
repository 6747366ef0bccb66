"""A headless Chromium, driven over the Chrome DevTools Protocol (chromedevtools.github.io/devtools-protocol).

Needs the program `chromium` (Debian and Ubuntu: `apt install chromium`), found by PATH; nothing is fetched.
One `Chromium` is one profile: two of them share no cookie.
"""

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PROGRAM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)

MISSING = "no chromium in PATH: apt install chromium"

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers without user namespaces have none
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-port=0",
    "about:blank",
)

START_S = 30.0
"""A start takes a second or two; this only ends a test that would never end."""

WAIT_S = 20.0

KEYS = {
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "Tab": ("Tab", 9, ""),
    " ": ("Space", 32, " "),
}


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        """Errors of the console, uncaught exceptions, and violations of the content security policy."""

    async def read(self) -> None:
        """Take messages until the socket closes."""
        async for text in self._socket:
            message = json.loads(text)
            if answer := self._answers.pop(message.get("id", 0), None):
                if not answer.done():
                    answer.set_result(message)
            else:
                self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.complaints.append(
                " ".join(str(a.get("value", a.get("description"))) for a in params["args"])
            )
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol; returns its result."""
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        message = await asyncio.wait_for(answer, WAIT_S)
        assert "error" not in message, f"{method}: {message['error']}"
        return message["result"]

    async def open(self, url: str) -> None:
        """Go to an address and wait until its modules have run."""
        await self.call("Page.navigate", url=url)
        await self.until("location.href !== 'about:blank' && document.readyState === 'complete'")

    async def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        result = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=False,
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    async def module(self, name: str, body: str) -> Any:
        """Run a function body with the exports of a module of the page as `m`; its value comes back."""
        call = f"async (m) => JSON.stringify(await (async () => {{ {body} }})())"
        return json.loads(str(await self.run(f"import('/{name}').then({call})")))

    async def until(self, expression: str, timeout_s: float = WAIT_S) -> Any:
        """The first truthy value of an expression; one that throws (between two pages) counts as falsy."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            value: Any = None
            with suppress(AssertionError):
                value = await self.run(f"((value) => value instanceof Node || value)({expression})")
            if value:
                return value
            assert asyncio.get_running_loop().time() < deadline, f"still {value!r}: {expression}"
            await asyncio.sleep(0.05)

    async def text(self, selector: str) -> str:
        """The text a person sees in an element."""
        return str(await self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    async def click(self, selector: str) -> None:
        """Click into the middle of an element, as a mouse does."""
        box = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            " return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
            )

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, *, held: bool = False) -> None:
        """Press (and release, unless `held`) a key."""
        code, number, text = _key(key)
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        if not held:
            await self.release(key)

    async def release(self, key: str) -> None:
        """Let a key go."""
        code, number, _ = _key(key)
        await self.call(
            "Input.dispatchKeyEvent", type="keyUp", key=key, code=code, windowsVirtualKeyCode=number
        )

    async def close(self) -> None:
        """Close the tab."""
        await self.call("Page.close")

    async def screenshot(self) -> bytes:
        """What the tab shows, as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(shot["data"])


def _key(key: str) -> tuple[str, int, str]:
    """Code, virtual key code and text of a key."""
    return KEYS[key] if key in KEYS else (f"Key{key.upper()}", ord(key.upper()), key)


class Chromium:
    """A running browser with a profile of its own."""

    def __init__(self, port: int, path: str) -> None:
        self._address = f"ws://127.0.0.1:{port}"
        self._path = path
        self._readers: list[asyncio.Task[None]] = []
        self._sockets: list[ClientConnection] = []

    async def page(self, before: str = "") -> Page:
        """A new tab.

        Args:
            before: a script that runs in each document before its own.
        """
        browser = await connect(f"{self._address}{self._path}", max_size=None, proxy=None)
        await browser.send(
            json.dumps({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}})
        )
        target = json.loads(await browser.recv())["result"]["targetId"]
        await browser.close()
        socket = await connect(f"{self._address}/devtools/page/{target}", max_size=None, proxy=None)
        page = Page(socket)
        self._sockets.append(socket)
        self._readers.append(asyncio.create_task(page.read()))
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.call(f"{domain}.enable")
        if before:
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=before)
        return page

    async def close(self) -> None:
        """Close all tabs."""
        for socket in self._sockets:
            await socket.close()
        await asyncio.gather(*self._readers, return_exceptions=True)


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Chromium]:
    """Start a browser, and end it with all its processes."""
    with tempfile.TemporaryDirectory(prefix="miku-chromium-", ignore_cleanup_errors=True) as profile:
        process = _start(profile, flags)
        try:
            browser = Chromium(*await _address(Path(profile) / "DevToolsActivePort", process.poll))
            yield browser
            await browser.close()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(profile: str, flags: tuple[str, ...]) -> subprocess.Popen[bytes]:
    command = [PROGRAM, f"--user-data-dir={profile}", *flags, *FLAGS]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def _lines(file: Path) -> list[str]:
    return file.read_text().split()


async def _address(file: Path, ended: Callable[[], int | None]) -> tuple[int, str]:
    """The browser writes the port it has chosen, and its own path, into its profile."""
    deadline = asyncio.get_running_loop().time() + START_S
    while True:
        with suppress(OSError, ValueError):
            port, path = _lines(file)
            return int(port), path
        assert ended() is None, "chromium has ended"
        assert asyncio.get_running_loop().time() < deadline, "chromium does not start"
        await asyncio.sleep(0.05)
