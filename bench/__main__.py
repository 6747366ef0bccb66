"""Runs benchmarks: `python -m bench` all of them in order, `python -m bench NAME --help` one."""

import argparse
import importlib
import sys

NAMES = ("bus", "latency", "barge_in", "pacing", "sessions", "start", "embedded", "discord")
"""Modules with `options(parser)` and `run(args)`."""


def main(words: list[str]) -> None:
    """Run what is named, or everything."""
    if words and words[0] not in NAMES:
        sys.exit(f"usage: python -m bench [{' | '.join(NAMES)}] [options]")
    name, *rest = words or [""]
    for module_name in [name] if name else NAMES:
        module = importlib.import_module(f"bench.{module_name}")
        parser = argparse.ArgumentParser(prog=f"python -m bench {module_name}", description=module.__doc__)
        module.options(parser)
        module.run(parser.parse_args(rest))


if __name__ == "__main__":
    main(sys.argv[1:])
