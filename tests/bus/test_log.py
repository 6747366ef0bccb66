import io
import json

import pytest

from bus.log import JsonLog
from bus.testing import FakeClock

pytestmark = pytest.mark.unit


def lines(level: str) -> tuple[JsonLog, io.StringIO]:
    stream = io.StringIO()
    return JsonLog("bot_main", FakeClock(), level, stream), stream


def test_a_line_is_one_json_object():
    log, stream = lines("info")
    log.info("turn done", session="s", turn=5)
    assert json.loads(stream.getvalue()) == {
        "wall_ms": 1_790_000_000_000,
        "level": "info",
        "node": "bot_main",
        "event": "turn done",
        "session": "s",
        "turn": 5,
    }


def test_lower_levels_are_left_out():
    log, stream = lines("warning")
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(x)["event"] for x in stream.getvalue().splitlines()] == ["loud"]


def test_content_is_written_at_debug_only():
    log, stream = lines("debug")
    for write in (log.debug, log.info, log.warning, log.error):
        write("prompt", content_text="canary")
    assert stream.getvalue().count("canary") == 1


def test_a_full_disk_does_not_take_the_node_down():
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    JsonLog("bot_main", FakeClock(), "info", Full()).error("still here")
    log, stream = lines("info")
    log.error("still here")
    assert "still here" in stream.getvalue()
