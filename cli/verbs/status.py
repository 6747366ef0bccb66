"""`miku status`: what runs, how it is, what is being said."""

import argparse
import asyncio
import json
import time
from dataclasses import asdict, dataclass

from rich.table import Table

from bus import Bus
from bus.errors import CODES
from bus.messages import Health
from bus.topics import NODES
from cli.called import as_called
from cli.link import link
from cli.refusal import EXIT_FAILED, EXIT_OK
from cli.stack import Stack
from cli.view import View

HELP = "show every process, the sessions and the turn"
EXAMPLE = "miku status --json"

LISTEN_S = 1.2
"""Health comes on subscription, and once a second for whoever was just replaced."""

SHOWN_FACTS = 3
"""For people; --json has them all."""


@dataclass(frozen=True)
class Process:
    """One process, as supervisord and the process itself see it."""

    name: str
    alive: bool
    """Whether its health was heard just now."""
    pid: int
    supervisor: str
    state: str
    """What it says of itself; empty when it can't be heard."""
    since_s: int
    code: str
    detail: str
    remedy: str
    facts: dict[str, str]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Words after the verb."""
    parser.add_argument("--json", action="store_true", help="the same as JSON")


async def run(stack: Stack, view: View, args: argparse.Namespace) -> int:
    """Exit code 0 when every process is alive, else 1."""
    async with link(stack) as bus:
        health = await _listen(bus.bus)
        processes = await asyncio.to_thread(_processes, stack, health)
        sessions = [_session(bus.bus, session) for session, _ in bus.bus.sessions()]
    if args.json:
        shown = {"processes": [asdict(p) for p in processes], "sessions": sessions}
        view.line(json.dumps(shown, indent=2))
    else:
        _show(view, processes, sessions)
    return EXIT_OK if all(process.alive for process in processes) else EXIT_FAILED


async def _listen(bus: Bus) -> dict[str, Health]:
    view = bus.follow("report.health.")
    deadline_s = time.monotonic() + LISTEN_S
    while len(view.items()) < len(NODES) and time.monotonic() < deadline_s:
        await asyncio.sleep(0.02)
    return {src: health for src, _, health in view.items()}


def _processes(stack: Stack, health: dict[str, Health]) -> list[Process]:
    infos = {info.program.name: info for info in stack.supervisor.infos()}
    found = []
    for node in NODES:
        info, said = infos.get(node), health.get(node)
        pid = info.program.pid if info else 0
        fresh = said if said is not None and said.pid == pid else None
        code = fresh.code if fresh else ""
        found.append(
            Process(
                name=node,
                alive=fresh is not None,
                pid=pid,
                supervisor=info.program.state if info else "UNKNOWN",
                state=str(fresh.state) if fresh else "",
                since_s=round(info.since_s) if info else 0,
                code=code,
                detail=fresh.detail if fresh else "",
                remedy=CODES[code].remedy if code in CODES else "",
                facts=fresh.facts if fresh else {},
            )
        )
    return found


def _session(bus: Bus, session: str) -> dict[str, object]:
    state = bus.session(session)
    turn = bus.follow("control.turn").get(session)
    return {
        "session": session,
        "sink": state.sink if state else "",
        "phase": str(state.phase) if state else "",
        "turn": turn.active if turn else 0,
    }


def _show(view: View, processes: list[Process], sessions: list[dict[str, object]]) -> None:
    table = Table("process", "pid", "state", "since", "what", box=None, pad_edge=False)
    for process in processes:
        state = process.state or f"silent ({process.supervisor.lower()})"
        said = ". ".join(part.rstrip(".") for part in (process.detail, process.remedy) if part)
        what = as_called(f"{process.code}: {said}" if process.code else said)
        shown = [f"{key} {value}" for key, value in process.facts.items() if key != "invite"]
        facts = ", ".join(shown[:SHOWN_FACTS])
        table.add_row(process.name, str(process.pid or "-"), state, _duration(process.since_s), what or facts)
    view.table(table)
    for session in sessions:
        speaking = "speaking" if session["turn"] else "silent"
        view.line(f"session {session['session']}: {session['phase']} in {session['sink']}, {speaking}")
    invite = next((process.facts["invite"] for process in processes if process.facts.get("invite")), "")
    if not sessions:
        in_discord = ", and so does !miku join in Discord" if invite else ""
        view.line(f'no session: ./miku say "Hello" begins one{in_discord}')
    if invite:
        view.line(f"Invite her into a Discord server: {invite}")


def _duration(seconds: int) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
