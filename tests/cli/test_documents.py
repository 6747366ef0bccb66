"""What the documents name exists, and what exists is in the documents."""

import re
from pathlib import Path

import pytest

from bus.errors import CODES
from bus.settings import env_name
from cli.__main__ import SNIFFER, VERBS
from cli.settings_table import ROOT, sections
from procs.guardian.core.verdict import RESTING_CODE

pytestmark = pytest.mark.unit

OPERATING = (ROOT / "docs" / "operating.md").read_text()
TROUBLESHOOTING = (ROOT / "docs" / "troubleshooting.md").read_text()
BOTH = OPERATING + TROUBLESHOOTING


def test_every_code_has_a_row_and_every_row_a_code() -> None:
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", TROUBLESHOOTING, re.MULTILINE))
    assert rows - {RESTING_CODE} == set(CODES) - {RESTING_CODE}
    assert RESTING_CODE in rows


def test_every_verb_is_shown_and_every_shown_verb_exists() -> None:
    shown = set(re.findall(r"miku ([a-z]+)", BOTH))
    assert set(VERBS) <= shown
    assert set(re.findall(r"\./miku ([a-z][a-z-]*)", BOTH)) <= {*VERBS, SNIFFER}


def test_every_setting_that_is_named_exists() -> None:
    known = {f"{s.SECTION}.{field}" for s in sections() for field in s.__dataclass_fields__}
    names = "|".join(s.SECTION for s in sections() if s.SECTION)
    named = set(re.findall(rf"`((?:{names})\.[a-z_]+)\b(?!\.log)", BOTH))
    assert named - {f"{s.SECTION}.log" for s in sections()} <= known


def test_every_variable_that_is_named_exists() -> None:
    known = {env_name(s.SECTION, field) for s in sections() for field in s.__dataclass_fields__}
    assert set(re.findall(r"MIKU_[A-Z_]+", BOTH)) <= known | {"MIKU_CONFIG"}


def test_no_line_is_endless() -> None:
    for line in BOTH.splitlines():
        assert len(line) <= 130 or line.startswith("|"), line


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([a-z.]+)\)", BOTH):
        assert (ROOT / "docs" / target).exists() or Path(target).exists()
