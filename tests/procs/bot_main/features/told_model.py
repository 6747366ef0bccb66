"""A model for tests that answers what it was told to, in order, the last answer again and again."""

from collections.abc import Sequence

from bus.errors import BackendError
from bus.messages import ChatMessage
from procs.bot_main.backends.base_model import Picture


class ToldModel:
    """Implements `TextModel`; an error in the place of an answer is raised."""

    def __init__(self, *answers: str | BackendError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[ChatMessage], str, list[Picture]]] = []
        """Messages, model and pictures of each question."""

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int = 400,
        model: str = "",
        pictures: Sequence[Picture] = (),
    ) -> str:
        assert max_tokens > 0
        self.asked.append((list(messages), model, list(pictures)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BackendError):
            raise answer
        return answer
