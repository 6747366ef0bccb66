import pytest

from procs.llm_streamer.core.endpoint import endpoint

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "base_url",
    [
        "http://box:8080",
        "http://box:8080/",
        "http://box:8080/v1",
        "http://box:8080/v1/",
        "http://box:8080/v1/chat/completions",
        " box:8080 ",
        "box:8080/v1",
    ],
)
def test_the_same_server_however_it_is_written(base_url):
    found = endpoint(base_url)
    assert found.chat == "http://box:8080/v1/chat/completions"
    assert found.models == "http://box:8080/v1/models"
    assert found.health == "http://box:8080/health"
    assert found.address == "http://box:8080"


@pytest.mark.parametrize(
    ("base_url", "chat"),
    [
        ("https://api.example.org/openai/v1", "https://api.example.org/openai/v1/chat/completions"),
        ("https://example.org/v1beta/openai/", "https://example.org/v1beta/openai/chat/completions"),
        ("http://swap:8080/upstream/miku", "http://swap:8080/upstream/miku/v1/chat/completions"),
        ("http://[::1]:11434", "http://[::1]:11434/v1/chat/completions"),
    ],
)
def test_paths_before_the_version(base_url, chat):
    assert endpoint(base_url).chat == chat


def test_user_and_password_are_used_and_not_shown():
    found = endpoint("https://me:secret@example.org/v1")
    assert found.chat.startswith("https://me:secret@example.org/")
    assert found.address == "https://example.org"


def test_loopback_needs_no_proxy():
    assert endpoint("localhost:11434").is_loopback
    assert endpoint("http://[::1]:11434").is_loopback
    assert not endpoint("http://192.168.1.5:11434").is_loopback


@pytest.mark.parametrize(
    "base_url", ["", "ftp://box", "http://", "http://box:port", "http://box/?a=b", "http://["]
)
def test_what_is_no_address_is_refused(base_url):
    with pytest.raises(ValueError, match=r".+"):
        endpoint(base_url)
