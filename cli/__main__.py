"""`miku`: words become a verb. Every failure is one sentence and an exit code."""

import argparse
import asyncio
import difflib
import importlib
import sys
from types import ModuleType

from bus.errors import BadSettings
from cli.called import as_called, command
from cli.refusal import EXIT_INTERRUPTED, EXIT_USAGE, Refusal
from cli.settings_table import read
from cli.stack import Stack
from cli.view import View

EPILOG = """example: ./miku say "Hello"

`./miku bus-sniffer` looks at what the processes say."""

VERBS = ("init", "up", "down", "status", "doctor", "say", "console", "join", "leave", "stop", "link")
"""A verb is a module of `cli/verbs/`: `HELP`, `EXAMPLE`, `arguments(parser)`, `run(stack, view, args)`."""

SNIFFER = "bus-sniffer"
"""A program of its own, in a folder that is in nobody's PATH: `miku bus-sniffer ...` hands over to it."""

NEEDS_NO_STACK = ("init", "doctor")
"""Verbs that work while the settings can't be used: they are how one mends them. `run(view, args)`."""


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == [SNIFFER]:
        return _sniff(words[1:])
    view = View()
    try:
        _offer_nearest(words)
        args = _parser(words).parse_args(words)
        run = _module(args.verb).run
        work = run(view, args) if args.verb in NEEDS_NO_STACK else run(Stack(read()), view, args)
        return int(asyncio.run(work))
    except BadSettings as error:
        view.error(str(error))
        return EXIT_USAGE
    except Refusal as refusal:
        view.error(str(refusal))
        return refusal.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _sniff(words: list[str]) -> int:
    from bus.sniffer.__main__ import main as sniff  # noqa: PLC0415 - nobody else waits for it to load

    return sniff(words)


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"cli.verbs.{verb}")


def _offer_nearest(words: list[str]) -> None:
    """Refuse an unknown verb with the one that was probably meant."""
    if not words or words[0].startswith("-") or words[0] in VERBS:
        return
    near = difflib.get_close_matches(words[0], (*VERBS, SNIFFER), n=1, cutoff=0.5)
    remedy = f"Did you mean `./miku {near[0]}`?" if near else "`./miku --help` lists the verbs."
    raise Refusal(f"There is no verb {words[0]!r}. {remedy}", EXIT_USAGE)


def _parser(words: list[str]) -> argparse.ArgumentParser:
    """The parser of one verb, or of all when help on all is asked for; a verb loads what only it needs."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        command(),
        description="Miku: type, and hear her answer.",
        epilog=as_called(EPILOG),
        formatter_class=plain,
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in VERBS if not words or words[0] not in VERBS else words[:1]:
        module = _module(name)
        verb = verbs.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            epilog=as_called(f"example: ./{module.EXAMPLE}"),
            formatter_class=plain,
        )
        module.arguments(verb)
    return parser


if __name__ == "__main__":
    sys.exit(main())
