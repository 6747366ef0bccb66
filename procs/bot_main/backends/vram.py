"""Graphics memory as this machine tells it: nvidia-smi, the kernel's files of amdgpu, rocm-smi.

What is not there tells nothing, and that is no error. Each tool gets a bounded time and is killed after it.
"""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from procs.bot_main.core.gpu_plan import Card, amd_cards, parse_nvidia, parse_rocm

TOOL_S = 2.0
OUTPUT_LIMIT_BYTES = 64 * 1024

NVIDIA = ("nvidia-smi", "--query-gpu=index,memory.total,memory.free", "--format=csv,noheader,nounits")
ROCM = ("rocm-smi", "--showmeminfo", "vram", "--json")


class Vram:
    """Implements `VramMeter`.

    Args:
        drm: the kernel's folder of graphics cards.
        path: folders in which the tools are looked for; None = `PATH`.
    """

    def __init__(self, drm: Path = Path("/sys/class/drm"), path: str | None = None) -> None:
        self._drm = drm
        self._path = path

    async def read(self) -> Sequence[Card]:
        """See `VramMeter.read`."""
        nvidia, amd = await asyncio.gather(self._output(NVIDIA), self._amd())
        return (*parse_nvidia(nvidia), *amd)

    async def _amd(self) -> list[Card]:
        return amd_cards(kernel_figures(self._drm)) or parse_rocm(await self._output(ROCM))

    async def _output(self, command: Sequence[str]) -> str:
        """What a tool prints, empty if it is absent, fails, or takes too long."""
        tool = shutil.which(command[0], path=self._path)
        if tool is None:
            return ""
        try:
            process = await asyncio.create_subprocess_exec(
                tool, *command[1:], stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, limit=OUTPUT_LIMIT_BYTES
            )
        except OSError:
            return ""
        try:
            async with asyncio.timeout(TOOL_S):
                assert process.stdout is not None
                text = bytearray()
                while len(text) < OUTPUT_LIMIT_BYTES and (chunk := await process.stdout.read(4096)):
                    text += chunk
                return text.decode(errors="replace") if await process.wait() == 0 else ""
        except TimeoutError:
            return ""
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def kernel_figures(drm: Path) -> list[tuple[int, int]]:
    """(total, used) bytes of every card of which the kernel tells them, in its order."""
    found = []
    cards = [one for one in drm.glob("card*") if one.name.removeprefix("card").isdigit()]
    for card in sorted(cards, key=lambda one: int(one.name.removeprefix("card"))):
        with suppress(OSError, ValueError):
            total, used = (
                int((card / "device" / f"mem_info_vram_{what}").read_text()) for what in ("total", "used")
            )
            found.append((total, used))
    return found
