"""F14, F16: the language model's server misbehaves; people get an answer or a reason, and what was said once
is not said again."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from bus.messages import NodeState, RequestKind
from tests.campaign.campaign import Run
from tests.campaign.home import Home
from tests.campaign.tones import heard, letters
from tests.campaign.world import ANSWER, Kind
from tests.doubles.llm import DONE, End, Script, Step, chat, endless, event, refuse, say, words
from tests.waiting import until

HEAD = "Here is one sentence. "
"""Said before a fault strikes in the middle of a reply."""
RETRIES = 1
"""A request is sent again so often at most; a server that is loading, or fails as one that loads may, is
asked until it is not."""

FREE_S = 5.0
"""A server's slot is free again so soon after a stop, on any machine; how soon is reported."""


@dataclass(frozen=True)
class Fault:
    """What the server does to a request."""

    name: str
    scripts: Callable[[Run], list[Script]]
    codes: tuple[str, ...]
    """How the turn may end; empty = answered."""
    text: str = ANSWER
    """What is spoken of the reply, or its beginning where the turn fails."""
    n_requests: int = 1 + RETRIES


def _broken(*steps: Step) -> Script:
    """A reply that begins well."""
    return Script([*(chat(word) for word in words(HEAD)), *steps])


def _loading() -> Script:
    return refuse(503, {"message": "Loading model", "type": "unavailable_error", "code": 503})


_BIG = event({"object": "chat.completion.chunk", "choices": [], "filler": "x" * 1_000_000})

FAULTS: tuple[Fault, ...] = (
    Fault("500", lambda run: [refuse(500, "no")] * run.dice.choice((1, 2)), ("",), n_requests=6),
    Fault("503, loading", lambda run: [_loading()] * run.dice.randrange(1, 4), ("",), n_requests=9),
    Fault("no first token", lambda run: [Script([End.HANG])], ("llm_timeout",), ""),
    Fault("reset in mid-stream", lambda run: [_broken(0.1, End.CUT)], ("llm_failed",), HEAD),
    Fault("broken JSON", lambda run: [_broken(b"data: {oops\n\n")], ("llm_failed",), HEAD),
    Fault("endless", lambda run: [Script(endless("la ", 100))], ("",), "la " * 1000),
    Fault("a line of 1 MB", lambda run: [Script([_BIG, *(chat(w) for w in words(ANSWER)), DONE])], ("",)),
    Fault("silence", lambda run: [_broken(End.HANG)], ("llm_timeout",), HEAD),
)  # fmt: skip


async def f14_faults(run: Run) -> None:
    """One fault; every other time somebody stops the turn while it happens."""
    home = await run.world.home(Kind.SOPRANO)
    llm, fault = run.world.llm, FAULTS[run.index % len(FAULTS)]
    n_before = len(llm.requests)
    llm.play(*fault.scripts(run))
    answer = await home.ask("go on", RequestKind.PROMPT)
    if run.index // len(FAULTS) % 2:
        await _stop_it(run, home)
    else:
        said = await home.heard("go on", answer)
        assert said.code in fault.codes, f"{fault.name}: ended with {said.code!r}"
        run.note("failures told without their reason", said.is_mistold)
        spoken = letters(fault.text)
        read = heard(await home.recorded(answer) if spoken else home.recording(answer)).text
        fits = spoken.startswith(read) if fault.name == "endless" else read == spoken
        assert fits, f"{fault.name}: heard {read!r}, not {spoken!r}"
    assert len(llm.requests) - n_before <= fault.n_requests, f"{fault.name}: asked too often"
    run.world.behave()
    await home.speaks("go on", RequestKind.PROMPT)


async def _stop_it(run: Run, home: Home) -> None:
    await asyncio.sleep(run.dice.uniform(0, 1.5))
    began_s = time.monotonic()
    await home.stop()
    await until(lambda: run.world.llm.n_busy == 0, FREE_S)
    run.note("stop to a free slot, ms", (time.monotonic() - began_s) * 1000)


# --- F16 ------------------------------------------------------------------------------------------------

SWAPS_S = (3.5, 4.0, 4.5)
"""A swap takes ten times as long, and ours waits ten times as long for one."""

PROMPTS = 3


@dataclass(frozen=True)
class Swap:
    """How a server behaves while it loads another model."""

    name: str
    steps: Callable[[float], list[Step]]
    """Steps of the answer to the first prompt; the argument is how long the swap takes, in seconds."""
    code: str = ""
    """How the first prompt ends; empty = answered."""
    stopped: bool = False
    """Whether somebody stops waiting."""


def _reply() -> list[Step]:
    return list(say(*words(ANSWER)).steps)


def _thinking(swap_s: float) -> list[Step]:
    """llama-swap reports its loading as thoughts."""
    return [chat(thought="loading"), swap_s / 2, chat(thought="still loading"), swap_s / 2, *_reply()]


SWAPS = (
    Swap("silent", lambda swap_s: [swap_s, *_reply()]),
    Swap("thinking", _thinking),
    Swap("never", lambda swap_s: [End.HANG], "llm_timeout"),
    Swap("stopped", lambda swap_s: [End.HANG], stopped=True),
)


async def f16_swap(run: Run) -> None:
    """A model is swapped in while prompts wait: it takes its time, shows that it loads, or never comes."""
    home = await run.world.home(Kind.SOPRANO)
    swap = SWAPS[run.index % len(SWAPS)]
    run.world.llm.play(Script(swap.steps(run.dice.choice(SWAPS_S))))
    began_s = time.monotonic()
    answers = [await home.ask("go on", RequestKind.PROMPT) for _ in range(PROMPTS)]
    await until(lambda: _model_is(home, NodeState.LOADING), 20)
    run.note("swap to shown, s", time.monotonic() - began_s)
    if swap.stopped:
        await home.stop()
        await until(lambda: run.world.llm.n_busy == 0, FREE_S)
    else:
        said = await asyncio.gather(*(home.heard("go on", answer) for answer in answers))
        codes = [each.code for each in said]
        assert codes == [swap.code, "", ""], f"{swap.name}: ended with {codes}"
    await home.speaks("go on", RequestKind.PROMPT)
    await until(lambda: _model_is(home, NodeState.READY), 20)


def _model_is(home: Home, state: NodeState) -> bool:
    health = home.health("llm_streamer")
    return health is not None and health.state is state
