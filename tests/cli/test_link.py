import asyncio

import pytest

from bus.messages import Phase, Request, RequestAnswer, RequestKind, SessionState
from bus.testing import MemoryNode
from cli import link as link_module
from cli.link import READS, Link
from cli.refusal import Refusal
from tests.waiting import until

pytestmark = pytest.mark.unit

SESSION = "20261120-173000-a1b2"


@pytest.fixture
def node() -> MemoryNode:
    return MemoryNode("cli", READS)


def requests(node: MemoryNode) -> list[Request]:
    return [message for topic, message, _, _ in node.pushed if topic == "flow.request"]


def state(phase: Phase, refusal: str = "", reason: str = "") -> SessionState:
    return SessionState("discord_voice", phase, since_ms=1, revision=1, refusal=refusal, reason=reason)


async def answer(node: MemoryNode, accepted: bool = True, session: str = SESSION, code: str = "") -> None:
    """What bot_main answers to the newest request."""
    request = (await until(lambda: requests(node)))[-1]
    message = RequestAnswer(request.id, accepted, session=session, turn=7, code=code)
    await node.deliver("report.request", message)


async def test_a_request_is_repeated_with_the_same_id_until_it_is_answered(
    node: MemoryNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "AGAIN_S", 0.005)
    asking = asyncio.create_task(Link(node).ask(RequestKind.PROMPT, "Hi", SESSION))
    await until(lambda: len(requests(node)) >= 3)
    assert len({request.id for request in requests(node)}) == 1
    await answer(node)
    assert (await asking).turn == 7


async def test_the_answers_to_others_are_not_ours(node: MemoryNode) -> None:
    asking = asyncio.create_task(Link(node).ask(RequestKind.STOP))
    await until(lambda: requests(node))
    await node.deliver("report.request", RequestAnswer("somebody else's", True, turn=1))
    await answer(node)
    assert (await asking).turn == 7


async def test_a_refusal_is_said_in_the_words_of_its_code(node: MemoryNode) -> None:
    asking = asyncio.create_task(Link(node).ask(RequestKind.PROMPT, "Hi"))
    await answer(node, accepted=False, code="busy")
    with pytest.raises(Refusal, match="Too many prompts are waiting already"):
        await asking


async def test_without_an_answer_the_bot_is_unreachable(
    node: MemoryNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "AGAIN_S", 0.005)
    monkeypatch.setattr(link_module, "ANSWER_S", 0.02)
    with pytest.raises(Refusal, match="does not answer"):
        await Link(node).ask(RequestKind.STOP)


async def test_nobody_who_takes_requests_is_the_same(node: MemoryNode) -> None:
    node.stalled.add("flow.request")
    with pytest.raises(Refusal, match="does not answer"):
        await Link(node).ask(RequestKind.STOP)


async def test_a_join_waits_until_the_session_is_active(node: MemoryNode) -> None:
    joining = asyncio.create_task(Link(node).join())
    await answer(node)
    await node.deliver("control.session.discord_voice", state(Phase.STARTING), SESSION)
    await asyncio.sleep(0)
    assert not joining.done()
    await node.deliver("control.session.discord_voice", state(Phase.ACTIVE), SESSION)
    assert await joining == SESSION


async def test_a_refused_join_says_why(node: MemoryNode) -> None:
    joining = asyncio.create_task(Link(node).join())
    await answer(node)
    await node.deliver("control.session.discord_voice", state(Phase.IDLE, "session_not_ready"), SESSION)
    with pytest.raises(Refusal, match="is not ready"):
        await joining


async def test_a_join_that_fails_says_why(node: MemoryNode) -> None:
    joining = asyncio.create_task(Link(node).join())
    await answer(node)
    await node.deliver("control.session.discord_voice", state(Phase.IDLE, reason="voice_refused"), SESSION)
    with pytest.raises(Refusal, match="did not let her"):
        await joining


async def test_a_join_that_never_becomes_active_ends(
    node: MemoryNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "NEWS_S", 0.02)
    joining = asyncio.create_task(Link(node, start_s=0).join())
    await answer(node)
    with pytest.raises(Refusal, match="did not start"):
        await joining


async def test_a_join_may_take_as_long_as_is_set(node: MemoryNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "NEWS_S", 0)
    joining = asyncio.create_task(Link(node, start_s=30).join())
    await answer(node)
    await asyncio.sleep(0.02)
    await node.deliver("control.session.discord_voice", state(Phase.ACTIVE), SESSION)
    assert await joining == SESSION


async def test_only_an_active_session_takes_prompts(node: MemoryNode) -> None:
    link = Link(node)
    assert link.active_session() == ""
    await node.deliver("control.session.discord_voice", state(Phase.STARTING), SESSION)
    assert link.active_session() == ""
    await node.deliver("control.session.discord_voice", state(Phase.ACTIVE), SESSION)
    assert link.active_session() == SESSION


async def test_a_session_that_only_begins_can_be_left(node: MemoryNode) -> None:
    link = Link(node)
    assert link.running_session() == ""
    await node.deliver("control.session.discord_voice", state(Phase.STARTING), SESSION)
    assert link.running_session() == SESSION
    other = "20261120-173001-c3d4"
    await node.deliver("control.session.discord_voice", state(Phase.ACTIVE), other)
    assert link.running_session() == other
