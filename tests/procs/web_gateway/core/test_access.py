import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.web_gateway.core.access import (
    ADDRESSES,
    COOKIE_MS,
    FAILURES,
    LINK_MS,
    WINDOW_MS,
    Links,
    Lockout,
    Names,
    cookie_name,
    cookie_value,
    link_token,
    opened,
    sealed,
)

pytestmark = pytest.mark.unit

SECRET, NOW = "secret", 1_790_000_000_000


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("127.0.0.1:8080", True),
        ("LOCALHOST:8080", True),
        ("[::1]:8080", True),
        ("miku.example", True),
        ("10.0.0.7:8080", True),
        ("127.0.0.1", False),
        ("127.0.0.1:8081", False),
        ("miku.example:8080", False),
        ("evil.example:8080", False),
        ("", False),
    ],
)
def test_names_are_matched_whole(host, fits):
    assert Names("10.0.0.7", 8080, ["miku.example"], []).admits_host(host) is fits


@pytest.mark.parametrize(
    ("origin", "fits"),
    [
        (None, True),
        ("http://127.0.0.1:8080", True),
        ("https://miku.example", True),
        ("null", False),
        ("", False),
        ("https://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://miku.example", False),
        ("https://miku.example.evil", False),
    ],
)
def test_origins_are_our_own_or_listed(origin, fits):
    names = Names("127.0.0.1", 8080, [], ["https://miku.example/"])
    assert names.admits_origin(origin, "127.0.0.1:8080") is fits


def test_an_address_for_all_is_no_name():
    names = Names("0.0.0.0", 8080, [], [])
    assert not names.admits_host("0.0.0.0:8080")
    assert names.admits_host("127.0.0.1:8080")


@given(st.lists(st.text("abcdef0123456789", min_size=1), min_size=1, max_size=4), st.text(), st.text())
def test_a_seal_opens_with_its_own_secret_and_kind_only(parts, other, noise):
    text = sealed(SECRET, "link", *parts)
    assert opened(SECRET, "link", text) == parts
    assert opened(SECRET, "cookie", text) is None
    if other != SECRET:
        assert opened(other, "link", text) is None
    if noise:
        assert opened(SECRET, "link", text + noise) is None
        assert opened(SECRET, "link", noise) is None


def test_a_link_works_once_within_its_time_and_not_over_a_restart():
    links = Links(SECRET, NOW)
    token = link_token(SECRET, NOW, "aa")
    assert links.redeem(token, NOW + LINK_MS - 1)
    assert not links.redeem(token, NOW + LINK_MS - 1)
    assert not links.redeem(link_token(SECRET, NOW, "bb"), NOW + LINK_MS)
    assert not links.redeem(link_token(SECRET, NOW + 10, "cc"), NOW)
    assert not links.redeem(link_token("other", NOW, "dd"), NOW)
    assert not Links(SECRET, NOW + 1).redeem(link_token(SECRET, NOW, "ee"), NOW + 2)


@given(st.text())
def test_no_text_but_a_link_is_one(text):
    assert not Links(SECRET, NOW).redeem(text, NOW)
    assert cookie_name(SECRET, text, NOW) == ""


def test_a_cookie_names_its_browser_until_it_is_over():
    value = cookie_value(SECRET, "ab12", NOW)
    assert cookie_name(SECRET, value, NOW + COOKIE_MS - 1) == "ab12"
    assert cookie_name(SECRET, value, NOW + COOKIE_MS) == ""


def test_so_many_failures_lock_out_for_the_rest_of_a_minute():
    lockout = Lockout()
    for n in range(FAILURES):
        assert lockout.seconds_left("10.0.0.1", n) == 0
        lockout.failed("10.0.0.1", n)
    assert lockout.seconds_left("10.0.0.1", FAILURES) == 60
    assert lockout.seconds_left("10.0.0.2", FAILURES) == 0
    assert lockout.seconds_left("10.0.0.1", WINDOW_MS) == 0


def test_neighbours_in_one_ipv6_network_are_one_and_ipv4_in_ipv6_is_ipv4():
    lockout = Lockout()
    for n in range(FAILURES):
        lockout.failed(f"2001:db8::{n:x}", 0)
        lockout.failed("::ffff:10.0.0.1", 0)
    assert lockout.seconds_left("2001:db8::ffff", 0)
    assert not lockout.seconds_left("2001:db8:1::1", 0)
    assert lockout.seconds_left("10.0.0.1", 0)


def test_the_memory_of_failures_is_bounded():
    lockout = Lockout()
    for n in range(ADDRESSES + 100):
        lockout.failed(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", 0)
    assert len(lockout._failures) == ADDRESSES
