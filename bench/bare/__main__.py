"""Runs some of the four stages as a process: `python -m bench.bare PORT LLM_URL TTS_URL STAGE...`.

Stages of one process are joined in memory, those of several by ZeroMQ.
"""

import asyncio
import sys
from contextlib import suppress

import aiohttp
import zmq
import zmq.asyncio

from bench.bare import stages
from bench.bare.links import Link, Memory, Wire
from bench.bare.voices import Sentences, Straight

LINKS: dict[str, tuple[str, str]] = {
    "asked": ("bench", "bot"),
    "prompts": ("bot", "llm"),
    "tokens": ("llm", "voice"),
    "frames": ("voice", "sink"),
    "stops": ("bot", "sink"),
    "reports": ("sink", "bench"),
}
"""Link → writer and reader; its place is its port behind the first one."""


def port_of(link: str, base_port: int) -> int:
    """Port of a link."""
    return base_port + list(LINKS).index(link)


async def main(base_port: int, llm_url: str, tts_url: str, here: list[str]) -> None:
    """Run the stages named in `here` until killed."""
    context = zmq.asyncio.Context()

    def link(name: str) -> Link:
        writer, reader = LINKS[name]
        if writer in here and reader in here:
            return Memory()
        return Wire(context, zmq.PUSH if writer in here else zmq.PULL, port_of(name, base_port))

    links = {name: link(name) for name, ends in LINKS.items() if set(ends) & set(here)}
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as work:
        if "bot" in here:
            work.create_task(stages.bot(links["asked"], links["prompts"], links["stops"]))
        if "llm" in here:
            work.create_task(stages.llm(llm_url, links["prompts"], links["tokens"]))
        if "voice" in here:
            client = Straight(http, tts_url) if tts_url.startswith("ws") else Sentences(context, tts_url)
            work.create_task(stages.voice(client.speak, links["tokens"], links["frames"]))
        if "sink" in here:
            work.create_task(stages.sink(links["frames"], links["stops"], links["reports"]))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
