"""The import rule of the house, read from the sources; `docs/developing.md` explains it."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.topics import SINKS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
STDLIB = set(sys.stdlib_module_names)
CLOCKS = {"asyncio", "time", "threading", "logging", "socket", "selectors", "subprocess"}
PURE_BUS = {"bus.messages", "bus.audio", "bus.errors", "bus.foreign_json"}


@dataclass(frozen=True)
class Rule:
    """What a room may import: standard library without clocks and I/O, or all of it; these packages."""

    clocks: bool
    foreign: frozenset[str]
    ours: tuple[str, ...]


def rule(path: Path) -> Rule | None:  # noqa: PLR0911 - a table in the form of a match
    """The rule of a file, by its place; None where anything goes."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    match parts:
        case ("bus", "codec"):
            return Rule(False, frozenset({"msgpack"}), ("bus.errors",))
        case ("bus", "sockets" | "keys"):
            return Rule(True, frozenset({"zmq"}), ("bus",))
        case ("bus", "runtime"):
            return Rule(True, frozenset({"setproctitle"}), ("bus",))
        case (
            "bus",
            "level" | "floor" | "stats" | "wire" | "topics" | "messages" | "header" | "audio" | "errors",
        ):
            return Rule(False, frozenset(), ("bus",))
        case ("bus", "sniffer", *_):
            return Rule(True, frozenset({"mcap", "rich"}), ("bus",))
        case ("bus", *_):
            return Rule(True, frozenset(), ("bus",))
        case ("procs", "sink", "core", *_):
            return Rule(False, frozenset({"numpy"}), ("procs.sink.core", *PURE_BUS))
        case ("procs", "sink", *_):  # what every sink is made of; it names none of them
            return Rule(True, frozenset(), ("procs.sink", "bus"))
        case ("procs", node, "core", *_):
            return Rule(False, frozenset({"numpy"}), (f"procs.{node}.core", *PURE_BUS))
        case ("procs", node, "backends", *_):
            own = (f"procs.{node}.core", f"procs.{node}.backends", *sink_rooms(node), *PURE_BUS)
            return Rule(True, frozenset(FOREIGN.get(node, ())), own)
        case ("procs", node, "__main__" | "parts"):
            return Rule(True, frozenset(), (f"procs.{node}", *sink_rooms(node), "bus"))
        case ("procs", node, *_):  # app.py and what it is split into: backends by their protocol only
            home = ROOT / "procs" / node
            shells = [
                p.stem for p in home.iterdir() if p.stem not in ("__main__", "parts", "core", "backends")
            ]
            bases = [f"backends.{p.stem}" for p in home.glob("backends/base*.py")]
            own = ("core", *bases, *shells)
            rooms = (f"procs.{node}.{room}" for room in own)
            return Rule(True, frozenset(), (*rooms, *sink_rooms(node), "bus"))
    return None


def sink_rooms(node: str) -> tuple[str, ...]:
    """What all sinks are made of is open to those nodes that are one."""
    return ("procs.sink",) if node in SINKS else ()


FOREIGN = {
    "llm_streamer": {"aiohttp"},
    "llm_server": {"xllamacpp"},
    "tts_bridge": {"aiohttp", "websockets", "zmq", "av", "numpy"},
    "tts_server": {"espeakng_loader", "zmq", "numpy", "soprano", "torch"},
    "discord_voice": {"numpy", "discord", "nacl", "av", "aiohttp"},
    "web_gateway": {"numpy", "aiohttp", "aiortc", "av", "jwt", "prometheus_client"},
    "bot_main": {"discord", "aiohttp", "apscheduler", "PIL", "av", "defusedxml", "yarl"},
    "guardian": {"supervisor"},
}
"""Which foreign libraries a node's backends adapt."""


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def offence(path: Path, name: str) -> str | None:
    found = rule(path)
    if found is None:
        return None
    top = name.partition(".")[0]
    if top in ("bus", "procs", "cli", "tests", "bench"):
        fine = any(name == ours or name.startswith(f"{ours}.") for ours in found.ours)
    elif top in STDLIB:
        fine = found.clocks or top not in CLOCKS
    else:
        fine = top in found.foreign
    return None if fine else f"{path.relative_to(ROOT)} imports {name}"


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_every_room_imports_only_what_it_may():
    offences = [offence(path, name) for path in sources("bus", "procs") for name in imports(path)]
    assert [o for o in offences if o] == []


def test_the_rule_finds_what_it_forbids():
    core, app = ROOT / "procs/bot_main/core/turns.py", ROOT / "procs/bot_main/app.py"
    assert offence(core, "asyncio")
    assert offence(core, "procs.llm_streamer.core.sse")
    assert offence(core, "bus.node")
    assert offence(app, "procs.bot_main.backends.store_sqlite")
    assert offence(app, "zmq")
    assert offence(ROOT / "bus/level.py", "procs.bot_main.app")
    assert not offence(core, "bus.messages.Prompt")


FORBIDDEN = {"pickle", "marshal", "dill", "shelve", "yaml", "msgpack_numpy"}
CALLS = {"eval", "exec", "recv_pyobj", "send_pyobj"}


def test_nothing_that_runs_foreign_data_is_used():
    hits = []
    for path in sources("bus", "procs", "cli"):
        hits += [f"{path}: {n}" for n in imports(path) if n.partition(".")[0] in FORBIDDEN]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                shell = [k for k in node.keywords if k.arg == "shell"]
                hits += [f"{path}:{node.lineno} {called}"] if called in CALLS or shell else []
    assert hits == []


OWN_JSON = {
    "bus/foreign_json.py",
    "bus/keys.py",
    "cli/stack.py",
    "procs/bot_main/backends/discord_posts.py",
    "procs/bot_main/backends/documents_sqlite.py",
    "procs/bot_main/backends/queue_sqlite.py",
    "procs/bot_main/backends/store_sqlite.py",
    "procs/llm_server/backends/llama_child.py",
}
"""What reads JSON that we wrote, and the reader of all other."""


def test_json_of_strangers_has_one_reader():
    """`json.loads` and a body's `json()` go as deep as the stack; `read_json` has a limit."""
    readers = set()
    for path in sources("bus", "procs", "cli"):
        for node in ast.walk(ast.parse(path.read_text())):
            called = node.func if isinstance(node, ast.Call) else None
            is_body = isinstance(called, ast.Attribute) and called.attr == "json"
            if is_body or (
                isinstance(node, ast.Attribute) and ast.unparse(node) in ("json.loads", "json.load")
            ):
                readers.add(str(path.relative_to(ROOT)))
    assert readers == OWN_JSON


def test_rooms_stay_small():
    """A function has 60 lines at most, a file 500: beyond that it is no longer one room."""
    too_long = []
    for path in sources("bus", "procs", "cli"):
        text = path.read_text()
        too_long += [f"{path}: {n} lines"] if (n := text.count("\n")) > 500 else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                n_lines = (node.end_lineno or 0) - node.lineno + 1
                too_long += [f"{path}:{node.lineno} {node.name} {n_lines}"] if n_lines > 60 else []
    assert too_long == []
