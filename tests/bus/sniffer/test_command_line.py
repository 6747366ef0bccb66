import shlex

import pytest

from bus.sniffer.__main__ import main
from bus.sniffer.command_line import Command, overview, parse
from bus.sniffer.verbs import VERBS
from tests.bus.sniffer.hearing import refusal

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_fits_on_a_screen_and_has_an_example(name):
    text = parse([name, "--help"])
    assert isinstance(text, str)
    assert text.count("\n") < 40
    assert text.count("example: ") == 1


@pytest.mark.parametrize("name", VERBS)
def test_the_example_of_a_verb_is_a_command_that_is_understood(name):
    words = VERBS[name].example.replace("'", '"').split(" bus-sniffer ")[-1].removeprefix("bus-sniffer ")
    command = parse(shlex.split(words))
    assert isinstance(command, Command)
    assert command.verb is VERBS[name]


def test_the_overview_names_every_verb_and_exit_code():
    text = overview()
    assert all(f"  {name} " in text for name in VERBS)
    assert all(code in text for code in ("0 fine", "1 an", "2 no node", "64 wrong"))


def test_a_mistyped_verb_is_met_with_the_nearest():
    assert "did you mean 'watch-control'?" in refusal("watch-contrl")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["echo", "flow.tokn"], "did you mean 'flow.token'?"),
        (["hz", "--for", "soon"], "no duration"),
        (["hz", "--count", "0"], "from 1 on"),
        (["hz", "--colour"], "unrecognized arguments: --colour"),
        (["echo", "--raw"], "--show-content"),
        (["listen", "new.wav"], "--show-content"),
        (["listen"], "FILE.wav"),
        (["record", "/nowhere/at/all.mcap"], "does not exist"),
        (["doctor", "absent.mcap"], "is no file"),
    ],
)
def test_wrong_usage_is_refused_in_one_sentence(arguments, sentence, capsys):
    assert main(arguments) == 64
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert printed.err.startswith("bus-sniffer: ")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_an_expectation_is_checked_before_anything_is_heard(capsys):
    assert main(["hz", "--expect", "flow.token speed>3"]) == 64
    assert "unknown metric 'speed'" in capsys.readouterr().err


def test_no_file_is_written_over(tmp_path):
    taken = tmp_path / "taken.mcap"
    taken.write_bytes(b"mine")
    assert "exists" in refusal("record", taken)
    assert "exists" in refusal("listen", taken, "--show-content")
    assert "exists" in refusal("export", taken, taken)
    assert taken.read_bytes() == b"mine"


def test_without_a_state_folder_nobody_can_be_reached_and_none_is_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MIKU_STATE_DIR", str(tmp_path / "absent"))
    assert main(["list"]) == 2
    assert "make run" in capsys.readouterr().err
    assert not (tmp_path / "absent").exists()


def test_bad_settings_are_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("MIKU_BUS__BASE_PORT", "many")
    assert main(["list"]) == 64
    assert "base_port" in capsys.readouterr().err.lower()
