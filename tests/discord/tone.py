"""Sounds that tests play into voice channels, and what is in the sound that comes out."""

import asyncio
import io

import discord
import numpy as np

from tests.discord.voice import opus
from tests.discord.voice.heard import Samples

RATE_HZ = 48_000


def tone(hz: float, seconds: float) -> Samples:
    """A sine, 48 kHz mono."""
    t = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    return np.asarray(10_000 * np.sin(2 * np.pi * hz * t), np.int16)


def pitch_hz(samples: Samples) -> float:
    """The strongest frequency, without the first and last 60 ms; resolution about 1 / length."""
    middle = samples[2_880:-2_880].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum)) * RATE_HZ / len(middle)


async def play(voice: discord.VoiceClient, samples: Samples) -> None:
    """Plays with the library's own player until it has ended."""
    opus.load()
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    source = discord.PCMAudio(io.BytesIO(np.repeat(samples, 2).tobytes()))
    voice.play(source, after=lambda _: loop.call_soon_threadsafe(ended.set))
    await ended.wait()
