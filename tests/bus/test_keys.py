import json
import threading

import pytest

from bus.errors import BadSettings
from bus.keys import ROLES, KeyRing, admitted

pytestmark = pytest.mark.unit


def test_keys_are_made_once_for_the_owner_only(tmp_path):
    first = KeyRing.load(tmp_path / "state")
    file = tmp_path / "state" / "keys.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert KeyRing.load(tmp_path / "state").pair("cli") == first.pair("cli")
    assert sorted(p.name for p in file.parent.iterdir()) == ["keys.json"]


def test_of_many_starters_all_use_the_same_keys(tmp_path):
    rings = []
    threads = [threading.Thread(target=lambda: rings.append(KeyRing.load(tmp_path))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ring.pair("bot_main") for ring in rings}) == 1
    assert len(rings) == 8


def test_keys_that_others_may_read_are_refused_with_the_remedy(tmp_path):
    KeyRing.load(tmp_path)
    (tmp_path / "keys.json").chmod(0o644)
    with pytest.raises(BadSettings, match="chmod 600"):
        KeyRing.load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({r: [] for r in ROLES}), '{"cli": 3}'])
def test_damaged_keys_are_named(tmp_path, text):
    KeyRing.load(tmp_path)
    (tmp_path / "keys.json").write_text(text)
    with pytest.raises(BadSettings, match="remove it"):
        KeyRing.load(tmp_path)


def test_a_state_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(BadSettings, match="state_dir"):
        KeyRing.load(tmp_path / "state")


def test_who_may_connect_follows_the_list_of_topics():
    assert admitted("flow.token") == {"tts_bridge"}
    assert admitted("flow.request") == {"cli", "web_gateway"}
    assert "sniffer" in admitted("publisher.bot_main")
    assert all(
        "sniffer" not in admitted(f) for f in ("flow.prompt", "flow.token", "flow.audio.discord_voice")
    )


def test_tokens_are_stable_and_differ_by_role():
    keys = KeyRing.generate()
    assert keys.token("llm_server") == keys.token("llm_server")
    assert keys.token("llm_server") != keys.token("tts_server")


def test_a_strangers_key_has_no_role():
    assert KeyRing.generate().role_of(KeyRing.generate().public("cli")) is None
