"""The command line: which verb, with which options. Pure."""

import argparse
from dataclasses import dataclass

from bus.sniffer.arguments import Parser, UsageError, nearest, positive, seconds
from bus.sniffer.verbs import VERBS, AnyVerb
from bus.sniffer.verbs.base import FileVerb, Verb

PROGRAM = "bus-sniffer"

EXIT_CODES = (
    "Exit codes: 0 fine; 1 an expectation was not met, or something is stale, missing or damaged;\n"
    "2 no node answers; 64 wrong usage."
)


@dataclass(frozen=True)
class Command:
    """What was asked for."""

    verb: AnyVerb
    options: argparse.Namespace


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help of the same shape on every terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=100)


def parse(arguments: list[str]) -> Command | str:
    """A command, or the help that was asked for.

    Raises:
        UsageError: neither; one sentence with the remedy.
    """
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return overview()
    name, *rest = arguments
    if name not in VERBS:
        raise UsageError(f"no verb {name!r}; {nearest(name, VERBS)}")
    parser = parser_of(VERBS[name])
    if "-h" in rest or "--help" in rest:
        return parser.format_help()
    return Command(VERBS[name], parser.parse_args(rest))


def overview() -> str:
    """All verbs at a glance."""
    verbs = "\n".join(f"  {name:<14} {verb.summary}" for name, verb in VERBS.items())
    return (
        f"usage: {PROGRAM} VERB [options]\n\n"
        "Looks at Miku's bus without touching it. What people say stays hidden unless --show-content.\n\n"
        f"{verbs}\n\n{PROGRAM} VERB --help shows a verb's options.\n{EXIT_CODES}\n"
    )


def parser_of(verb: AnyVerb) -> argparse.ArgumentParser:
    """A verb's parser: its own arguments, then those of all verbs of its sort."""
    parser = Parser(
        prog=f"{PROGRAM} {verb.name}",
        description=verb.summary[0].upper() + verb.summary[1:] + ".",
        epilog=f"example: {verb.example}\n{EXIT_CODES}",
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    verb.arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    if issubclass(verb, FileVerb | Verb):
        parser.add_argument("--show-content", action="store_true", help="show or keep what people said")
    if issubclass(verb, Verb):
        _add_watching(parser)
    return parser


def _add_watching(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="one line, or one look of 2 s, then end")
    parser.add_argument("--count", type=positive, metavar="N", help="end after N lines or reports")
    parser.add_argument("--for", type=seconds, dest="for_s", metavar="10s", help="end after this time")
    parser.add_argument(
        "--expect", action="append", default=[], metavar="'TOPIC hz>=49'",
        help="exit code 1 unless met; metrics: hz bw count age_ms gaps delay_p99_ms",
    )  # fmt: skip
    parser.add_argument(
        "--wait", type=seconds, default=3.0, dest="wait_s", metavar="3s", help="for the first node (3s)"
    )
    parser.add_argument("--from", dest="recording", metavar="FILE.mcap", help="a recording, not the bus")
