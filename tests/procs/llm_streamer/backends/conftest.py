from collections.abc import AsyncIterator

import pytest

from tests.doubles.llm import LlmDouble, say


@pytest.fixture
async def llm() -> AsyncIterator[LlmDouble]:
    async with LlmDouble(say("Hello", " there.")) as double:
        yield double
