import os

import pytest

from bus.errors import DecodeError
from procs.guardian.backends.base import Notice
from procs.guardian.backends.listener import Listener

pytestmark = pytest.mark.unit

PAYLOAD = b"processname:tts_bridge groupname:miku from_state:RUNNING expected:0 pid:2766"


def header(event: bytes, payload: bytes) -> bytes:
    return b"ver:3.0 server:miku serial:21 pool:guardian poolserial:10 eventname:%b len:%d\n" % (
        event,
        len(payload),
    )


async def heard(sent: bytes, answers: list[bytes] | None = None) -> list[Notice]:
    """What a listener makes of bytes that end."""
    read_end, write_end = os.pipe()
    os.write(write_end, sent)
    os.close(write_end)
    listener = Listener(os.fdopen(read_end, "rb"), (answers if answers is not None else []).append)
    return [notice async for notice in listener.notices()]


async def test_it_reads_a_change_and_answers_by_the_protocol() -> None:
    answers: list[bytes] = []
    notices = await heard(header(b"PROCESS_STATE_EXITED", PAYLOAD) + PAYLOAD, answers)
    assert notices == [Notice("tts_bridge", "EXITED", "RUNNING")]
    assert b"".join(answers) == b"READY\nRESULT 2\nOKREADY\n"


async def test_other_events_are_acknowledged_and_passed_over() -> None:
    answers: list[bytes] = []
    tick = b"when:1201063880"
    sent = header(b"TICK_5", tick) + tick + header(b"PROCESS_STATE_FATAL", PAYLOAD) + PAYLOAD
    assert [notice.state for notice in await heard(sent, answers)] == ["FATAL"]
    assert b"".join(answers).count(b"RESULT 2\nOK") == 2


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\n",
        b"eventname:PROCESS_STATE_EXITED len:x\n",
        header(b"PROCESS_STATE_EXITED", b"nothing") + b"nothing",
    ],
)
async def test_what_is_not_the_protocol_is_refused(sent: bytes) -> None:
    with pytest.raises(DecodeError):
        await heard(sent)


@pytest.mark.parametrize("cut", range(0, 180, 13))
async def test_a_pipe_that_ends_in_the_middle_ends_the_notices(cut: int) -> None:
    whole = header(b"PROCESS_STATE_EXITED", PAYLOAD) + PAYLOAD
    assert await heard(whole[: min(cut, len(whole) - 1)]) == []
