import asyncio
import io
import re
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from tests.campaign import __main__ as command
from tests.campaign import marked, page
from tests.campaign.campaign import Campaign, Limit, Run, percentile, seed_of
from tests.campaign.plays import orders
from tests.campaign.results import Result, Results
from tests.campaign.runner import Portion, Runner
from tests.campaign.summary import exceeded, repeat, summary, verdict
from tests.campaign.table import CAMPAIGNS
from tests.campaign.test_slice import RUNS
from tests.campaign.world import World
from tests.e2e.stack import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.unit

WHOLE = Portion()


def campaign(play, runs: int = 5, name: str = "T1", **more) -> Campaign:
    return Campaign(name, "a test", "nothing", runs, play, **more)


def play_all(folder, played: Campaign, portion: Portion = WHOLE, seed: int = 7) -> Results:
    results = Results(folder, seed)
    runner = Runner(portion, results, World(folder), tell=lambda result: None)

    async def all_that_is_left() -> None:
        for index in runner.left(played):
            await runner.play(played, index)

    asyncio.run(all_that_is_left())
    return results


def text_of(results: Results, *campaigns: Campaign, portion: Portion = WHOLE) -> str:
    console = Console(width=250, record=True, file=io.StringIO())
    console.print(summary(list(campaigns), results, portion))
    return console.export_text()


# --- seeds -----------------------------------------------------------------------------------------------


def test_each_run_has_a_seed_of_its_own_that_never_changes():
    assert seed_of(7, "F1", 17) == seed_of(7, "F1", 17)
    seeds = {seed_of(seed, name, run) for seed in (1, 2) for name in ("F1", "F11") for run in range(1_000)}
    assert len(seeds) == 4_000


def test_a_run_that_is_played_again_throws_the_same_dice(tmp_path):
    thrown = []
    played = campaign(lambda run: thrown.append([run.dice.random() for _ in range(5)]), runs=1)
    play_all(tmp_path / "a", played)
    play_all(tmp_path / "b", played)
    play_all(tmp_path / "c", played, seed=8)
    assert thrown[0] == thrown[1] != thrown[2]


# --- what a run comes to ---------------------------------------------------------------------------------


def test_a_failure_is_kept_with_its_message_and_the_others_go_on(tmp_path):
    def play(run: Run) -> None:
        run.note("size, MB", run.index)
        assert run.index != 2, "two is not liked"

    results = play_all(tmp_path, campaign(play))
    errors = {result.run: result.error for result in results.of("T1")}
    assert [run for run, error in errors.items() if error] == [2]
    assert "two is not liked" in errors[2]
    assert results.of("T1")[4].figures == {"size, MB": [4]}


def test_a_failure_is_shown_with_the_command_that_repeats_it(tmp_path):
    def play(run: Run) -> None:
        raise AssertionError("[no] markup")

    played = campaign(play, runs=1)
    text = text_of(play_all(tmp_path, played), played)
    assert "FAILED" in text
    assert "python -m tests.campaign T1 --seed 7 --run 0" in text
    assert str(seed_of(7, "T1", 0)) in text


@pytest.mark.parametrize("asleep", [True, False])
def test_a_run_that_hangs_is_a_failure(tmp_path, asleep):
    async def waits(run: Run) -> None:
        await asyncio.sleep(3600)

    def spins(run: Run) -> None:
        while True:
            pass

    results = play_all(tmp_path, campaign(waits if asleep else spins, runs=1, patience_s=0.1))
    assert "hangs" in results.of("T1")[0].error


def test_a_mistake_of_the_run_itself_is_a_failure_too(tmp_path):
    results = play_all(tmp_path, campaign(lambda run: {}["nothing"], runs=1))
    assert "KeyError" in results.of("T1")[0].error


# --- going on --------------------------------------------------------------------------------------------


def test_what_was_played_is_not_played_again(tmp_path):
    played = []
    one = campaign(lambda run: played.append(run.index))
    play_all(tmp_path, one, Portion(runs=2))
    play_all(tmp_path, one)
    assert played == [0, 1, 2, 3, 4]


def test_a_line_that_a_killed_writer_left_torn_costs_that_run_alone(tmp_path):
    played = []
    one = campaign(lambda run: played.append(run.index))
    file = play_all(tmp_path, one, Portion(runs=3)).file
    file.write_text(file.read_text()[:-10])
    results = play_all(tmp_path, one)
    assert played == [0, 1, 2, 2, 3, 4]
    assert [result.run for result in results.of("T1")] == [0, 1, 2, 3, 4]


KILLED = """
import asyncio, sys, time
from pathlib import Path
from tests.campaign.test_runner import campaign, play_all
play_all(Path(sys.argv[1]), campaign(lambda run: time.sleep(0.02), runs=200))
"""


def test_kill_9_loses_no_result(tmp_path):
    file = tmp_path / "7.jsonl"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT)
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) > 5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    n_before = len(Results(tmp_path, 7).all)
    results = play_all(tmp_path, campaign(lambda run: None, runs=200))
    assert 5 < n_before < 200
    assert [result.run for result in results.all] == list(range(200))


def test_a_repeated_run_counts_as_it_last_went(tmp_path):
    results = Results(tmp_path, 7)
    results.add(Result("T1", 0, 5, 0.1, "wrong"))
    results.add(Result("T1", 0, 5, 0.1))
    assert [result.error for result in Results(tmp_path, 7).of("T1")] == [""]


# --- how much --------------------------------------------------------------------------------------------


def test_a_share_is_at_least_one_run():
    many, few = campaign(print, runs=200), campaign(print, runs=3)
    assert [Portion(share=0.05).runs_of(c) for c in (many, few)] == [10, 1]
    assert Portion(runs=7).runs_of(many) == 7


def test_what_is_measured_in_time_has_one_run_and_a_share_of_its_time():
    soak = campaign(print, runs=1, minutes=1440)
    assert Portion(runs=50).runs_of(soak) == 1
    assert Portion(share=0.5).minutes_of(soak) == 720
    assert Portion(minutes=3).minutes_of(soak) == 3


def test_a_short_soak_is_a_part_and_a_longer_one_is_played_when_asked_for(tmp_path):
    played = []
    soak = campaign(lambda run: played.append(run.minutes), runs=1, minutes=60)
    results = play_all(tmp_path, soak, Portion(minutes=1))
    assert verdict(soak, results.of("T1")) == "passed so far"
    results = play_all(tmp_path, soak, Portion(minutes=1))
    results = play_all(tmp_path, soak)
    assert played == [1, 60]
    assert verdict(soak, results.of("T1")) == "passed"


# --- figures ---------------------------------------------------------------------------------------------


def test_percentiles_are_values_that_were_measured():
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1)] == [50, 95, 99, 100]
    assert percentile([3.0], 0.5) == 3


def test_a_limit_holds_for_its_share_of_the_values():
    values = {"wait, s": [1.0] * 95 + [9.0] * 5}
    assert exceeded((Limit("wait, s", 0.95, 1),), values) == []
    assert exceeded((Limit("wait, s", 0.96, 1),), values) != []
    assert exceeded((Limit("never noted", 1, 0),), values) == []


def test_a_figure_over_its_limit_is_reported_and_fails_nothing(tmp_path):
    slow = campaign(lambda run: run.note("wait, s", run.index), limits=(Limit("wait, s", 1, 3),))
    results = play_all(tmp_path, slow)
    assert verdict(slow, results.of("T1")) == "over its limits"
    assert re.search(r"wait, s: 2 / 4 / 4 \(worst ≤ 3\)", text_of(results, slow))
    assert not any(result.error for result in results.all)


def test_a_part_of_a_campaign_says_so(tmp_path):
    one = campaign(lambda run: None)
    portion = Portion(runs=2)
    text = text_of(play_all(tmp_path, one, portion), one, portion=portion)
    assert "passed so far" in text
    assert "2 of 2" in text


def test_the_lag_of_loops_is_gathered_over_all_campaigns(tmp_path):
    results = Results(tmp_path, 7)
    for name, lag_ms in (("F1", 3.0), ("F21", 70.0)):
        results.add(Result(name, 0, 1, 0.1, figures={"loop lag, ms: discord_voice": [lag_ms]}))
    assert re.search(r"discord_voice\W+2\W+3\W+70\W+70\W+50", text_of(results))


# --- the command line --------------------------------------------------------------------------------------


def test_unknown_names_are_refused_with_those_there_are(capsys):
    assert command.main(["F0"]) == 2
    assert "F21" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--run", "3"], ["F1", "--run", "3"], ["--resume", "--seed", "1"]])
def test_words_that_make_no_sense_are_refused(words):
    with pytest.raises(SystemExit):
        command.arguments(words)


def test_a_failure_is_the_exit_code(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr(
        command, "CAMPAIGNS", (campaign(lambda run: 1 / 0, name="X1"), campaign(lambda run: None, name="X2"))
    )
    assert command.main(["X2", "--runs", "2", "--seed", "3"]) == 0
    assert command.main(["X1", "--runs", "2", "--seed", "3"]) == 1
    shown = capsys.readouterr()
    assert "ZeroDivisionError" in shown.err
    assert "--seed 3 --run 1" in shown.err


def test_a_run_is_repeated_by_the_command_that_was_printed(tmp_path, monkeypatch):
    thrown = []
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    play = campaign(lambda run: thrown.append(run.dice.random()), name="X1")
    monkeypatch.setattr(command, "CAMPAIGNS", (play,))
    command.main(["X1", "--seed", "3"])
    words = repeat(Result("X1", 2, 0, 0.0), 3).rpartition("tests.campaign ")[2].split()
    command.main(words)
    assert thrown[5:] == [thrown[2]]


def test_it_goes_on_with_the_seed_that_was_played_last(tmp_path, monkeypatch):
    played = []
    monkeypatch.setattr(command, "FOLDER", tmp_path)
    monkeypatch.setattr("tests.campaign.results.FOLDER", tmp_path)
    monkeypatch.setattr(command, "CAMPAIGNS", (campaign(lambda run: played.append(run.index), name="X1"),))
    command.main(["X1", "--runs", "3"])
    command.main(["X1", "--resume"])
    assert played == [0, 1, 2, 3, 4]
    assert len(list(tmp_path.glob("*.jsonl"))) == 1


# --- the table -------------------------------------------------------------------------------------------


def test_names_are_unique_and_every_campaign_has_a_slice():
    names = [campaign.id for campaign in CAMPAIGNS] + [marked.campaign_id(file) for file in marked.files()]
    assert len(set(names)) == len(names)
    assert set(RUNS) <= set(names)


def test_every_order_of_starts_is_played():
    n = len(orders.ORDERS)
    assert n == 120
    assert len({index * orders.STRIDE % n for index in range(n)}) == n


def test_the_page_is_in_step_with_the_table():
    text = page.PAGE.read_text()
    assert text == page.rendered(text), "run: python -m tests.campaign.page"


def test_the_commands_of_the_page_are_understood():
    text = page.PAGE.read_text()
    lines = re.findall(r"^\.venv/bin/python -m tests\.campaign(.*?)(?:#.*)?$", text, re.MULTILINE)
    assert len(lines) > 5
    for line in lines:
        command.arguments(line.split())


# --- tests of other rooms --------------------------------------------------------------------------------


def test_marked_tests_of_other_rooms_are_campaigns_with_a_run_for_each():
    (session,) = marked.campaigns(["session"])
    assert session.runs >= 1
    assert "session_campaign" in session.name


def test_marked_tests_are_left_out_unless_asked_for():
    chosen = [str(file) for file in marked.files()]
    command_line = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *chosen]
    done = subprocess.run(command_line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "no tests collected" in done.stdout, done.stdout
