import asyncio

import pytest

from bus.messages import Health, NodeState
from bus.testing import MemoryNode
from bus.topics import NODES
from cli import readiness
from cli.readiness import changes, degraded, invitation, until_invited, until_ready
from tests.waiting import until

pytestmark = pytest.mark.unit


def health(state: NodeState, code: str = "", detail: str = "", uptime_s: int = 10) -> Health:
    return Health(state, 1, code=code, detail=detail, uptime_s=uptime_s)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> MemoryNode:
    monkeypatch.setattr(readiness, "LOOK_S", 0.001)
    return MemoryNode("cli", ("report.health.",))


async def beat(
    node: MemoryNode, names: tuple[str, ...] | list[str], state: NodeState, detail: str = ""
) -> None:
    for name in names:
        await node.deliver(f"report.health.{name}", health(state, detail=detail))


async def test_it_is_ready_when_every_node_is_ready_or_says_what_it_misses(node: MemoryNode) -> None:
    told: list[str] = []
    waiting = asyncio.create_task(until_ready(node, lambda: True, told.append))
    await beat(node, NODES[:-1], NodeState.READY)
    await until(lambda: told)
    assert not waiting.done()
    await beat(node, [NODES[-1]], NodeState.STARTING)
    await beat(node, ["llm_streamer"], NodeState.DEGRADED)
    await beat(node, [NODES[-1]], NodeState.READY)
    assert await waiting == []


async def test_who_was_faster_than_the_server_it_asks_is_waited_for(node: MemoryNode) -> None:
    told: list[str] = []
    await beat(node, NODES, NodeState.READY)
    await node.deliver("report.health.llm_streamer", health(NodeState.DEGRADED, uptime_s=0))
    waiting = asyncio.create_task(until_ready(node, lambda: True, told.append))
    await until(lambda: told)
    assert "waiting for llm_streamer" in told[-1]
    await beat(node, ["llm_streamer"], NodeState.READY)
    assert await waiting == []


async def test_a_loading_model_is_shown_and_waited_for(
    node: MemoryNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SLOW_S", 0.0)
    told: list[str] = []
    await beat(node, NODES, NodeState.READY)
    await beat(node, ["llm_server"], NodeState.LOADING, detail="70 %")
    waiting = asyncio.create_task(until_ready(node, lambda: True, told.append))
    await until(lambda: told)
    assert "waiting for llm_server 70 %" in told[-1]
    assert not waiting.done()
    await beat(node, ["llm_server"], NodeState.READY)
    assert await waiting == []


async def test_who_does_not_come_is_named_and_the_rest_goes_on(
    node: MemoryNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "SLOW_S", 0.01)
    await beat(node, [name for name in NODES if name != "tts_bridge"], NodeState.READY)
    assert await until_ready(node, lambda: True, lambda _: None) == ["tts_bridge"]


async def test_a_crash_loop_is_not_waited_for(node: MemoryNode) -> None:
    await beat(node, [name for name in NODES if name != "tts_bridge"], NodeState.READY)
    await beat(node, ["guardian"], NodeState.DEGRADED)
    assert await until_ready(node, lambda: True, lambda _: None) == ["tts_bridge"]


async def test_the_end_of_supervisord_ends_the_wait(node: MemoryNode) -> None:
    assert await until_ready(node, lambda: False, lambda _: None) == []


READY, MISSING = health(NodeState.READY), health(NodeState.DEGRADED, "llm_unreachable")


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"bot_main": READY}, {"bot_main": READY}, []),
        ({"bot_main": READY}, {}, ["bot_main: silent"]),
        ({}, {"bot_main": READY}, ["bot_main: ready"]),
        ({}, {"bot_main": health(NodeState.STARTING)}, []),
        ({"bot_main": MISSING}, {"bot_main": READY}, ["bot_main: ready"]),
    ],
)
def test_each_change_is_one_line(before: dict[str, Health], now: dict[str, Health], words: list[str]) -> None:
    assert changes(before, now) == words


def test_what_is_missing_is_said_with_its_remedy() -> None:
    [line] = changes({"llm_streamer": READY}, {"llm_streamer": MISSING})
    assert line.startswith("llm_streamer: degraded. The language model server does not answer. Start it")
    assert degraded({"llm_streamer": MISSING, "bot_main": READY}) == [line]


def test_she_can_be_invited_once_she_is_online_in_discord() -> None:
    online = Health(NodeState.READY, 1, facts={"discord": "Miku", "invite": "https://discord.example/invite"})
    assert invitation({"bot_main": online}) == "https://discord.example/invite"
    assert invitation({"bot_main": READY}) == invitation({"llm_streamer": online}) == invitation({}) == ""


async def discord(node: MemoryNode, state: NodeState = NodeState.READY, **facts: str) -> None:
    await node.deliver("report.health.bot_main", Health(state, 1, facts=facts))


async def test_an_invitation_is_waited_for_while_she_connects(node: MemoryNode) -> None:
    waiting = asyncio.create_task(until_invited(node))
    await discord(node, discord="connecting")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await discord(node, discord="Miku", invite="https://discord.example/invite")
    assert await waiting == "https://discord.example/invite"


@pytest.mark.parametrize(
    ("state", "word"), [(NodeState.READY, "not configured"), (NodeState.DEGRADED, "connecting")]
)
async def test_nobody_waits_for_an_invitation_that_will_not_come(
    node: MemoryNode, state: NodeState, word: str
) -> None:
    await discord(node, state, discord=word)
    assert await until_invited(node) == ""


async def test_a_discord_that_does_not_answer_keeps_nobody(
    node: MemoryNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "ONLINE_S", 0.0)
    await discord(node, discord="connecting")
    assert await until_invited(node) == ""
