"""What a ComfyUI server says, read with distrust. Pure.

Details of faults go to the log, so they are made of names alone: the server's words may repeat the prompt.

Sources: ComfyUI's `server.py`, `execution.py` and its page on WebSocket messages. The shapes are those of
its answers to POST /prompt, GET /queue, GET /history/{id}, GET /object_info/{class} and of its events.
"""

from dataclasses import dataclass
from typing import Any

from bus.foreign_json import read_json

DETAIL_CHARS = 200


@dataclass(frozen=True)
class Output:
    """A file that a run has made."""

    filename: str
    subfolder: str
    type: str
    """`output` or `temp`: the folder it lies in."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    output: Output | None = None
    code: str = ""
    """Error code if there is no picture."""
    detail: str = ""


@dataclass(frozen=True)
class Event:
    """What one event says about our run."""

    is_over: bool = False
    """Nothing more comes; the history has the outcome."""
    percent: int | None = None
    is_working: bool = False
    """It is this run's turn."""
    failure: Outcome | None = None


def as_json(body: bytes | str) -> Any:
    """A JSON value, None for anything else."""
    try:
        return read_json(body)
    except ValueError:
        return None


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Foreign text for the log: one short line."""
    return " ".join(str(value if value is not None else "").split())[:DETAIL_CHARS]


def accepted(answer: object) -> str:
    """Id of the run that POST /prompt has begun; empty if the answer has none."""
    run = _table(answer).get("prompt_id")
    return run if isinstance(run, str) else ""


def refusal(status: int, answer: object) -> Outcome:
    """Why POST /prompt refused: the first fault of a node, else the error itself."""
    table = _table(answer)
    for node, found in _table(table.get("node_errors")).items():
        for fault in _list(_table(found).get("errors")):
            name = _table(_table(fault).get("extra_info")).get("input_name", "")
            words = f"{_table(fault).get('type', '')} {name}"
            kind = _table(found).get("class_type", "")
            return Outcome(code="drawing_refused", detail=_text(f"node {node} ({kind}): {words}"))
    words = _table(table.get("error")).get("type", "")
    code = "drawing_refused" if status == 400 else "drawing_failed"
    return Outcome(code=code, detail=_text(f"status {status} {words or ''}"))


def place(queue: object, run: str) -> int | None:
    """Runs before ours in GET /queue: 0 = it is at work, None = it is not there."""
    table = _table(queue)
    running = [entry for entry in _list(table.get("queue_running")) if _is_entry(entry)]
    if any(entry[1] == run for entry in running):
        return 0
    # What waits comes as a heap: only its numbers tell the order.
    waiting = sorted((entry for entry in _list(table.get("queue_pending")) if _is_entry(entry)), key=_number)
    for index, entry in enumerate(waiting):
        if entry[1] == run:
            return len(running) + index
    return None


def run_of(queue: object, client: str) -> str:
    """Id of the run in GET /queue that a client has begun, by the client's id; empty = none is there."""
    table = _table(queue)
    for entry in (*_list(table.get("queue_running")), *_list(table.get("queue_pending"))):
        if _is_entry(entry) and len(entry) > 3 and _table(entry[3]).get("client_id") == client:
            return entry[1] if isinstance(entry[1], str) else ""
    return ""


def _is_entry(entry: object) -> bool:
    return isinstance(entry, list) and len(entry) > 1 and isinstance(entry[0], int | float)


def _number(entry: list[Any]) -> float:
    return float(entry[0])


def event(text: bytes | str, run: str) -> Event:
    """What an event says about a run; an event of another kind or run says nothing."""
    message = _table(as_json(text))
    data = _table(message.get("data"))
    if data.get("prompt_id") != run:
        return Event()
    kind = message.get("type")
    if kind == "execution_error":
        return Event(failure=_failure(data))
    is_over = kind in ("execution_success", "execution_interrupted")
    is_over = is_over or (kind == "executing" and data.get("node") is None)
    is_working = kind in ("executing", "execution_start", "execution_cached", "progress")
    return Event(is_over, _percent(data) if kind == "progress" else None, is_working)


def _percent(data: dict[str, Any]) -> int | None:
    value, most = data.get("value"), data.get("max")
    if isinstance(value, int | float) and isinstance(most, int | float) and 0 <= value <= most and most > 0:
        return int(100 * value / most)
    return None


def _failure(data: dict[str, Any]) -> Outcome:
    kind, words = _text(data.get("exception_type")), _text(data.get("exception_message"))
    no_memory = "outofmemory" in kind.lower() or "out of memory" in words.lower()
    detail = _text(f"{data.get('node_type', '')}: {kind}")
    return Outcome(code="drawing_no_memory" if no_memory else "drawing_failed", detail=detail)


def outcome(history: object, run: str) -> Outcome | None:
    """What became of a run by GET /history/{id}; None = it is not over."""
    if run not in _table(history):
        return None
    entry = _table(_table(history)[run])
    for output in _table(entry.get("outputs")).values():
        for image in _list(_table(output).get("images")):
            told = _table(image)
            name, folder, kind = (told.get(key, "") for key in ("filename", "subfolder", "type"))
            if isinstance(name, str) and name and isinstance(folder, str) and kind == "output":
                return Outcome(Output(name, folder, kind))
    status = _table(entry.get("status"))
    for message in _list(status.get("messages")):
        if isinstance(message, list) and len(message) == 2 and message[0] == "execution_error":
            return _failure(_table(message[1]))
    return Outcome(code="drawing_failed", detail=_text(f"no picture; status {status.get('status_str', '')}"))


def first_checkpoint(info: object) -> str:
    """First model that GET /object_info/CheckpointLoaderSimple lists, in either of its two shapes."""
    loader = _table(_table(info).get("CheckpointLoaderSimple"))
    choice = _list(_table(_table(loader.get("input")).get("required")).get("ckpt_name"))
    names = _list(choice[0]) if choice else []
    if len(choice) > 1 and not names:
        names = _list(_table(choice[1]).get("options"))
    return next((name for name in names if isinstance(name, str) and name), "")


ENDINGS = ((b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg"), (b"RIFF", ".webp"), (b"GIF8", ".gif"))


def picture_name(data: bytes) -> str:
    """A file name of ours for what came, by its content; empty = it is no picture."""
    return next((f"drawing{ending}" for head, ending in ENDINGS if data.startswith(head)), "")
