"""What processes cost: CPU time and memory of their own."""

from collections.abc import Iterable
from dataclasses import dataclass

import psutil

MIB = 1024 * 1024


@dataclass(frozen=True)
class Cost:
    """Of some processes together."""

    cpu_s: float
    """User and system time since they started."""
    uss_mib: float
    """Memory that would be free if they ended."""


def cost(processes: Iterable[psutil.Process]) -> Cost:
    """What they have cost until now."""
    cpu_s = uss = 0.0
    for process in processes:
        cpu_s += cpu_seconds(process)
        uss += process.memory_full_info().uss
    return Cost(cpu_s, uss / MIB)


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of one process since it started."""
    times = process.cpu_times()
    return float(times.user + times.system)
