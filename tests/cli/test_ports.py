"""A taken port is explained: by a program, by another user's, or by a connection that has just ended."""

import os
import socket
from contextlib import closing

import pytest

from cli.checks.ports import TIME_WAIT, Use, held_by, uses, verdict
from tests.ports import free_base_port

pytestmark = pytest.mark.unit

ROW = "  0: 0100007F:4268 0100007F:C7E6 06 00000000:00000000 00:00000000 00000000     0        0 0 3"


def test_rows_of_the_kernels_table():
    assert uses([ROW], 0x4268) == [Use(TIME_WAIT, "0")]
    assert uses([ROW], 0xC7E6) == [], "that is the far end"


@pytest.mark.parametrize(
    ("found", "program", "by", "remedy"),
    [
        ([Use("0A", "7")], "nginx (process 5)", " by nginx (process 5)", "End that program"),
        ([Use("0A", "7")], "", " by a program of another user", "sudo ss -tnap"),
        ([Use("06", "0"), Use("06", "0")], "", "no program: the system keeps it", "Wait a minute"),
        ([], "", "", "it may be free by now"),
    ],
)
def test_each_holder_has_its_remedy(found: list[Use], program: str, by: str, remedy: str):
    said, advice = verdict(found, program)
    assert by in said
    assert remedy in advice
    assert "bus.base_port" in advice


def test_a_program_is_named_and_what_it_leaves_behind_too():
    port = free_base_port()
    with closing(socket.create_server(("127.0.0.1", port), reuse_port=False)) as server:
        assert f"(process {os.getpid()})" in held_by(port)[0]
        with closing(socket.create_connection(("127.0.0.1", port))) as client:
            server.accept()[0].close()  # who closes first keeps the port for a minute
            client.recv(1)
    assert "no program" in held_by(port)[0]
