import pytest

from cli.verbs.console import Keyboard

pytestmark = pytest.mark.unit


async def test_lines_come_one_by_one() -> None:
    lines = iter(["Hello", "again"])
    keyboard = Keyboard(lambda _: next(lines))
    assert [await keyboard.line(""), await keyboard.line("")] == ["Hello", "again"]


@pytest.mark.parametrize("end", [EOFError(), RuntimeError("input(): lost sys.stdin")])
async def test_an_input_that_has_ended_or_never_was_is_the_way_out(end: Exception) -> None:
    def read(_: str) -> str:
        raise end

    with pytest.raises(EOFError):
        await Keyboard(read).line("")
