import dataclasses
import random
import re
from pathlib import Path
from typing import Any

import pytest

from bus.errors import BadSettings
from bus.settings import BusSettings, env_name
from cli import settings_table
from cli.settings_table import read, sections

pytestmark = pytest.mark.unit


def uncommented() -> str:
    """The example with every key in force."""
    return re.sub(r"^#(\w+ = )", r"\1", settings_table.example(), flags=re.MULTILINE)


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "miku.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.chmod(0o600)
    return file


def test_the_document_and_the_example_are_in_step_with_the_code() -> None:
    remedy = "run: python -m cli.docs"
    assert settings_table.DOCUMENT.read_text() == settings_table.document(), remedy
    assert settings_table.EXAMPLE.read_text() == settings_table.example(), remedy


def test_limits_are_written_out_and_an_empty_choice_can_be_seen() -> None:
    text = settings_table.document()
    assert "512 to 1,048,576." in text
    assert 'One of "", amd, nvidia.' in text
    assert "e+" not in text


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    by_default = read({}, tmp_path / "none.toml").values
    assert read({}, write(tmp_path, uncommented())).values == by_default


ADDRESSES = {"rvc_url": "ws://box:8765", "soprano_url": "tcp://box:5555"}


def sayable(field: "dataclasses.Field[Any]") -> Any:
    """The default, or something else where it is empty: an empty variable counts as none."""
    if field.default == ():
        return ("x",)
    choices = [choice for choice in field.metadata["meta"].choices if choice]
    return field.default if field.default != "" else ADDRESSES.get(field.name, (choices or ["x"])[0])


def test_the_variable_of_every_key_wins_over_the_file(tmp_path: Path) -> None:
    for section in sections():
        head = f"[{section.SECTION}]\n" if section.SECTION else ""
        for field in dataclasses.fields(section):
            value = sayable(field)
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            file = write(tmp_path, f"{head}{field.name} = [[1]]  # is of no type\n")
            settings = read({env_name(section.SECTION, field.name): text}, file)
            assert getattr(settings.of(section), field.name) == value


@pytest.mark.parametrize(
    ("name", "value", "section", "key"),
    [
        ("VOICE_ENABLED", "false", "voice", "enabled"),
        ("TTS_WEBSOCKET_URL", "ws://rvc:8765/ws/stream", "tts", "rvc_url"),
    ],
)
def test_the_plans_own_names_are_honoured(
    tmp_path: Path, name: str, value: str, section: str, key: str
) -> None:
    settings = read({name: value}, tmp_path / "none.toml")
    found = next(values for values in settings.values if getattr(values, "SECTION", None) == section)
    assert str(getattr(found, key)).lower() == value.lower()


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    file = write(tmp_path, "[bus]\nbase_port = 48000\n")
    assert read({}, file).of(BusSettings).base_port == 48_000
    assert read({"MIKU_BUS__BASE_PORT": "49000"}, file).of(BusSettings).base_port == 49_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            "[bus]\nbase_prot = 1\n",
            "miku.toml line 2: unknown setting bus.base_prot: did you mean bus.base_port?",
        ),
        ("[buss]\nbase_port = 48000\n", "did you mean [bus]?"),
        ("state_dri = 'x'\n", "did you mean state_dir?"),
        ("[bus]\nbase_port = 'x'\n", "base_port must be a whole number"),
        ("[bus]\nbase_port = 80\n", "base_port must be at least 1024"),
        ("[bus\n", "miku.toml is not valid TOML"),
        ("log_level = 'inof'\n", "did you mean 'info'?"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadSettings, match=re.escape(named)):
        read({}, write(tmp_path, text))


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadSettings) as refused:
        read({"MIKU_NONSENSE": "1"}, write(tmp_path, "[bus]\nx = 2\n[session]\nmax_sessions = 0\n"))
    named = str(refused.value)
    assert "MIKU_NONSENSE" in named
    assert "max_sessions" in named
    assert "bus.x" in named


VALUES = [
    "1e400", "-1", "1" + "0" * 500, "9" * 5_000, "nan", "inf", "-inf", "0x10", "1_0", "true", "1979-05-27",
    "[1, 2]", "[[1]]", "[[]]", "[{}]", "{a = 1}", "[" * 2_000 + "]" * 2_000,
    '"x"', '""', '"\\u0000"', "'\x01'", '"""open', "",
]  # fmt: skip
LINES = [
    "[bus]", "[[bus]]", "bus = 1", "x.y.z = 1", "[llm.extra]", "session.max_sessions = 2",
    '"" = 1', '"a\\nb" = 1',
]  # fmt: skip


def outcome(environ: dict[str, str], file: Path) -> str:
    """The refusal, or empty if all was taken; anything but the two fails the test."""
    try:
        settings = read(environ, file)
    except BadSettings as refused:
        return str(refused) or "no words"
    assert {type(values) for values in settings.values} == set(sections())
    return ""


def mutated(source: str, seed: int) -> bytes:
    """A settings file with one to three accidents in it."""
    chance = random.Random(seed)
    lines = [line.encode() for line in source.splitlines()]
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(lines))
        line = lines[at]
        key, equals, value = line.partition(b"=")
        lines[at] = chance.choice(
            [
                key + b"= " + chance.choice(VALUES).encode() if equals else line,
                line[: chance.randrange(len(line) + 1)],
                line + b"\n" + chance.choice(lines),
                chance.choice(LINES).encode(),
                bytes(b if chance.random() > 0.1 else chance.randrange(256) for b in line),
                key.replace(chance.choice([b"_", b"e", b"s"]), b"x") + equals + value,
            ]
        )
    return b"\n".join(lines)


@pytest.mark.usefixtures("no_garbage")
def test_damaged_files_are_refused_in_words_or_taken_whole(tmp_path: Path) -> None:
    outcomes = [outcome({}, write(tmp_path, mutated(uncommented(), seed))) for seed in range(300)]
    refusals = [said for said in outcomes if said]
    assert 100 < len(refusals) < 300
    assert not [said for said in refusals if said == "no words" or "Traceback" in said]


@pytest.mark.usefixtures("no_garbage")
def test_damaged_variables_are_refused_in_words_or_taken(tmp_path: Path) -> None:
    values = [*VALUES, "x", "yes", "-0", "1.5", "a,b", "\udc80", " 1 "]
    for section in sections():
        for field in dataclasses.fields(section):
            for value in values:
                variable = {env_name(section.SECTION, field.name): value}
                assert outcome(variable, tmp_path / "none.toml") != "no words"
