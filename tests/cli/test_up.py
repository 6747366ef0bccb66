import pytest

from cli.verbs.up import complaints

pytestmark = pytest.mark.unit


def test_a_start_in_the_background_tells_what_is_missing() -> None:
    missing = "llm_server: degraded. The model file can't be used."
    lines = [
        "starting ...",
        "starting: 6 of 7 ready, waiting for guardian",
        missing,
        "ready in 1.3 s",
        "Ctrl-C here ends everything.",
    ]
    assert complaints(lines) == [missing]
