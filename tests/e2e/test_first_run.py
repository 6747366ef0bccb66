"""What a newcomer does: start, say hello, look, stop. Real processes, real llama.cpp, real voice."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from bus.topics import NODES
from tests.e2e.sound import pauses_ms, samples, seconds
from tests.e2e.stack import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CANARY = "Canary sentence seventeen."


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("run")) as stack:
        yield stack


def test_every_process_is_ready_and_says_what_it_is(stack):
    status = stack.status()
    assert set(status) == set(NODES)
    assert {process["state"] for process in status.values()} == {"ready"}
    assert "demo" in str(status["llm_server"]["facts"]).lower()


def test_hello_is_answered_with_speech_whole_and_with_pauses(stack, tmp_path):
    done = stack.miku("say", "Hello", "--wav", str(tmp_path / "hello.wav"))
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    sound = samples(tmp_path / "hello.wav")
    assert len(words) > 10
    assert 0.2 < seconds(sound) / len(words) < 0.8
    assert np.abs(sound).max() > 5_000
    sentences = len(re.findall(r"[.!?](?= |\n|$)", done.stdout.strip())) - 1
    long_pauses = [ms for ms in pauses_ms(sound) if ms >= 150]
    assert len(long_pauses) >= sentences >= 1
    assert max(long_pauses) <= 600


def test_a_text_is_read_out_as_it_is(stack, tmp_path):
    done = stack.miku("say", "--verbatim", "One. Two! Three?", "--wav", str(tmp_path / "count.wav"))
    assert (done.returncode, done.stdout.strip()) == (0, "One. Two! Three?")
    assert 0.8 < seconds(samples(tmp_path / "count.wav")) < 4


def watched(stack: Stack, verb: str, text: str, sign: str) -> str:
    """What a sniffer shows of a spoken text; spoken again until the sniffer was there in time."""
    sniffer = stack.begin_sniffer(*verb.split(), "--for", "60s")
    try:
        wait_until(lambda: stack.miku("say", "--verbatim", text).returncode or sign in sniffer.seen())
    finally:
        sniffer.end()
    return sniffer.seen()


def test_the_sniffer_shows_a_prompt_pass_through_all_processes(stack):
    seen = watched(stack, "turn --follow --json", "Hi.", '"first_frame"')
    for milestone in ("accepted", "first_token", "first_piece", "first_audio", "first_frame", "done"):
        assert f'"{milestone}"' in seen, seen


def test_the_sniffer_measures_fifty_frames_a_second_and_takes_none(stack, tmp_path):
    text = (
        "This is a longer sentence that gives the sniffer enough time to count the frames of my voice. " * 2
    )
    before = stack.recordings()
    saying = stack.begin("say", "--verbatim", text, "--wav", str(tmp_path / "long.wav"))
    wait_until(lambda: stack.recordings() - before)
    report = "report.playout.discord_voice hz>=1"
    looked = stack.sniffer(
        "hz", "--for", "3s", "--expect", report, "--expect", "flow.audio.discord_voice count>=1"
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr
    missed = stack.sniffer("hz", "--for", "1s", "--expect", "flow.audio.discord_voice hz>=4900")
    assert missed.returncode == 1
    out, _ = saying.communicate(timeout=60)
    assert saying.returncode == 0, out
    assert pauses_ms(samples(tmp_path / "long.wav")) != []


def test_stop_silences_her_and_the_next_prompt_is_answered(stack):
    text = "I will go on and on and on, until somebody stops me. " * 10
    before = stack.recordings()
    saying = stack.begin("say", "--verbatim", text)
    wait_until(lambda: stack.recordings() - before)
    assert stack.miku("stop").returncode == 0
    out, _ = saying.communicate(timeout=20)
    assert saying.returncode == 1
    assert "stopped" in out
    assert stack.miku("say", "--verbatim", "Yes.").returncode == 0


def test_no_text_is_found_in_logs_or_in_what_the_sniffer_shows_by_default(stack):
    shown = watched(stack, "echo", CANARY, "flow.token")
    assert "Canary" not in shown
    assert "Canary" not in stack.logs()


def test_a_second_start_names_the_first(stack):
    done = stack.miku("up")
    assert done.returncode != 0
    assert "already runs" in done.stderr + done.stdout


def test_the_doctor_is_content(stack):
    done = stack.miku("doctor", "--json")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert '"fail"' not in done.stdout


def test_ctrl_c_ends_everything_and_leaves_nobody_behind(tmp_path):
    with Stack(tmp_path) as stack:
        pids = set(stack.pids().values())
        assert len(pids) == len(NODES)
        took_s = stack.stop()
        assert stack.processes() == []
    assert took_s < 15, "it was ended by force"
    assert "stopped" in stack.up_log.read_text()
