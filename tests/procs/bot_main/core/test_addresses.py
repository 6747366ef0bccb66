"""Addresses of servers."""

import pytest

from procs.bot_main.core.addresses import http_address

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "netloc"),
    [("gpu:8090", "gpu:8090"), ("http://[::1]:8188/api", "[::1]:8188"), ("https://swap/v1", "swap")],
)
def test_an_address_needs_no_scheme(text: str, netloc: str):
    parts = http_address(text)
    assert parts is not None
    assert parts.netloc == netloc


@pytest.mark.parametrize("text", ["", "http://", "ftp://host", "http://[::1", "host:0", "host:99999", "h:x"])
def test_what_is_none_is_no_address(text: str):
    assert http_address(text) is None
