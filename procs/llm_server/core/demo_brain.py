"""The demo brain: a model that recites, made of arithmetic instead of training.

It is a bigram chain in the shape of a llama model. Each word of each script is a token of its own, the
embedding gives each of them a dimension of its own, attention and feed-forward add nothing, and the output
matrix says which token follows which. After the assistant's mark the first words of all scripts are
equally likely, so the sampling seed picks the script; the last word leads to the end token.

A word that returns needs a second token, or the chain would not know where it is: the copies carry
zero-width spaces, which sound like nothing and are removed by whoever reads the reply.
"""

import hashlib
import itertools
import struct
from collections.abc import Iterator

from procs.llm_server.core.gguf import Tensor, TensorType, Value, gguf

NAME = "miku-demo-brain"
"""The model's name in the server's list and in health."""

CONTEXT_TOKENS = 512
"""Ten times the longest script; prompts take no room, see `TEMPLATE`."""

SCRIPTS = (
    "Hi, I'm Miku! To be honest, this is only my demo brain: it recites a few lines and understands "
    "nothing. Give me a real model, and we can have a proper talk.",
    "Oh, hello there. You are hearing my demo brain, a tiny model that was made when I first started. "
    "It can't answer you yet; name a model file in the settings, and I will wake up for real.",
    "Testing, testing... one, two, three. Good news: my voice works! The bad news? I only have my demo "
    "brain, so I say the same few things again and again.",
    "I would love to answer that, but my demo brain only knows how to introduce me. My name is Miku. "
    "If you run a model server, put its address into the settings, and ask me once more.",
    "Can you hear me well? Wonderful. Everything between your text and this sound is running; only the "
    "clever part is missing, because these words come from a demo brain, not from a language model.",
    "Nice to meet you! I am Miku, a voice on your own machine. For now a demo brain speaks for me. "
    "It needs no download, no graphics card and no account - but, well, it also has no ideas.",
    "That sounds interesting, although I must admit I did not understand a word. This is my demo brain, "
    "and it just plays one of its short scripts. Run miku doctor: it shows how to connect a real one.",
    "Hello! While I still have only a demo brain, let me show you my voice: a pause, a question, is that "
    "all right? And an ending. Give me a real model when you are ready.",
)
"""What she says; each script names the demo brain, and together they say how to replace it."""

TEMPLATE = "<|assistant|>"
"""Chat template: every conversation looks the same to a brain that understands nothing. So the longest
prompt fits, and costs no time."""

_MARK = "<|assistant|>"
_UNKNOWN, _BEGIN, _END = "<unk>", "<s>", "</s>"
_KIND_UNKNOWN, _KIND_CONTROL, _KIND_USER_DEFINED, _KIND_BYTE = 2, 3, 4, 6
"""Token types of the format; user-defined tokens are taken whole and never merged."""

_ZERO_WIDTH_SPACE = "\u200b"
_HEAD_SIZE = 32
"""Length of the one attention head; it carries nothing, so it is as small as the kernels like."""
_CERTAINTY = 30.0
"""Logit of the token that follows; all others have 0, so e**30 to one decides."""
_EVERYTHING_ELSE = 0
"""Dimension shared by all tokens that no script contains; the end token follows them."""


def chains() -> list[list[str]]:
    """The scripts as chains of tokens; no token occurs twice."""
    seen: set[str] = set()
    return [[_fresh(word, seen) for word in _words(script)] for script in SCRIPTS]


def digest() -> str:
    """Names this recipe: another recipe, another digest."""
    return hashlib.blake2b(repr((_metadata(), _CERTAINTY, _HEAD_SIZE)).encode(), digest_size=4).hexdigest()


def build() -> bytes:
    """The model as a GGUF file."""
    return gguf(_metadata(), list(_tensors()))


def _words(script: str) -> list[str]:
    first, *rest = script.split(" ")
    return [first, *(f" {word}" for word in rest)]


def _fresh(word: str, seen: set[str]) -> str:
    while word in seen:
        word += _ZERO_WIDTH_SPACE
    seen.add(word)
    return word


def _vocabulary() -> dict[str, int]:
    """Token → its type, in the order of token numbers."""
    vocabulary = {_UNKNOWN: _KIND_UNKNOWN, _BEGIN: _KIND_CONTROL, _END: _KIND_CONTROL}
    vocabulary |= {f"<0x{byte:02X}>": _KIND_BYTE for byte in range(256)}
    return (
        vocabulary
        | {_MARK: _KIND_CONTROL}
        | {word: _KIND_USER_DEFINED for chain in chains() for word in chain}
    )


def _dimensions() -> dict[str, int]:
    """Token → its own dimension of the embedding, for those that know what follows them."""
    knowing = [_MARK, *(word for chain in chains() for word in chain)]
    return {token: dimension for dimension, token in enumerate(knowing, _EVERYTHING_ELSE + 1)}


def _width() -> int:
    """Length of the embedding: the dimensions, rounded up to a multiple of the head."""
    return -(-(len(_dimensions()) + 1) // _HEAD_SIZE) * _HEAD_SIZE


def _metadata() -> dict[str, Value]:
    vocabulary, width = _vocabulary(), _width()
    tokens = list(vocabulary)
    return {
        "general.architecture": "llama",
        "general.name": NAME,
        "llama.context_length": CONTEXT_TOKENS,
        "llama.embedding_length": width,
        "llama.block_count": 1,
        "llama.feed_forward_length": _HEAD_SIZE,
        "llama.attention.head_count": 1,
        "llama.attention.head_count_kv": 1,
        "llama.attention.key_length": _HEAD_SIZE,
        "llama.attention.value_length": _HEAD_SIZE,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": _HEAD_SIZE,
        "llama.vocab_size": len(tokens),
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [-float(number) for number in range(len(tokens))],
        "tokenizer.ggml.token_type": list(vocabulary.values()),
        "tokenizer.ggml.unknown_token_id": tokens.index(_UNKNOWN),
        "tokenizer.ggml.bos_token_id": tokens.index(_BEGIN),
        "tokenizer.ggml.eos_token_id": tokens.index(_END),
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_space_prefix": False,
        "tokenizer.chat_template": TEMPLATE,
    }


def _tensors() -> Iterator[Tensor]:
    width = _width()
    yield _matrix("token_embd.weight", width, len(_vocabulary()), _embedding())
    yield _matrix("output.weight", width, len(_vocabulary()), _transitions())
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        yield Tensor(f"{name}.weight", (width,), TensorType.F32, struct.pack("<f", 1.0) * width)
    for name in ("attn_q", "attn_k", "attn_v", "ffn_gate", "ffn_up"):
        yield _matrix(f"blk.0.{name}.weight", width, _HEAD_SIZE, {})
    for name in ("attn_output", "ffn_down"):
        yield _matrix(f"blk.0.{name}.weight", _HEAD_SIZE, width, {})


def _embedding() -> dict[tuple[int, int], float]:
    """(token, dimension) → 1: each token lies in one dimension."""
    dimensions = _dimensions()
    return {
        (number, dimensions.get(token, _EVERYTHING_ELSE)): 1.0 for number, token in enumerate(_vocabulary())
    }


def _transitions() -> dict[tuple[int, int], float]:
    """(next token, dimension of the present one) → its logit, before the norm's factor of sqrt(width)."""
    numbers = {token: number for number, token in enumerate(_vocabulary())}
    dimensions = _dimensions()
    logit = _CERTAINTY / _width() ** 0.5
    follows = {(numbers[_END], _EVERYTHING_ELSE): logit}
    for chain in chains():
        path = [_MARK, *chain, _END]
        follows |= {(numbers[b], dimensions[a]): logit for a, b in itertools.pairwise(path)}
    return follows


def _matrix(name: str, n_columns: int, n_rows: int, cells: dict[tuple[int, int], float]) -> Tensor:
    """A sparse matrix, (row, column) → value, written out in 16-bit floats."""
    data = bytearray(2 * n_columns * n_rows)
    for (row, column), value in cells.items():
        struct.pack_into("<e", data, 2 * (row * n_columns + column), value)
    return Tensor(name, (n_columns, n_rows), TensorType.F16, bytes(data))
