"""The floor of any pacing: a process that only wakes each 20 ms. `python -m bench.sleeper SECONDS`."""

import json
import sys
import time

from procs.sink.core.pacing import FrameClock, PaceMeter


def main(seconds: float) -> None:
    """Print the figures as the sink gives them to health."""
    clock, meter = FrameClock(), PaceMeter()
    until_ns = time.monotonic_ns() + int(seconds * 1e9)
    while (now_ns := time.monotonic_ns()) < until_ns:
        clock.left(now_ns)
        meter.left(now_ns)
        time.sleep(max(0, clock.due_ns() - time.monotonic_ns()) / 1e9)
    print(json.dumps(meter.facts()))


if __name__ == "__main__":
    main(float(sys.argv[1]))
