import json

import pytest

from procs.llm_streamer.core.models import first_chat_model, names

pytestmark = pytest.mark.unit


def listing(*ids: object) -> str:
    return json.dumps({"object": "list", "data": [{"id": name} for name in ids]})


def test_names_in_their_order():
    assert names(listing("qwen3", "llama3")) == ["qwen3", "llama3"]


@pytest.mark.parametrize(
    "body", ["", "no json", "[]", "{}", '{"data": null}', '{"data": [1, {}]}', listing(None, 7, "")]
)
def test_what_is_no_list_has_no_names(body):
    assert names(body) == []


def test_embedding_models_cannot_talk():
    assert first_chat_model(["nomic-embed-text", "qwen3"]) == "qwen3"
    assert first_chat_model(["text-Embedding-3"]) == ""
    assert first_chat_model([]) == ""
