"""Who gets in: hosts, origins, links, keys, tokens, limits; judged before any upgrade."""

import asyncio
import time

import aiohttp
import jwt
import pytest

from bus.errors import BadSettings
from bus.messages import RequestKind
from procs.web_gateway.backends import sockets
from tests.procs.web_gateway.house import Client, House, running
from tests.waiting import until

pytestmark = pytest.mark.flow

KEY = "a key of many characters"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
}


def hosts(port):
    return [
        f"127.0.0.1:{port}",
        "127.0.0.1",
        f"127.0.0.1:{port + 1}",
        f"evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        "",
    ]


def origins(port):
    return [
        f"http://127.0.0.1:{port}",
        f"https://127.0.0.1:{port}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{port + 1}",
        f"http://localhost:{port}",
        f"http://evil.example:{port}",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://evil.example/http://127.0.0.1:{port}",
        "null",
        "",
        "file://",
        f"chrome-extension://127.0.0.1:{port}",
    ]


async def status(browser, path, **headers):
    """How a GET that wants to be a WebSocket is answered; 101 = upgraded."""
    async with browser.get(path, headers={**UPGRADE, **headers}) as response:
        if response.status == 101:
            response.connection.transport.abort()
        return response.status


async def test_only_our_own_page_at_our_own_name_with_a_token_is_upgraded(house):
    passed = []
    async with house.browser() as known, house.browser(signed_in=False) as stranger:
        for who, browser in (("known", known), ("stranger", stranger)):
            cookie = {"Cookie": "; ".join(f"{c.key}={c.value}" for c in browser.cookie_jar)}
            for host in hosts(house.port):
                for origin in origins(house.port):
                    for path in ("/ws", "/ws/chat"):
                        found = await status(browser, path, Host=host, Origin=origin, **cookie)
                        if found == 101:
                            passed.append((who, host, origin, path))
                        else:
                            assert found in (400, 401, 403, 421)
    ours = ("known", house.host, f"http://{house.host}")
    assert passed == [(*ours, "/ws"), (*ours, "/ws/chat")]


async def test_a_page_of_another_site_changes_nothing(house):
    async with house.client() as client:
        session = await client.start()
        path = f"/sessions/{client.all('hello.ack')[0]['sessionId']}"
        foreign = {"Origin": "http://evil.example"}
        async with client.browser.delete(path, headers=foreign) as response:
            assert response.status == 403
        async with client.browser.post(f"{path}/reconnect", headers=foreign) as response:
            assert response.status == 403
        assert house.bus.session(session)
        assert house.asked(RequestKind.LEAVE) == []


async def test_a_link_is_good_once_and_for_five_minutes(house):
    async with house.browser(signed_in=False) as browser:
        token = house.link()
        async with browser.get("/", params={"token": token}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/")
            cookie = response.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        async with browser.get("/api/me") as response:
            assert await response.json() == {"scope": "operator"}
        async with browser.get("/", params={"token": token}) as response:
            assert response.status == 401
        late = house.link()
        house.clock.advance_ms(5 * 60_000)
        async with browser.get("/", params={"token": late}) as response:
            assert response.status == 401
        house.clock.advance_ms(12 * 3_600_000)
        async with browser.get("/api/me") as response:
            assert response.status == 401


async def test_a_browser_that_opens_another_link_keeps_its_sessions(house):
    async with house.browser() as browser:
        async with browser.ws_connect("/ws") as ws:
            client = Client(ws, browser)
            await client.start()
            call = client.all("session.started")[0]["sessionId"]
        async with browser.get("/", params={"token": house.link()}) as response:
            assert response.status == 200
        async with browser.post(f"/sessions/{call}/reconnect") as response:
            assert response.status == 200


async def test_behind_a_proxy_with_tls_the_cookie_is_for_https_alone(tmp_path):
    names = {"hosts": ("Miku.example", "plain.example"), "origins": ("https://miku.example/",)}
    async with running(House(tmp_path, **names)) as house, house.browser(signed_in=False) as browser:
        for host, is_secure in (("miku.example", True), ("plain.example", False), (house.host, False)):
            link = {"params": {"token": house.link()}, "headers": {"Host": host}}
            async with browser.get("/", **link, allow_redirects=False) as response:
                assert response.status == 303
                assert ("Secure" in response.headers["Set-Cookie"]) is is_secure


async def test_guessing_locks_the_guesser_out_and_nobody_else(house):
    async with house.browser() as other:
        at_home = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0), limit=8)
        async with aiohttp.ClientSession(house.url, connector=at_home) as guesser:
            codes = []
            for n in range(10_000):
                async with guesser.get("/", params={"token": f"guess{n}"}) as response:
                    codes.append(response.status)
            assert codes[:10] == [401] * 10
            assert set(codes[10:]) == {429}
            async with guesser.get("/", params={"token": house.link()}) as response:
                assert response.status == 429
                assert int(response.headers["Retry-After"]) <= 60
            async with other.get("/api/me") as response:
                assert response.status == 200
            async with house.browser() as newcomer, newcomer.get("/api/me") as response:
                assert response.status == 200
            house.clock.advance_ms(60_000)
            async with guesser.get("/", params={"token": house.link()}) as response:
                assert response.status == 200


async def test_programs_come_with_a_key_or_a_token_and_see_their_own(tmp_path):
    secret = "a secret of at least thirty-two bytes"
    now_s = int(time.time())

    def token(**claims):
        return jwt.encode({"sub": "ana", "exp": now_s + 600, **claims}, secret, "HS256")

    async with (
        running(House(tmp_path, api_key=KEY, jwt_secret=secret)) as house,
        aiohttp.ClientSession(house.url) as program,
    ):
        for auth, code in (
            ({}, "auth.required"),
            ({"apiKey": "a key"}, "auth.invalid_api_key"),
            ({"jwt": token(exp=now_s - 600)}, "auth.required"),
            ({"jwt": jwt.encode({"sub": "ana"}, secret, "HS256")}, "auth.required"),
            ({"jwt": jwt.encode({"sub": "ana", "exp": now_s + 600}, "", "none")}, "auth.required"),
        ):
            async with program.ws_connect("/ws") as ws:
                client = Client(ws, program)
                await client.send("hello", version="v1", auth=auth)
                assert (await client.get("error"))["code"] == code
                assert await client.closed() == 1008
        async with program.ws_connect("/ws") as ws:
            client = Client(ws, program)
            await client.hello(auth={"jwt": token()})
            await client.send("session.start", metadata={})
            await client.get("session.started")
            bearer = {"Authorization": f"Bearer {token()}"}
            other = {"Authorization": f"Bearer {KEY}"}

            async def n_calls(headers):
                async with program.get("/api/calls", headers=headers) as response:
                    return len((await response.json())["calls"])

            while not await n_calls(bearer):
                await asyncio.sleep(0.01)
            assert await n_calls(other) == 0
            async with program.get("/metrics", headers=bearer) as response:
                assert response.status == 403


async def raw_status(house, header):
    """How a GET with a header of any bytes is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(b"GET /api/me HTTP/1.1\r\nHost: " + house.host.encode() + b"\r\n" + header + b"\r\n\r\n")
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def test_credentials_of_any_bytes_are_wrong_ones_and_count(tmp_path):
    async with running(House(tmp_path, api_key=KEY, jwt_secret="s" * 32)) as house:
        cookie = f"Cookie: miku_{house.port}=a.b".encode()
        assert await raw_status(house, cookie + b"\xff") == 401
        for _ in range(10):
            assert await raw_status(house, b"Authorization: Bearer " + b"\xff\xfe") == 401
        assert await raw_status(house, b"Authorization: Bearer x") == 429


async def test_without_keys_a_program_needs_a_link(house):
    async with aiohttp.ClientSession(house.url) as program:
        assert await status(program, "/ws") == 401
        async with program.ws_connect(f"/ws?token={house.link()}") as ws:
            assert await Client(ws, program).start()
        assert await status(program, "/ws?token=guess") == 401


async def test_no_file_but_the_page_s_own_is_served(house):
    async with house.browser(signed_in=False) as browser:
        async with browser.get("/") as response:
            assert response.status == 200
            assert response.content_type == "text/html"
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
        for path in ("/../config.py", "/%2e%2e/config.py", "/pages/index.html", "/app.py", "/etc/passwd"):
            async with browser.get(path) as response:
                assert response.status in (401, 404)


async def test_more_connections_than_fit_are_refused_before_the_upgrade(tmp_path):
    async with (
        running(House(tmp_path, max_connections=2)) as house,
        house.client() as first,
        house.client(),
        house.browser() as third,
    ):
        assert await status(third, "/ws") == 503
        await first.ws.close()
        await until(lambda: first.ws.closed)
        async with third.ws_connect("/ws") as ws:
            assert await Client(ws, third).hello()


async def test_one_address_does_not_take_every_place(house, monkeypatch):
    monkeypatch.setattr(sockets, "PER_ADDRESS", 1)
    async with house.client(), house.browser() as second:
        assert await status(second, "/ws") == 503


@pytest.mark.parametrize("settings", [{"api_key": "short"}, {"jwt_secret": "x" * 31}])
def test_a_secret_that_can_be_guessed_is_no_secret(tmp_path, settings):
    with pytest.raises(BadSettings, match="too short"):
        House(tmp_path, **settings)
