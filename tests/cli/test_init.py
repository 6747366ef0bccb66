import argparse
import os
import stat
import tomllib
from pathlib import Path

import pytest

from bus.errors import BadSettings
from cli.__main__ import main
from cli.discovery import Server
from cli.refusal import Refusal
from cli.settings_table import read
from cli.verbs import init
from cli.verbs.init import collect, render

pytestmark = pytest.mark.unit

OLLAMA = Server("Ollama", "http://127.0.0.1:11434", ("llama3.2:latest", "qwen3:8b"))


def words(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    init.arguments(parser)
    return parser.parse_args(given)


class Person:
    """Answers questions from a list, then takes defaults."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str, default: str) -> str:
        self.asked.append(question)
        return (self.answers.pop(0) if self.answers else "") or default


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder of its own, and no server on the machine."""

    async def nobody() -> list[Server]:
        return []

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIKU_CONFIG", raising=False)
    monkeypatch.setattr(init, "find_servers", nobody)


@pytest.mark.parametrize(
    "answers", [(), ("http://x:1", "m", "rvc", "ws://y:2", "s"), ("", "model.gguf", "soprano", "tcp://y:2")]
)
def test_no_more_than_six_questions(answers: tuple[str, ...]) -> None:
    person = Person(*answers)
    collect(words(), [], person)
    assert len(person.asked) <= 6


def test_a_server_on_this_machine_is_the_default() -> None:
    answers = collect(words(), [OLLAMA], Person())
    assert answers["llm", "base_url"] == "http://127.0.0.1:11434"
    assert answers["llm", "model"] == "llama3.2:latest"
    assert answers["llm_server", "enabled"] is False


def test_what_an_argument_says_is_not_asked() -> None:
    person = Person()
    given = words(
        "--llm-url",
        "http://x:1",
        "--llm-model",
        "m",
        "--voice",
        "rvc",
        "--voice-url",
        "ws://y:2",
        "--discord-token",
        "x",
    )
    answers = collect(given, [OLLAMA], person)
    assert person.asked == ["Folder for keys, logs and recordings"]
    assert answers["tts", "rvc_url"] == "ws://y:2"


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(Refusal, match="There is no voice 'tenor'"):
        collect(words(), [], Person("", "", "tenor"))


@pytest.mark.parametrize(
    "answers", [(), ("http://x:1", "m", "rvc", "ws://y:2", "s p a c e"), ("", "ü\"'\\.gguf")]
)
def test_what_is_written_can_be_read_and_says_the_same(tmp_path: Path, answers: tuple[str, ...]) -> None:
    collected = collect(words(), [], Person(*answers))
    file = tmp_path / "written.toml"
    file.write_text(render(collected))
    file.chmod(0o600)
    read({}, file)
    table = tomllib.loads(file.read_text())
    for (section, key), value in collected.items():
        if value != "":
            assert (table[section] if section else table)[key] == value


def test_yes_asks_nothing_and_writes_for_the_owner_alone(tmp_path: Path) -> None:
    assert main(["init", "--yes"]) == 0
    file = tmp_path / "miku.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert tomllib.loads(file.read_text()) == {"state_dir": "state"}


def test_an_existing_file_is_kept_unless_it_is_to_be_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "miku.toml"
    file.write_text("# mine\n")
    assert main(["init", "--yes"]) == 1
    assert "--force" in capsys.readouterr().err
    assert file.read_text() == "# mine\n"
    assert main(["init", "--yes", "--force"]) == 0
    assert file.read_text() != "# mine\n"


def test_an_answer_that_cannot_be_used_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(BadSettings):
        init._write(tmp_path / "miku.toml", "[bus]\nbase_port = 1\n")
    assert os.listdir(tmp_path) == []


def test_a_pipe_that_ends_takes_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_more(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", no_more)
    assert main(["init"]) == 0
    assert (tmp_path / "miku.toml").exists()
