"""The operator's workflow file: read whole, or refused in one sentence."""

import json
from pathlib import Path

import pytest

from bus.errors import BadSettings
from procs.bot_main.backends.workflow_file import read_workflow
from procs.bot_main.core.drawing import BUILT_IN

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "text", ["", "[]", "not json", '{"nodes": []}', '{"1": {"class_type": 1, "inputs": {}}}']
)
def test_a_bad_workflow_file_is_refused_in_one_sentence(tmp_path: Path, text: str):
    file = tmp_path / "w.json"
    file.write_text(text)
    with pytest.raises(BadSettings, match=r"drawing\.workflow_file w\.json"):
        read_workflow(str(file))


def test_a_workflow_file_is_read(tmp_path: Path):
    file = tmp_path / "w.json"
    file.write_text(json.dumps(BUILT_IN))
    assert read_workflow(str(file)) == BUILT_IN
    assert read_workflow("") == BUILT_IN
    with pytest.raises(BadSettings, match="can't be read"):
        read_workflow(str(tmp_path / "absent.json"))
