"""A person at the page: what they do, and what their browser has heard. Used by tests and pictures."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bus.keys import KeyRing
from procs.web_gateway.core.access import link_token
from tests.browser.chromium import Page
from tests.doubles.tone_voice import ToneVoice
from tests.e2e.doubles import double
from tests.e2e.stack import Stack
from tests.ports import free_base_port

SYMBOL_MS = 30
VOICE = ToneVoice(symbol_ms=SYMBOL_MS)
REPLY = (
    "the quick brown fox jumps over the lazy dog, and runs. now it sleeps under an old tree! "
    "does it dream of the dog? nobody knows, but all wonder."
)

TAP = """
window.tap = { frames: [], played: [] };
const post = MessagePort.prototype.postMessage;
MessagePort.prototype.postMessage = function (message, ...rest) {
  if (message?.kind === "frame")
    tap.frames.push(
      { turn: message.turn, at: message.positionMs, samples: new Uint8Array(message.samples.slice(0)) });
  if (message?.kind === "flush") tap.frames.push({ turn: 0, at: 0, samples: new Uint8Array(0) });
  return post.call(this, message, ...rest);
};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === "string" && data.includes("output.audio.played")) {
    const { turn_id: turn, position_ms: at } = JSON.parse(data);
    const heard = document.querySelector(`li[data-turn="${turn}"] .heard`).textContent;
    tap.played.push({ turn, at, heard });
  }
  return send.call(this, data);
};
"""
"""Keeps what the page hands to its audio worklet, and what stood in the captions at each position it told."""

FRAMES = """
JSON.stringify(tap.frames.map(({ turn, at, samples }) => {
  let text = ""; for (const byte of samples) text += String.fromCharCode(byte);
  return [turn, at, btoa(text)]; }))
"""

LAST = "li.miku:last-child"


@dataclass(frozen=True)
class Frame:
    """What reached the worklet; turn 0 is a flush."""

    turn: int
    at_ms: int
    samples: NDArray[np.int16]


@contextmanager
def house(folder: Path, **settings: str) -> Iterator[Stack]:
    """A stack whose model always gives the same reply, and whose voice is tones."""
    voice = ("--symbol-ms", str(SYMBOL_MS), "--port", str(free_base_port()))
    with (
        double("soprano", *voice) as voice_url,
        double("llm", "--text", REPLY) as llm_url,
        Stack(folder, MIKU_TTS__SOPRANO_URL=voice_url, MIKU_LLM__BASE_URL=llm_url, **settings) as stack,
    ):
        yield stack


def page_port(stack: Stack) -> int:
    """Where the page of a stack is."""
    return stack.base_port + 32


def link(stack: Stack, port: int) -> str:
    """A fresh link to the page."""
    secret = KeyRing.load(stack.state_path).token("web_gateway")
    token = link_token(secret, int(time.time() * 1000), secrets.token_hex(8))
    return f"http://127.0.0.1:{port}/?token={token}"


async def frames(page: Page) -> list[Frame]:
    """Everything that reached the worklet, in order."""
    rows = json.loads(await page.run(FRAMES))
    return [Frame(turn, at, np.frombuffer(base64.b64decode(pcm), np.int16)) for turn, at, pcm in rows]


def sound(some: list[Frame], turn: int) -> NDArray[np.int16]:
    """The sound of a turn by position: what came twice counts once."""
    by_position = {frame.at_ms: frame.samples for frame in some if frame.turn == turn}
    return np.concatenate([by_position[at] for at in sorted(by_position)] or [np.zeros(0, np.int16)])


def letters(text: str) -> str:
    """What counts of a text: pauses and punctuation are the voice's own matter."""
    return "".join(char for char in text if char.isalpha())


async def enter(page: Page, stack: Stack, port: int = 0) -> None:
    """Open a fresh link and join."""
    await page.open(link(stack, port or page_port(stack)))
    await page.until("document.querySelector('#processes li')")
    await page.click("#join")
    await page.until("state.textContent === 'listening' && !text.disabled")


async def ask(page: Page, text: str = "hello") -> None:
    """Type a prompt and send it."""
    await page.click("#text")
    await page.type(text)
    await page.press("Enter")


async def newest_turn(page: Page) -> int:
    """The turn that is shown last."""
    return int(await page.until(f"document.querySelector('{LAST}')?.dataset.turn"))


async def heard_whole(page: Page, turn: int) -> None:
    """Wait until a turn was heard to its end."""
    await page.until(f"document.querySelector('li[data-turn=\"{turn}\"]')?.dataset.outcome === 'done'", 30)


async def leave(page: Page) -> None:
    """Hang up, and wait until it is done."""
    await page.click("#leave")
    await page.until("state.textContent === 'idle' && !join.hidden")
