"""For all tests: property tests use the same examples in every run, and a busy machine fails none."""

import gc

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture
def no_garbage():
    """For what goes as deep as the interpreter's stack: what others left can't be cleared away down there."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
