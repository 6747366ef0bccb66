"""A persona file is read whole, or refused in one sentence."""

from pathlib import Path

import pytest

from bus.errors import BadSettings
from procs.bot_main.backends.persona_file import PERSONA_LIMIT_BYTES, read_persona

pytestmark = pytest.mark.unit


def test_the_text_is_read(tmp_path: Path):
    file = tmp_path / "rin.txt"
    file.write_text("\nYou are {name}, née Rin.\n")
    assert read_persona(str(file)) == "You are {name}, née Rin."


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "can't be read: No such file or directory"),
        (b" \n ", "is empty"),
        (b"x" * (PERSONA_LIMIT_BYTES + 1), "is longer than 16 KiB"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_what_can_not_be_used_is_refused_with_its_reason(tmp_path: Path, content: bytes | None, reason: str):
    file = tmp_path / "rin.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSettings, match=f"bot.persona_file rin.txt {reason}"):
        read_persona(str(file))
