"""`bus-sniffer VERB [options]`: looks at the bus without touching it."""

import os
import sys

from bus.errors import BusError
from bus.sniffer.arguments import EXIT_BAD, EXIT_FINE, EXIT_USAGE, Failure
from bus.sniffer.command_line import PROGRAM, Command, parse
from bus.sniffer.runner import run_file_verb, run_play, run_verb
from bus.sniffer.screen import Screen
from bus.sniffer.verbs.base import FileVerb, Verb

EXIT_INTERRUPTED = 130
"""As shells say of Ctrl-C; verbs that observe end with a report and their own code instead."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        return _run(parse(sys.argv[1:] if arguments is None else arguments))
    except Failure as error:
        return _fail(str(error), error.exit_code)
    except BusError as error:
        return _fail(str(error), EXIT_USAGE)
    except BrokenPipeError:
        # Whoever read our output has had enough; standard output must not be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FINE
    except OSError as error:
        where = error.filename or "what was written before can be read, but not more"
        return _fail(f"{where}: {error.strerror}", EXIT_BAD)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(command: Command | str) -> int:
    if isinstance(command, str):
        print(command)
        return EXIT_FINE
    verb = command.verb(command.options)
    screen = Screen(as_json=command.options.json)
    if isinstance(verb, FileVerb):
        return run_file_verb(verb, screen)
    if isinstance(verb, Verb):
        return run_verb(verb, screen)
    return run_play(verb, screen)


def _fail(sentence: str, code: int) -> int:
    print(f"{PROGRAM}: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
