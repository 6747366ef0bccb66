"""A person speaks: sound to Opus, encrypted twice, to every bot in the channel, one packet each 20 ms."""

import asyncio
import struct

import numpy as np

from tests.discord.voice.heard import SILENCE, SILENCES_AT_END, Samples
from tests.discord.voice.opus import FRAME_SAMPLES, Encoder
from tests.discord.voice.rtp import VOICE
from tests.discord.voice.switchboard import Switchboard
from tests.discord.world.model import User

FRAME_S = 0.02
SSRC_OF_PEOPLE = 500_000
"""Far from those of bots."""


async def speak(switchboard: Switchboard, user: User, samples: Samples) -> None:
    """`samples`: 48 kHz mono, any length; the last frame is filled up with silence."""
    room = next(room for room in switchboard.rooms if user.id in room.listeners)
    listener = room.listeners[user.id]
    encoder = Encoder()
    padded = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))
    frames = [encoder.encode(frame) for frame in padded.reshape(-1, FRAME_SAMPLES)]
    ssrc = SSRC_OF_PEOPLE + user.id % SSRC_OF_PEOPLE
    room.speaking(user.id, ssrc, 1)
    loop = asyncio.get_running_loop()
    start = loop.time()
    for number, frame in enumerate([*frames, *[SILENCE] * SILENCES_AT_END]):
        await asyncio.sleep(start + number * FRAME_S - loop.time())
        listener.sequence = (listener.sequence + 1) & 0xFFFF
        timestamp = listener.sequence * FRAME_SAMPLES
        header = struct.pack(">BBHII", 0x80, VOICE, listener.sequence, timestamp, ssrc)
        payload = frame if frame == SILENCE else listener.encrypt(frame)
        for client in list(room.clients.values()):
            client.send_packet(header, payload)
