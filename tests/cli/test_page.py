import time
from urllib.parse import parse_qs, urlsplit

import pytest

from bus.keys import KeyRing
from cli.page import page_link
from cli.settings_table import read
from cli.stack import Stack
from procs.web_gateway.core.access import Links

pytestmark = pytest.mark.unit


@pytest.fixture
def stack(tmp_path, monkeypatch):
    monkeypatch.setenv("MIKU_CONFIG", str(tmp_path / "miku.toml"))
    monkeypatch.setenv("MIKU_STATE_DIR", str(tmp_path))

    def with_settings(**web):
        for key, value in web.items():
            monkeypatch.setenv(f"MIKU_WEB__{key.upper()}", str(value))
        return Stack(read())

    return with_settings


def test_a_link_names_the_page_and_opens_it_once(stack, tmp_path):
    address = urlsplit(page_link(stack()))
    assert (address.scheme, address.netloc, address.path) == ("http", "127.0.0.1:17132", "/")
    (token,) = parse_qs(address.query)["token"]
    now_ms = time.time_ns() // 1_000_000
    links = Links(KeyRing.load(tmp_path).token("web_gateway"), now_ms - 10_000)
    assert links.redeem(token, now_ms)
    assert not links.redeem(token, now_ms)


def test_no_two_links_are_the_same(stack):
    assert page_link(stack()) != page_link(stack())


def test_the_address_is_one_that_a_browser_can_open(stack):
    assert urlsplit(page_link(stack(host="0.0.0.0", port=8080))).netloc == "127.0.0.1:8080"
    assert urlsplit(page_link(stack(host="::1", port=8080))).netloc == "[::1]:8080"


def test_a_page_that_is_switched_off_has_none(stack):
    assert page_link(stack(enabled="false")) == ""


def test_the_page_s_port_is_among_those_a_stack_needs(stack):
    assert stack().ports()[17_132] == "web_gateway (HTTP)"
