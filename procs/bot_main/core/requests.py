"""What becomes of a request: allowed, refused with a code, or not decided yet. Pure.

People's tools repeat a request until they see its answer, so each is decided once: the same id gets the
same answer again, whatever has changed since.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from bus.messages import Request, RequestAnswer, RequestKind

JOIN, LEAVE, STOP = RequestKind.JOIN, RequestKind.LEAVE, RequestKind.STOP
PROMPT, SPEAK = RequestKind.PROMPT, RequestKind.SPEAK
EVERY = tuple(RequestKind)

ANSWERS_KEPT = 256
"""A request is repeated for seconds; as many as this are not made in that time."""

NEEDED: dict[RequestKind, str] = {PROMPT: "llm_streamer", SPEAK: "tts_bridge"}
"""Without whose backend a request is hopeless. A prompt without a voice still gets its answer as text."""


@dataclass(frozen=True)
class ChatOrigin:
    """Where in a chat a request comes from, and what its server allows."""

    guild_id: int
    person: int = 0
    voice_channel_id: int = 0
    """For a join."""
    prompt_channel_id: int = 0
    """For a join."""
    message_channel_id: int = 0
    """For a prompt: where its message stands, 0 if it came by none."""
    max_waiting: int = 0
    """For a prompt; 0 = as everywhere."""


@dataclass(frozen=True)
class Situation:
    """What a decision rests on."""

    is_sink: bool
    """Whether the request names a place where sound can be played."""
    is_wanted: bool
    """Whether a session on that sink is wanted already."""
    n_wanted: int
    """Sessions wanted, on any sink."""
    n_leaving: int
    """Sessions no longer wanted whose sink still holds them."""
    max_sessions: int
    degraded: Mapping[str, str]
    """Error code of each node that says a backend of it is missing."""

    @property
    def is_full(self) -> bool:
        """Whether one more session would be too many, once those that leave have left."""
        return not self.is_wanted and self.n_wanted >= self.max_sessions


class Step(StrEnum):
    """What to do with a request now."""

    ACT = "act"
    REFUSE = "refuse"
    LATER = "later"
    """A session that ends makes room in a moment: the request will be repeated."""


@dataclass(frozen=True)
class Verdict:
    """The decision on a request."""

    step: Step
    code: str = ""
    """Error code of a refusal."""


Rule = tuple[tuple[RequestKind, ...], Callable[[Request, Situation], bool], str]

REFUSALS: tuple[Rule, ...] = (
    (EVERY, lambda request, now: not now.is_sink, "bad_request"),
    ((PROMPT, SPEAK), lambda request, now: not request.text.strip(), "bad_request"),
    ((LEAVE, PROMPT, SPEAK, STOP), lambda request, now: not now.is_wanted, "session_none"),
    ((JOIN,), lambda request, now: now.is_full, "session_active"),
)
"""Kinds of request, when they are refused, and the code; the first that holds counts."""


def judge(request: Request, now: Situation) -> Verdict:
    """Decide on a request that has no answer yet."""
    for kinds, holds, code in REFUSALS:
        if request.kind in kinds and holds(request, now):
            return Verdict(Step.REFUSE, code)
    hopeless = now.degraded.get(NEEDED.get(request.kind, ""))
    if hopeless:
        return Verdict(Step.REFUSE, hopeless)
    crowded = not now.is_wanted and now.n_wanted + now.n_leaving >= now.max_sessions
    if request.kind is JOIN and crowded:
        return Verdict(Step.LATER)
    return Verdict(Step.ACT)


class Answers:
    """The latest answers by request id; the oldest of more than `ANSWERS_KEPT` goes."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, RequestAnswer] = OrderedDict()

    def get(self, request: str) -> RequestAnswer | None:
        """The answer given to a request, if any."""
        return self._answers.get(request)

    def keep(self, answer: RequestAnswer) -> None:
        """Remember an answer; the first one to a request stands."""
        self._answers.setdefault(answer.id, answer)
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
