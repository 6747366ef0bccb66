"""A bus on paper: messages as the sniffer would hear them, and a verb that hears them."""

import json
from typing import Any

from bus import codec
from bus.header import Stamper
from bus.messages import AudioFrame, Health, NodeState, Phase, SessionState, Token, TurnEvent, TurnKind
from bus.sniffer.arguments import UsageError
from bus.sniffer.command_line import Command, parse
from bus.sniffer.output import Line, Output, Table
from bus.sniffer.taps import Tapped, tapped
from bus.sniffer.verbs.base import Verb
from bus.sniffer.watch import Ending, Watch
from bus.testing import FakeClock
from bus.topics import topic
from bus.wire import pack

SESSION = "20261120-173000-a1b2"
TURN = 1_790_000_000_500
SINK = "flow.audio.discord_voice"


class PaperBus:
    """Stamps messages as their writers would."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._stampers: dict[str, Stamper] = {}

    @property
    def now_ns(self) -> int:
        return self.clock.mono_ns()

    def restart(self, src: str) -> None:
        """A new incarnation of a writer."""
        self.clock.advance_ms(1)
        self._stampers[src] = Stamper(src, self.clock)

    def lose(self, name: str, count: int) -> None:
        """Messages that never arrive."""
        for _ in range(count):
            self._stamper(topic(name).writers[0]).stamp(name)

    def heard(
        self, name: str, message: object, session: str = "", turn: int = 0, delay_ms: float = 1.0
    ) -> Tapped:
        """A message, `delay_ms` after it was sent; time goes on by as much."""
        header = self._stamper(topic(name).writers[0]).stamp(name, session, turn)
        parts = pack(name, header, codec.encode(message))
        self.clock.advance_ms(delay_ms)
        return tapped(parts, self.clock.mono_ns(), self.clock.wall_ns())

    def health(self, node: str, state: NodeState = NodeState.READY, **fields: Any) -> Tapped:
        return self.heard(f"report.health.{node}", Health(state, 1, **fields))

    def session(self, phase: Phase = Phase.ACTIVE, **fields: Any) -> Tapped:
        state = SessionState("discord_voice", phase, 1_000, 1, **fields)
        return self.heard("control.session.discord_voice", state, SESSION)

    def milestone(self, node: str, kind: TurnKind, code: str = "", turn: int = TURN) -> Tapped:
        return self.heard(f"report.turn.{node}", TurnEvent(kind, 1.0, code), SESSION, turn)

    def token(self, index: int, text: str, turn: int = TURN) -> Tapped:
        return self.heard("flow.token", Token(index, text), SESSION, turn)

    def frame(
        self, index: int, level: int = 1000, session: str = SESSION, turn: int = TURN, *, is_end: bool = False
    ) -> Tapped:
        """A frame whose every sample is `level`; `is_end`: no sound, the end of its turn."""
        pcm = b"" if is_end else level.to_bytes(2, "little", signed=True) * 960
        return self.heard(SINK, AudioFrame(index, 0, pcm, is_end), session, turn)

    def _stamper(self, src: str) -> Stamper:
        if src not in self._stampers:
            self._stampers[src] = Stamper(src, self.clock)
        return self._stampers[src]


def command(*arguments: object) -> Command:
    """A parsed command line."""
    found = parse([str(argument) for argument in arguments])
    assert isinstance(found, Command), found
    return found


def verb_of(*arguments: object) -> Verb:
    """An observing verb, ready to hear."""
    found = command(*arguments)
    verb = found.verb(found.options)
    assert isinstance(verb, Verb)
    return verb


def refusal(*arguments: object) -> str:
    """The sentence with which a command line is refused."""
    try:
        found = command(*arguments)
        found.verb(found.options)
    except UsageError as error:
        return str(error)
    raise AssertionError(f"{arguments} was accepted")


def lines(outputs: object) -> list[str]:
    """The texts of all lines."""
    return [output.text for output in outputs if isinstance(output, Line)]  # type: ignore[attr-defined]


def rows(outputs: object) -> list[dict[str, Any]]:
    """All rows as `--json` would print them."""
    found: list[dict[str, Any]] = []
    for output in outputs:  # type: ignore[attr-defined]
        found += [output.data] if isinstance(output, Line) else output.rows
    return [json.loads(json.dumps(row)) for row in found]


def table(outputs: object, title: str) -> list[dict[str, Any]]:
    """The rows of the table with that title."""
    (found,) = (output for output in outputs if isinstance(output, Table) and output.title == title)  # type: ignore[attr-defined]
    return list(found.rows)


def run(verb: Verb, messages: list[Tapped], now_ns: int = 0) -> tuple[list[Output], Ending]:
    """Everything a verb shows of these messages, and how it ends."""
    watch = Watch(verb, verb.options)
    shown = [output for message in messages for output in watch.hear(message)]
    return shown, watch.end(now_ns or messages[-1].received_mono_ns)
