import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procs.llm_server.core.gguf import Tensor, TensorType, gguf
from tests.procs.llm_server.gguf_reader import read_gguf

pytestmark = pytest.mark.unit

VALUES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.integers(0, 2**32 - 1),
    st.floats(width=32, allow_nan=False),
    st.text(max_size=10),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=4),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=4),
    st.lists(st.text(max_size=5), min_size=1, max_size=4),
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=6))
def test_metadata_comes_back(metadata):
    found, tensors = read_gguf(gguf(metadata, []))
    assert found == metadata
    assert tensors == {}


@given(st.lists(st.binary(min_size=1, max_size=100), max_size=5))
def test_tensors_come_back_aligned(contents):
    tensors = [Tensor(f"t{n}", (len(raw),), TensorType.F16, raw) for n, raw in enumerate(contents)]
    file = gguf({"general.alignment": 32}, tensors)
    _, found = read_gguf(file)
    assert [found[tensor.name][0] for tensor in tensors] == [tensor.shape for tensor in tensors]
    for tensor in tensors:
        assert found[tensor.name][1][: len(tensor.data)] == tensor.data
    assert len(file) % 32 == 0


def test_the_header():
    file = gguf({}, [])
    assert file[:4] == b"GGUF"
    assert struct.unpack_from("<IQQ", file, 4) == (3, 0, 0)
