"""Checks of the machine: clock and GPU."""

import shutil
import subprocess
import time
from pathlib import Path

from cli.checks.base import Finding, Situation, ok, warn

OLDEST_PLAUSIBLE_S = 1_750_000_000
"""Mid 2025: a clock below this was never set. Turn numbers and recordings use the wall clock."""

ASK_S = 1.5

_ASKS: dict[str, list[str]] = {
    "nvidia-smi": ["--query-gpu=name,memory.free,memory.total", "--format=csv,noheader"],
    "rocm-smi": ["--showproductname", "--showmeminfo", "vram", "--csv"],
}
"""Vendor's tool → words that make it name cards and memory."""


def clock(_: Situation) -> Finding:
    """The wall clock is set."""
    now_s = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now_s))
    if now_s < OLDEST_PLAUSIBLE_S:
        return warn(shown, "The clock of this machine is not set.", "Set it, for instance by NTP.")
    return ok(shown)


def gpu(_: Situation) -> Finding:
    """Cards and free memory; none is fine, the embedded defaults need none."""
    seen = []
    for tool, words in _ASKS.items():
        path = shutil.which(tool)
        if path is None:
            continue
        answer = _ask([path, *words])
        if answer is None:
            return warn(
                f"{tool} fails",
                "The driver does not answer: the card may be lost to this container.",
                "Restart the container or the driver; Miku works without a GPU meanwhile.",
            )
        seen += [line.strip() for line in answer.splitlines() if line.strip()]
    if not seen:
        seen = [f"card by {_vendor(card)}" for card in sorted(Path("/sys/class/drm").glob("card[0-9]"))]
    return ok("; ".join(seen) if seen else "none (not needed by the embedded defaults)")


def _ask(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_S, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _vendor(card: Path) -> str:
    names = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
    try:
        return names.get((card / "device" / "vendor").read_text().strip(), "another maker")
    except OSError:
        return "another maker"
