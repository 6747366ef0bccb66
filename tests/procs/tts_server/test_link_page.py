"""The page of the law says what the code does."""

import json
import re
from pathlib import Path

import pytest

from procs.tts_server.app import MAX_WAITING_CLIENTS, MAX_WAITING_PER_CLIENT
from procs.tts_server.backends.link_socket import MAX_QUEUED_REPLIES
from procs.tts_server.core.link import (
    CODES,
    MAX_ID_CHARS,
    MAX_PING,
    MAX_REQUEST_BYTES,
    MAX_TEXT_CHARS,
    Refused,
    error_reply,
    parse,
    pong_reply,
    sound_reply,
)

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[3] / "docs" / "soprano-link.md").read_text()


def examples(arrow: str) -> list[bytes]:
    return [line.encode() for line in re.findall(rf"^{arrow} (\{{.*\}})", PAGE, re.MULTILINE)]


def test_every_code_is_listed_and_none_besides() -> None:
    table = PAGE.split("| code |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(CODES)


@pytest.mark.parametrize(
    "limit",
    [
        f"at most {MAX_REQUEST_BYTES:,} bytes",
        f"1 to {MAX_ID_CHARS} characters",
        f"at most {MAX_TEXT_CHARS:,} characters",
        f"±{MAX_PING:,}",
        f"{MAX_WAITING_PER_CLIENT} waiting requests per client and {MAX_WAITING_CLIENTS} waiting clients",
        f"{MAX_QUEUED_REPLIES:,} replies",
        f"above {2 * MAX_REQUEST_BYTES:,} bytes",
    ],
)
def test_every_limit_is_stated(limit: str) -> None:
    assert limit in PAGE


def test_example_requests_mean_what_the_page_says() -> None:
    refused = []
    for frame in examples("→"):
        try:
            parse([frame])
        except Refused as refusal:
            refused.append(refusal.code)
    assert len(examples("→")) == 5
    assert refused == ["unknown_op"]


def test_example_replies_have_the_fields_that_are_sent() -> None:
    sent = [
        sound_reply("a", 0, 22_050, "s16le"),
        error_reply("a", "busy"),
        pong_reply(1, warmed_up=True, engine="", voice="", sample_rate_hz=22_050),
    ]
    shapes = [list(json.loads(header)) for header, _ in sent]
    assert {tuple(json.loads(frame)) for frame in examples("←")} == set(map(tuple, shapes))
