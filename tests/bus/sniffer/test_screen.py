import io
import json

import pytest

from bus.sniffer.output import Column, Line, Table, number, shown_bytes, shown_number
from bus.sniffer.screen import Screen, printable

pytestmark = pytest.mark.unit

TABLE = Table("things", (Column("name", "name"), number("size", "size", 1)), [{"name": "a", "size": 1234.5}])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(outputs, *, as_json=False):
    stream = io.StringIO()
    Screen(as_json=as_json, stream=stream).show(outputs)
    return stream.getvalue()


def test_lines_and_tables_for_people():
    text = printed([Line("hello [bold]", {}), TABLE])
    assert text.startswith("hello [bold]\n")
    assert "1,234.5" in text


def test_one_object_per_line_for_programs():
    text = printed([Line("x", {"kind": "line", "text": "ミク\n"}), TABLE], as_json=True)
    assert [json.loads(line) for line in text.splitlines()] == [
        {"kind": "line", "text": "ミク\n"},
        {"name": "a", "size": 1234.5},
    ]


def test_a_long_line_is_not_wrapped():
    assert printed([Line("x " * 500, {})]).count("\n") == 1


def test_foreign_control_characters_cannot_steer_the_terminal():
    assert printable("a\x1b[2Jb\u202e\nc") == "a\\u001b[2Jb\\u202e\nc"
    table = Table("t", TABLE.columns, [{"name": "\x1b]0;x\x07", "size": 1}])
    assert "\x1b" not in printed([Line("\x1b[31m", {}), table])


def test_a_repeating_report_is_printed_each_time_without_a_terminal():
    stream = io.StringIO()
    screen = Screen(as_json=False, stream=stream)
    for _ in range(3):
        screen.show_report([TABLE], repeats=True)
    assert stream.getvalue().count("1,234.5") == 3


def test_of_a_report_that_does_not_repeat_only_news_are_printed():
    stream = io.StringIO()
    Screen(as_json=False, stream=stream).show_report([Line("news", {}), TABLE], repeats=False)
    assert stream.getvalue() == "news\n"


ERASE_LINE = "\x1b[2K"


def test_on_a_terminal_the_last_reading_stays():
    stream = Terminal()
    screen = Screen(as_json=False, stream=stream)
    screen.show_report([TABLE], repeats=True)
    assert stream.getvalue().count("1,234.5") == 1
    screen.close()
    assert ERASE_LINE not in stream.getvalue().rpartition("1,234.5")[2]


def test_on_a_terminal_the_state_is_pinned_below_the_news_until_the_last_report():
    stream = Terminal()
    screen = Screen(as_json=False, stream=stream)
    screen.show_report([Line("news", {}), TABLE], repeats=False)
    assert "news" in stream.getvalue()
    screen.close()
    assert ERASE_LINE in stream.getvalue().rpartition("1,234.5")[2]
    screen.show([TABLE])
    assert stream.getvalue().rstrip().endswith("1,234.5")


def test_on_a_narrow_terminal_numbers_stay_whole_and_the_long_text_is_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    columns = (Column("name", "name"), number("turn", "turn"), Column("detail", "detail", is_cut=True))
    row = {"name": "bot_main", "turn": 1_795_275_671_179, "detail": "a model that has a long name"}
    stream = Terminal()
    Screen(as_json=False, stream=stream).show([Table("t", columns, [row])])
    _, _, only, *rest = stream.getvalue().splitlines()
    assert only.startswith("bot_main  1,795,275,671,179  ")
    assert "a model" in only
    assert only.rstrip().endswith("…")
    assert rest == []


def test_values_that_are_not_there_are_dashes():
    text = printed([Table("t", TABLE.columns, [{"name": "a", "size": None}])])
    assert "-" in text
    assert shown_number(float("nan")) == shown_number(None) == "-"


def test_amounts_for_people():
    assert [shown_bytes(n) for n in (12, 96_000, 1_500_000, 2e9)] == ["12 B", "96.0 kB", "1.5 MB", "2.0 GB"]
