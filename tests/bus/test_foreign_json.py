import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.foreign_json import DEPTH, read_json

pytestmark = pytest.mark.unit

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_was_written_is_read_from_text_and_from_bytes(value):
    text = json.dumps(value, ensure_ascii=False)
    assert read_json(text) == value
    assert read_json(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"b":'])
def test_depth_ends_at_the_limit(opening):
    per_opening = opening.count("[") + opening.count("{")
    closing = opening.replace("[", "]").replace("{", "}")[::-1].translate({ord(c): None for c in '"ab:'})

    def nested(depth):
        return opening * (depth // per_opening) + "0" + closing * (depth // per_opening)

    read_json(nested(DEPTH))
    with pytest.raises(ValueError, match="deeper"):
        read_json(nested(DEPTH + per_opening))


def test_brackets_side_by_side_or_in_strings_are_not_depth():
    value = [[], {}] * 1000 + ['[{"\\' * 1000, {'["': "]" * 5}]
    assert read_json(json.dumps(value)) == value


@given(st.text(alphabet='[]{}",:\\a1 \n', max_size=400))
def test_broken_text_does_not_take_the_parser_deeper(text):
    """Strings end where the parser ends them, so none hides a nesting."""
    with pytest.raises(ValueError, match=r"."):
        read_json(text + "[" * 5000)


@pytest.mark.parametrize(
    "body", ["", "{", b"\xff", "1" * 5000, "[" * 100_000, "[{" * 50_000, '["' + "\\" * 999]
)
def test_what_can_not_be_read_is_one_kind_of_error(body):
    with pytest.raises(ValueError, match=r"."):
        read_json(body)


def test_the_hooks_of_the_standard_parser_are_taken():
    assert read_json('{"a": NaN}', parse_constant=lambda name: name) == {"a": "NaN"}
