import pytest

from cli import docs

pytestmark = pytest.mark.unit


def test_the_written_protocol_is_in_step_with_the_code():
    for page in docs.PAGES:
        text = page.read_text()
        assert text == docs.rendered(text), f"{page.name}: run python -m cli.docs"


def test_every_field_of_every_message_is_explained():
    text = docs.messages_text()
    assert "KeyError" not in text
    assert text.count("###") == len({row.message for row in docs.TOPICS.values()}) + 8
