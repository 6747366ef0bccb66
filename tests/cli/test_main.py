import argparse
import importlib

import pytest

from cli.__main__ import VERBS, main
from cli.verbs import say

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("alone"))
    monkeypatch.delenv("MIKU_CONFIG", raising=False)
    monkeypatch.delenv("MIKU_STATE_DIR", raising=False)


@pytest.mark.parametrize("words", [[], *([verb] for verb in VERBS)])
def test_help_is_short_and_has_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*words, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 40
    assert shown.count("example: ") == 1


@pytest.mark.parametrize(
    ("word", "meant"), [("dotcor", "doctor"), ("statsu", "status"), ("sya", "say"), ("upp", "up")]
)
def test_a_wrong_verb_offers_the_nearest(word: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 2
    assert f"miku {meant}`" in capsys.readouterr().err


def test_the_sniffer_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bus-sniffer", "--help"]) == 0
    assert "watch-control" in capsys.readouterr().out
    assert main(["bus-sniffer", "tpo"]) == 64
    assert "did you mean 'top'" in capsys.readouterr().err
    assert main(["bus-snifer"]) == 2
    assert "miku bus-sniffer`" in capsys.readouterr().err


def test_a_verb_like_no_other_points_to_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xylophone"]) == 2
    assert "--help" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["status", "stop", "leave", "join", "console"])
def test_without_a_stack_a_verb_says_how_to_start_one(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb]) == 1
    assert "miku up" in capsys.readouterr().err


def test_down_without_a_stack_is_fine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"]) == 0
    assert "not running" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["up", "status", "say"])
def test_bad_settings_are_one_sentence_and_exit_2(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIKU_BUS__BASE_PORT", "eighty")
    assert main([verb, *(["x"] if verb == "say" else [])]) == 2
    said = capsys.readouterr().err
    assert "MIKU_BUS__BASE_PORT must be a whole number" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["say", ""],
        ["say", "x" * 4_001],
        ["say", "x", "--wav", "/no/such/folder/x.wav"],
        ["say", "x", "--wav", "/"],
    ],
)
def test_what_cannot_be_said_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.strip()


def test_words_need_no_quotes_and_no_right_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    async def note(stack: object, view: object, args: argparse.Namespace) -> int:
        said.extend(args.text)
        return 0

    monkeypatch.setattr(say, "run", note)
    assert main(["say", "Hello", "there", "\udcff"]) == 0
    assert said == ["Hello", "there", "\ufffd"]


def test_every_verb_has_its_file() -> None:
    for verb in VERBS:
        module = importlib.import_module(f"cli.verbs.{verb}")
        assert module.HELP
        assert module.EXAMPLE.startswith(f"miku {verb}")
