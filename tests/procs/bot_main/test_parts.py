"""What the bot in Discord is made of, and that it lets go of all of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bus.errors import BadSettings
from bus.messages import ChatMessage
from bus.settings import load
from bus.testing import MemoryNode
from procs.bot_main.backends.base_images import VisionModel
from procs.bot_main.backends.base_model import Picture
from procs.bot_main.backends.completions import Completions
from procs.bot_main.backends.llama_swap import LlamaSwap
from procs.bot_main.backends.vram import Vram
from procs.bot_main.config import Config
from procs.bot_main.core.personas import Personas
from procs.bot_main.feature_settings import GpuSettings
from procs.bot_main.gpu import GpuPlan
from procs.bot_main.parts import chat_side, services
from tests.doubles.llama_swap import LlamaSwapDouble

pytestmark = pytest.mark.flow

ADDRESS = "http://127.0.0.1:9"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    environment = {
        "MIKU_STATE_DIR": str(tmp_path),
        "MIKU_CONFIG": str(tmp_path / "miku.toml"),
        "MIKU_TEXT__BASE_URL": ADDRESS,
        "MIKU_VISION__BASE_URL": ADDRESS,
        "MIKU_DRAWING__BASE_URL": ADDRESS,
        "MIKU_FIGURINES__FEED_URL": ADDRESS,
    }
    return load(Config, environment)


async def test_a_server_of_eyes_that_wants_a_key_is_given_it(config: Config):
    async with LlamaSwapDouble(api_key="s3cret") as swap:
        vision = replace(config.vision, base_url=swap.url, api_key="s3cret")
        model = services(replace(config, vision=vision))[VisionModel]
        asked, picture = [ChatMessage("user", "What do you see?")], Picture("image/jpeg", b"\xff\xd8\xff")
        assert await model.complete(asked, pictures=[picture]) == "I am a stub."
        await model.close()


def test_more_than_five_joins_a_minute_are_for_a_discord_of_ones_own_alone(config: Config):
    node = MemoryNode("bot_main", ("control.session.",))
    hasty = replace(config.discord, joins_per_minute=6)
    with pytest.raises(BadSettings, match="to at most 5"):
        chat_side(node, replace(config, discord=hasty), Personas(), Completions(ADDRESS), _no_cards(node))


def _no_cards(node: MemoryNode) -> GpuPlan:
    return GpuPlan(node, GpuSettings(), [], Vram())


async def test_all_connections_to_services_are_closed_at_the_end(config: Config):
    node = MemoryNode("bot_main", ("control.session.",))
    servers = [LlamaSwap(ADDRESS), LlamaSwap(ADDRESS)]
    gpu = GpuPlan(node, GpuSettings(), servers[:1], Vram(), servers[1])
    side = chat_side(node, config, Personas(), Completions(ADDRESS), gpu)
    open_things = [close.__self__ for close in side.closing]
    kinds = [type(one).__name__ for one in open_things]
    assert sorted(kinds) == ["ComfyUi", "Completions", "Completions", "HttpAttachments"]
    holders = [type(one).__name__ for one in services(config).values() if hasattr(one, "_session")]
    assert set(holders) <= set(kinds), "a service that holds connections and is not closed"
    connections = [one._session() for one in (*open_things, *servers)]
    for close in (*side.closing, gpu.close):
        await close()
    assert all(one.closed for one in connections)
