"""Whatever dies or freezes while she speaks: nothing waits for ever, and she speaks again."""

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.sound import samples, seconds
from tests.e2e.stack import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

NODES = ("llm_server", "tts_server", "llm_streamer", "tts_bridge", "discord_voice", "bot_main")
LONG = "This is a long speech, and something will happen in the middle of it. " * 6


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("faults")) as stack:
        yield stack


def speak_and(stack: Stack, node: str, number: int) -> int:
    """Let her speak and send a node a signal meanwhile; returns the process id that got it."""
    before = stack.recordings()
    saying = stack.begin("say", "--verbatim", LONG)
    wait_until(lambda: stack.recordings() - before)
    pid = stack.kill(node, number)
    saying.communicate(timeout=60)
    return pid


def speaks_again(stack: Stack, tmp_path) -> bool:
    """Whether a new prompt is spoken, whole."""
    file = tmp_path / "again.wav"
    done = stack.miku("say", "Hello", "--wav", str(file))
    return done.returncode == 0 and seconds(samples(file)) > 2


@pytest.mark.parametrize("node", NODES)
def test_she_speaks_again_after_a_process_was_killed_in_the_middle_of_a_sentence(stack, tmp_path, node):
    pid = speak_and(stack, node, signal.SIGKILL)
    wait_until(lambda: stack.pids()[node] not in (0, pid))
    wait_until(lambda: speaks_again(stack, tmp_path))
    assert pid not in {process.pid for process in stack.processes()}


@pytest.mark.parametrize("node", ["tts_bridge", "discord_voice"])
def test_a_frozen_process_is_replaced_and_she_speaks_again(stack, tmp_path, node):
    pid = speak_and(stack, node, signal.SIGSTOP)
    wait_until(lambda: stack.pids()[node] not in (0, pid))
    wait_until(lambda: speaks_again(stack, tmp_path))
    assert pid not in {process.pid for process in stack.processes()}


def test_no_process_is_left_when_everything_is_killed_from_above(tmp_path):
    with Stack(tmp_path) as stack:
        keeper = [p for p in stack.processes() if "supervisord" in " ".join(p.cmdline())]
        assert keeper
        for process in keeper:
            process.kill()
        wait_until(lambda: stack.processes() == [])
