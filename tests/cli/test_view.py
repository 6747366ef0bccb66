import errno
import io

import pytest

from cli.refusal import Refusal
from cli.view import View

pytestmark = pytest.mark.unit


def test_words_grow_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    view = View()
    for piece in ("Hello ", "  [dear] ", "world", ":smile:\n", "again"):
        view.piece(piece)
    assert capsys.readouterr().out == "Hello   [dear] world:smile:\nagain"


def test_a_model_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    View().piece("a\x1b[31mb\x07c\x9bd")
    assert capsys.readouterr().out == "a[31mbcd"


def test_output_that_nobody_takes_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sys.stdout", Full())
    with pytest.raises(Refusal, match="The output can't be written: No space left"):
        View().line("Hello")


def test_without_any_output_it_still_says_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    view = View()
    view.line("Hello")
    view.error("Nothing answers")
    assert capsys.readouterr().err == "Nothing answers\n"
