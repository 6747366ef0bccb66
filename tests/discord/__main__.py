"""A Discord as a process: `python -m tests.discord --port 0 --control-port 0 --ca-file ca.pem`.

Prints one line of JSON when it is ready (addresses, token, authority's file), and serves until it is stopped.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from tests.discord import control
from tests.discord.director import Director
from tests.discord.loopback import Loopback


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.discord", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="REST, gateway and files (0 = any)")
    parser.add_argument("--control-port", type=int, default=0, help="the director (0 = any)")
    parser.add_argument(
        "--ca-file", type=Path, required=True, help="where to write the authority's certificate"
    )
    parser.add_argument("--token", default="", help="of the bot Miku (default: a random one)")
    return parser.parse_args()


async def main(options: argparse.Namespace) -> None:
    """Serves until SIGINT or SIGTERM."""
    discord = Loopback()
    discord.authority.write(options.ca_file)
    await discord.start(options.port)
    director = Director(discord).furnish(options.token)
    runner = await control.start(director, options.control_port)
    told = {
        "api_base": discord.api_base,
        "gateway": discord.gateway_url,
        "control": f"http://127.0.0.1:{runner.addresses[0][1]}/",
        "token": director.bots["Miku"].token,
        "ca_file": str(options.ca_file),
    }
    print(json.dumps(told), flush=True)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await runner.cleanup()
    await discord.stop()


if __name__ == "__main__":
    asyncio.run(main(arguments()))
