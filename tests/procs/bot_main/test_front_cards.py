"""What who calls her reads of the graphics cards."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from bus.errors import BackendError, sentence
from bus.messages import Phase
from procs.bot_main.backends.base_gpu import LoadedModel
from procs.bot_main.core.gpu_plan import Card
from procs.bot_main.feature_settings import GpuSettings
from procs.bot_main.gpu import GpuPlan
from tests.procs.bot_main.evening import JOINED, Evening, Evenings
from tests.procs.bot_main.hand_chat import ANNA, LOUNGE

pytestmark = pytest.mark.unit

SHORT = "nvidia0: 900 of 6144 MiB free, 1500 needed"


@dataclass
class HandCards:
    """A card and a model server, played by hand; both are the plan's."""

    address: str = "http://swap.example:8090"
    cards: list[Card] = field(default_factory=list)
    refusal: str = ""
    """What the server answers instead of unloading."""

    async def read(self) -> Sequence[Card]:
        return self.cards

    async def running(self) -> list[LoadedModel]:
        if self.refusal:
            raise BackendError("gpu_not_freed", self.refusal)
        return []

    async def unload(self, model: str = "") -> None:
        pass

    async def close(self) -> None:
        pass


@pytest.fixture
def cards() -> HandCards:
    return HandCards(cards=[Card("nvidia0", 5_000, 6_144)])


@pytest.fixture
async def evening(evenings: Evenings, cards: HandCards) -> AsyncIterator[Evening]:
    settings = GpuSettings(needed_mib=("nvidia0=1500",))
    evenings.lives.make_gpu = lambda node: GpuPlan(node, settings, [cards], cards)
    async with evenings.begin() as evening:
        yield evening


async def called(evening: Evening) -> str:
    """Anna calls her; what she reads."""
    evening.chat.enters(ANNA, LOUNGE)
    await evening.says("!miku join")
    await evening.world.sink(evening.session, Phase.STARTING)
    await evening.settle()
    await evening.world.sink(evening.session, Phase.ACTIVE)
    await evening.settle()
    return evening.texts[0]


async def test_nothing_is_said_of_cards_that_have_room(evening: Evening):
    assert await called(evening) == JOINED


async def test_a_session_that_would_not_fit_begins_with_a_warning_and_its_figures(
    evening: Evening, cards: HandCards
):
    cards.cards = [Card("nvidia0", 900, 6_144)]
    assert await called(evening) == f"{JOINED}\n⚠️ {sentence('gpu_short')} ({SHORT})"


async def test_a_server_that_keeps_its_models_is_warned_about_without_its_address(
    evening: Evening, cards: HandCards
):
    cards.refusal = "unloading answers 500"
    expected = f"{JOINED}\n⚠️ {sentence('gpu_not_freed')} (other server: unloading answers 500)"
    assert await called(evening) == expected


async def test_a_warning_of_an_earlier_session_is_not_repeated(evening: Evening, cards: HandCards):
    cards.cards = [Card("nvidia0", 900, 6_144)]
    await called(evening)
    await evening.says("!miku leave")
    await evening.world.sink(evening.session, Phase.IDLE)
    await evening.pass_ms(1_000)
    cards.cards = [Card("nvidia0", 5_000, 6_144)]
    evening.chat.posted.clear()
    assert await called(evening) == JOINED
