"""F19: the disk is full, or takes nothing more; she speaks on, says so, and is well again once it is mended.

A run makes itself a small disk in a mount namespace of its own and plays there as another process; where
the kernel forbids that, the sink and bot_main may write to no file any more (RLIMIT_FSIZE), which looks
much the same to them.
"""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from bus.messages import NodeState
from tests.campaign.campaign import Run
from tests.campaign.home import SINK, Home
from tests.campaign.world import Kind, World
from tests.e2e.sound import samples, seconds
from tests.e2e.stack import ROOT
from tests.waiting import until

DISK = "400m"
MOUNT = 'mount -t tmpfs -o size="$1" none "$2" && shift 2 && exec "$@"'
NAMESPACE = ("unshare", "--mount", "--map-root-user", "sh", "-c", MOUNT, "sh", DISK)

TEXT = "I am still here."

Act = Callable[[], Awaitable[None]]


async def f19_disk(run: Run) -> None:
    """One disk."""
    folder = run.world.new_folder()
    if await asyncio.to_thread(_can_mount, folder):
        await asyncio.to_thread(_play_inside, run, folder)
    else:
        await _play_limited(run)


def _can_mount(folder: Path) -> bool:
    return subprocess.run([*NAMESPACE, str(folder), "true"], capture_output=True, check=False).returncode == 0


def _play_inside(run: Run, folder: Path) -> None:
    kind = ("full", "read-only")[run.index % 2]
    command = [*NAMESPACE, str(folder), sys.executable, "-m", __name__, str(folder), kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{kind}: {done.stderr[-3_000:]}"
    for figure, value in json.loads(done.stdout.splitlines()[-1]).items():
        run.note(figure, value)


async def _play_limited(run: Run) -> None:
    """Those who keep sound and sessions may write to no file."""
    home = await run.world.home(Kind.EMBEDDED)

    def limit(n_bytes: int) -> None:
        for node in (SINK, "bot_main"):
            _, hard = resource.prlimit(home.pid(node), resource.RLIMIT_FSIZE)
            resource.prlimit(home.pid(node), resource.RLIMIT_FSIZE, (n_bytes, hard))

    async def spoil() -> None:
        limit(0)

    async def mend() -> None:
        limit(resource.RLIM_INFINITY)

    try:
        for figure, value in (await trial(home, spoil, mend)).items():
            run.note(figure, value)
    finally:
        await mend()


async def trial(home: Home, spoil: Act, mend: Act) -> dict[str, float]:
    """The story of one disk: a process even dies while it is full. Returns figures."""
    before = await home.speaks(TEXT)
    whole_s = seconds(samples(await home.recorded(before.answer)))
    await spoil()
    began_s = time.monotonic()
    while (code := _code(home)) != "disk_full":
        await home.speaks(TEXT)
        assert not code, f"{SINK} says {code}"
        assert time.monotonic() - began_s < 60, f"nobody says so: {home.states()}"
    shown_s = time.monotonic() - began_s
    victim = home.pid("tts_bridge")
    os.kill(victim, signal.SIGKILL)
    await until(lambda: home.pid("tts_bridge") not in (0, victim), 30)
    await home.speaks_again(TEXT)
    await mend()
    began_s = time.monotonic()
    after = await home.speaks(TEXT)
    assert seconds(samples(await home.recorded(after.answer))) == whole_s
    await home.well()
    await until(lambda: not any(h.code for _, _, h in home.link.health.items()), 30)
    return {"full to shown, s": shown_s, "mended to well, s": time.monotonic() - began_s}


def _code(home: Home) -> str:
    health = home.health(SINK)
    return health.code if health and health.state is NodeState.DEGRADED else ""


# --- inside the namespace -------------------------------------------------------------------------------


async def _play(folder: Path, kind: str) -> dict[str, float]:
    filler = folder / "filler"

    async def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(4096))

    async def forbid() -> None:
        _run("mount", "--bind", recordings, recordings)
        _run("mount", "-o", "remount,bind,ro", recordings)

    async def allow() -> None:
        _run("umount", recordings)

    async def free() -> None:
        os.unlink(filler)

    acts = {"full": (fill, free), "read-only": (forbid, allow)}[kind]
    async with World(folder) as world, Home.opened(world.new_stack(**world.settings(Kind.EMBEDDED))) as home:
        recordings = str(home.stack.state_path / "recordings")
        await home.well()
        return await trial(home, *acts)


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_play(Path(sys.argv[1]), sys.argv[2]))))
