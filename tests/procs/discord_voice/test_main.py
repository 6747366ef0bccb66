import dataclasses
from pathlib import Path

import pytest

from bus.settings import load
from bus.testing import MemoryNode
from procs.discord_voice.__main__ import BACKENDS, make
from procs.discord_voice.app import VoiceNode
from procs.discord_voice.config import Config, VoiceSettings

pytestmark = pytest.mark.unit

NO_FILE = Path("/nonexistent/miku.toml")


def test_every_backend_that_can_be_chosen_exists_and_every_one_can_be_chosen():
    (field,) = [f for f in dataclasses.fields(VoiceSettings) if f.name == "backend"]
    assert set(field.metadata["meta"].choices) == set(BACKENDS)


@pytest.mark.parametrize("name", list(BACKENDS))
def test_a_node_is_made_for_each_backend(name, tmp_path):
    environ = {"MIKU_VOICE__BACKEND": name, "MIKU_STATE_DIR": str(tmp_path)}
    node = make(MemoryNode("discord_voice", VoiceNode.reads), load(Config, environ, NO_FILE))
    assert isinstance(node, VoiceNode)


def test_voice_enabled_switches_voice_off():
    assert not load(Config, {"VOICE_ENABLED": "false"}, NO_FILE).voice.enabled
