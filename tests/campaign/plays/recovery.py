"""F36: what a process needs goes away and comes back; its health turns red, and green again by itself."""

import time

from bus.messages import NodeState, RequestKind
from cli.refusal import Refusal
from tests.campaign.campaign import Run
from tests.campaign.home import Home
from tests.campaign.world import Kind
from tests.doubles.llm import LlmDouble
from tests.waiting import until

SEEN_S = 40.0
"""A server that is not needed is looked at every 30 s."""


async def f36_red_and_green(run: Run) -> None:
    """One server goes and comes back."""
    kind, node, server, ask = (
        (Kind.SOPRANO, "llm_streamer", run.world.llm, RequestKind.PROMPT),
        (Kind.SOPRANO, "tts_bridge", run.world.soprano, RequestKind.SPEAK),
        (Kind.RVC, "tts_bridge", run.world.rvc, RequestKind.SPEAK),
    )[run.index % 3]
    home = await run.world.home(kind)
    await server.__aexit__(None, None, None)
    try:
        await _fails(run, home, ask)
        began_s = time.monotonic()
        await until(lambda: (h := home.health(node)) and h.state is NodeState.DEGRADED, SEEN_S)
        run.note("gone to red, s", time.monotonic() - began_s)
    finally:
        await server.__aenter__()
    began_s = time.monotonic()
    await until(lambda: (h := home.health(node)) and h.state is NodeState.READY, 60)
    run.note("back to green, s", time.monotonic() - began_s)
    if not isinstance(server, LlmDouble):
        await home.well()
    await home.speaks("here I am.", ask)


async def _fails(run: Run, home: Home, kind: RequestKind) -> None:
    """A text that can't be answered now is refused or fails with a code."""
    try:
        said = await home.say("is anybody there", kind)
    except Refusal:
        return
    assert said.code, "it was answered by nobody"
    run.note("failures told without their reason", said.is_mistold)
