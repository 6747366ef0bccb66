"""The four stages of the path, written as short as they can be."""

import asyncio
import json
import time
from collections import defaultdict

import aiohttp

from bench.bare.links import Link, Message
from bench.bare.voices import Speak, frames_of
from bus.audio import FRAME_MS

Queues = defaultdict[int, "asyncio.Queue[Message]"]


async def bot(asked: Link, prompts: Link, stops: Link) -> None:
    """Requests in; prompts with the moment of their hand-over out, and stops to the sink."""
    while True:
        message = await asked.receive()
        if "stop" in message:
            await stops.send(message)
        else:
            await prompts.send({**message, "asked_ns": time.monotonic_ns()})


async def llm(url: str, prompts: Link, tokens: Link) -> None:
    """Prompts in, tokens out; each session remembers what was said."""
    histories: defaultdict[int, list[dict[str, str]]] = defaultdict(list)
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as answers:
        while True:
            prompt = await prompts.receive()
            answers.create_task(_answer(http, url, histories[prompt["session"]], prompt, tokens))


async def _answer(
    http: aiohttp.ClientSession, url: str, history: list[dict[str, str]], prompt: Message, tokens: Link
) -> None:
    history.append({"role": "user", "content": prompt.pop("text")})
    said = ""
    body = {"model": "stub", "messages": history, "stream": True}
    async with http.post(f"{url}/v1/chat/completions", json=body) as response:
        async for line in response.content:
            choices = json.loads(line[6:])["choices"] if line.startswith(b"data: {") else ()
            if choices and (text := choices[0]["delta"].get("content")):
                said += text
                await tokens.send({**prompt, "text": text})
    history.append({"role": "assistant", "content": said})
    await tokens.send({**prompt, "text": ""})


async def voice(speak: Speak, tokens: Link, frames: Link) -> None:
    """Tokens in, frames out; one turn at a time in each session."""
    queues: Queues = defaultdict(asyncio.Queue)
    async with asyncio.TaskGroup() as turns:
        while True:
            token = await tokens.receive()
            session = token["session"]
            if session not in queues:
                turns.create_task(_speak(speak, session, queues[session], frames))
            queues[session].put_nowait(token)


async def _speak(speak: Speak, session: int, tokens: "asyncio.Queue[Message]", frames: Link) -> None:
    while True:
        first = await tokens.get()
        about = {key: first[key] for key in ("session", "turn", "asked_ns")}
        tokens.put_nowait(first)  # nothing else waits yet
        async for pcm in frames_of(speak(session, tokens)):
            await frames.send({**about, "pcm": pcm})
        await frames.send({**about, "pcm": b""})


async def sink(frames: Link, stops: Link, reports: Link) -> None:
    """Frames in; each leaves 20 ms after the one before it. Reports each turn with the times."""
    queues: Queues = defaultdict(asyncio.Queue)
    stopped: defaultdict[int, int] = defaultdict(int)

    async def note_stops() -> None:
        while True:
            message = await stops.receive()
            stopped[message["session"]] = message["stop"]

    async with asyncio.TaskGroup() as players:
        players.create_task(note_stops())
        while True:
            frame = await frames.receive()
            session = frame["session"]
            if session not in queues:
                players.create_task(_play(queues[session], stopped, reports))
            queues[session].put_nowait(frame)


async def _play(frames: "asyncio.Queue[Message]", stopped: dict[int, int], reports: Link) -> None:
    loop = asyncio.get_running_loop()
    while True:
        frame = await frames.get()
        times: list[int] = []
        due_s, n_underruns = loop.time(), 0
        while frame["pcm"] and frame["turn"] > stopped[frame["session"]]:
            times.append(time.monotonic_ns())
            due_s += FRAME_MS / 1000
            await asyncio.sleep(due_s - loop.time())
            if frames.empty():
                n_underruns += 1
                frame = await frames.get()
                due_s = loop.time()
            else:
                frame = frames.get_nowait()
        while frame["pcm"]:
            frame = await frames.get()
        about = {key: frame[key] for key in ("session", "turn", "asked_ns")}
        await reports.send({**about, "times": times, "underruns": n_underruns})
