from dataclasses import dataclass
from typing import ClassVar

import pytest

from bus.errors import BadSettings
from bus.settings import BaseSettings, BusSettings, load, masked, read_file, setting, shown, unknown_keys

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Tea:
    SECTION: ClassVar[str] = "tea"

    kind: str = setting("green", "Which.", choices=("green", "black"), aliases=("TEA_KIND",))
    cups: int = setting(1, "How many.", minimum=1, maximum=9)
    sugar_g: float = setting(0.5, "How sweet.", minimum=0)
    hot: bool = setting(True, "Whether.")
    extras: tuple[str, ...] = setting((), "What else.")
    key: str = setting("", "Of the tin.", secret=True)


@dataclass(frozen=True)
class Config:
    base: BaseSettings
    bus: BusSettings
    tea: Tea


def config(tmp_path, text: str = "", mode: int = 0o600, **environ: str) -> Config:
    file = tmp_path / "miku.toml"
    file.write_text(text)
    file.chmod(mode)
    return load(Config, environ, file)


def test_without_a_file_everything_has_its_default(tmp_path):
    assert load(Config, {}, tmp_path / "none.toml").tea == Tea()


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path):
    tea = config(tmp_path, "[tea]\ncups = 2\nsugar_g = 3", MIKU_TEA__CUPS="4").tea
    assert (tea.cups, tea.sugar_g, tea.kind) == (4, 3.0, "green")


def test_top_level_keys_have_a_short_name(tmp_path):
    assert config(tmp_path, 'state_dir = "a"', MIKU_STATE_DIR="b").base.state_dir == "b"


def test_names_of_the_plan_are_honoured_below_our_own(tmp_path):
    assert config(tmp_path, TEA_KIND="black").tea.kind == "black"
    assert config(tmp_path, TEA_KIND="black", MIKU_TEA__KIND="green").tea.kind == "green"


def test_an_empty_variable_is_no_setting(tmp_path):
    assert config(tmp_path, MIKU_TEA__CUPS="").tea.cups == 1


def test_lists_and_flags_from_text(tmp_path):
    tea = config(tmp_path, MIKU_TEA__EXTRAS="milk,lemon", MIKU_TEA__HOT="off").tea
    assert tea.extras == ("milk", "lemon")
    assert tea.hot is False


BAD = [
    ("[tea]\ncup = 2", {}, "miku.toml line 2: unknown setting tea.cup: did you mean tea.cups"),
    ("[tea]\ncups = 'two'", {}, "tea.cups must be a whole number"),
    ("[tea]\ncups = 2.0", {}, "tea.cups must be a whole number"),
    ("[tea]\ncups = true", {}, "tea.cups must be a whole number"),
    ("[tea]\ncups = 0", {}, "at least 1"),
    ("[tea]\ncups = 10", {}, "at most 9"),
    ("[tea]\nkind = 'grean'", {}, "did you mean 'green'"),
    ("[tea]\nsugar_g = 1" + "0" * 400, {}, "miku.toml line 2: tea.sugar_g"),
    ("[tea]\ncups = 1" + "0" * 30, {}, "far too large"),
    ("[tea]\ncups = 1" + "0" * 5000, {}, "beyond all bounds"),
    ("a = " + "[" * 5000, {}, "beyond all bounds"),
    ("[tea]\nsugar_g = nan", {}, "finite"),
    ("[tea]\nextras = 'milk'", {}, "list of texts"),
    ("[tea]\nextras = [1]", {}, "list of texts"),
    ("tea = 3", {}, "tea is a section"),
    ("[tea\n", {}, "line 1"),
    ('state_dir = "a\\u0000b"', {}, "NUL"),
    ("", {"MIKU_TEA__CUPS": "two"}, "MIKU_TEA__CUPS must be a whole number"),
    ("", {"MIKU_TEA__HOT": "perhaps"}, "MIKU_TEA__HOT must be true or false"),
    ("", {"MIKU_TEA__SUGAR_G": "inf"}, "finite"),
]


@pytest.mark.usefixtures("no_garbage")
@pytest.mark.parametrize(("text", "environ", "words"), BAD)
def test_what_cannot_be_used_is_named_with_its_reason(tmp_path, text, environ, words):
    with pytest.raises(BadSettings) as error:
        config(tmp_path, text, **environ)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_text_is_named(tmp_path):
    file = tmp_path / "miku.toml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSettings, match=r"miku\.toml"):
        load(Config, {}, file)


def test_a_folder_in_place_of_the_file_is_named(tmp_path):
    with pytest.raises(BadSettings, match="can't be read"):
        load(Config, {}, tmp_path)


def test_secrets_are_read_from_a_private_file_only(tmp_path):
    assert config(tmp_path, "[tea]\nkey = 'k'").tea.key == "k"
    with pytest.raises(BadSettings, match="chmod 600"):
        config(tmp_path, "[tea]\nkey = 'k'", mode=0o644)
    assert config(tmp_path, mode=0o644, MIKU_TEA__KEY="k").tea.key == "k"


def test_secrets_are_never_shown(tmp_path):
    tea = config(tmp_path, MIKU_TEA__KEY="canary").tea
    assert "canary" not in repr(tea)
    assert masked(tea)["key"] == "***"
    assert masked(Tea())["key"] == ""


def test_people_see_every_value_as_text_and_no_credential_in_it(tmp_path):
    text = "[tea]\nkind = 'black'\nextras = ['milk', 'http://ann:canary@shop.example/tea']"
    seen = shown(config(tmp_path, text, MIKU_TEA__KEY="canary"))
    assert seen["tea.kind"] == "black"
    assert seen["tea.hot"] == "true"
    assert seen["tea.extras"] == "milk, http://***@shop.example/tea"
    assert seen["tea.key"] == "***"
    assert "state_dir" in seen
    assert "canary" not in str(seen)


def test_all_unknown_keys_of_file_and_environment_are_found(tmp_path):
    file = tmp_path / "miku.toml"
    file.write_text("state_dri = 'x'\n[tee]\na = 1\n[tea]\ncupz = 1\n")
    environ = {"MIKU_TEA__CUPZ": "1", "MIKU_CONFIG": str(file), "HOME": "/"}
    found = unknown_keys([BaseSettings, Tea], read_file(file), environ, file)
    assert [line.rsplit("did you mean ", 1)[-1] for line in found] == [
        "state_dir?",
        "[tea]?",
        "tea.cups?",
        "MIKU_TEA__CUPS?",
    ]
