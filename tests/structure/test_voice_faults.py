import pytest

from cli import docs
from procs.discord_voice.core.link import ROWS

pytestmark = pytest.mark.unit


def test_the_written_table_of_voice_faults_is_in_step_with_the_code():
    text = docs.VOICE_FAULTS.read_text()
    assert text == docs.rendered(text), "run: python -m cli.docs"
    assert all(f"| {row.event} |" in text for row in ROWS)
