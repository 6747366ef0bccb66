import re
import struct

import pytest

from procs.llm_server.core import demo_brain
from procs.llm_server.core.demo_brain import SCRIPTS
from tests.procs.llm_server.gguf_reader import read_gguf

pytestmark = pytest.mark.unit


class BrainOnPaper:
    """The model's arithmetic without llama.cpp: embedding, then the output matrix."""

    def __init__(self) -> None:
        metadata, tensors = read_gguf(demo_brain.build())
        self.tokens: list[str] = metadata["tokenizer.ggml.tokens"]
        self.end: int = metadata["tokenizer.ggml.eos_token_id"]
        self.embedding = self.rows(*tensors["token_embd.weight"])
        self.output = self.rows(*tensors["output.weight"])

    @staticmethod
    def rows(shape: tuple[int, ...], data: bytes) -> list[dict[int, float]]:
        """Each row as column → value, without the zeros."""
        width, n_rows = shape
        flat = struct.unpack_from(f"<{width * n_rows}e", data)
        rows = (flat[at : at + width] for at in range(0, len(flat), width))
        return [{column: value for column, value in enumerate(row) if value} for row in rows]

    def followers(self, token: int) -> list[int]:
        """Tokens that may follow: those with the largest logit."""
        (dimension,) = self.embedding[token]
        logits = [row.get(dimension, 0.0) for row in self.output]
        return [number for number, logit in enumerate(logits) if logit and logit == max(logits)]

    def recite(self, token: int) -> str:
        """What is said from a first token on."""
        said = ""
        while token != self.end:
            said += self.tokens[token]
            (token,) = self.followers(token)
        return said.replace("\u200b", "")


def test_after_the_assistants_mark_it_recites_one_of_the_scripts():
    brain = BrainOnPaper()
    firsts = brain.followers(brain.tokens.index("<|assistant|>"))
    assert [brain.recite(first) for first in firsts] == list(SCRIPTS)


def test_behind_anything_else_it_falls_silent():
    brain = BrainOnPaper()
    assert brain.followers(brain.tokens.index("<0x41>")) == [brain.end]
    assert brain.followers(brain.end) == [brain.end]


def test_no_token_occurs_twice():
    found = [token for chain in demo_brain.chains() for token in chain]
    assert len(found) == len(set(found))


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_honest_short_and_speakable(script):
    assert "demo brain" in script
    assert 2 <= len(re.findall(r"[.!?](?: |$)", script)) <= 6
    assert script.isascii()
    assert not re.search(r"[*_`#<>\[\]]", script)


def test_the_scripts_tell_how_to_get_a_real_model():
    told = " ".join(SCRIPTS)
    assert all(words in told for words in ("model file", "model server", "settings", "miku doctor"))


def test_another_recipe_has_another_digest(monkeypatch):
    before = demo_brain.digest()
    assert before == demo_brain.digest()
    monkeypatch.setattr(demo_brain, "SCRIPTS", (*SCRIPTS, "One more, from the demo brain."))
    assert demo_brain.digest() != before
