"""Handing over: prompts that can't be answered aloud go to the text features, and are answered in writing.

A prompt stays in its session's record until the other side has it on disk, and that takes each message once:
so a process that is killed in between neither loses one nor answers it twice.
"""

import asyncio

from procs.bot_main.core.chat import Incoming, Person
from procs.bot_main.core.running import Asked
from procs.bot_main.household import House
from procs.bot_main.prompting import message_id
from procs.bot_main.sessions import Sessions

LOOK_S = 0.25
"""Between two looks at what is owed."""


async def hand_over(sessions: Sessions, house: House) -> None:
    """Do so whenever something is owed, until cancelled."""
    while True:
        await sessions.some()
        for conversation in sessions.all:
            owed = conversation.owed
            guild_id = conversation.intent.guild_id
            if owed and await house.take_over([_message(asked, guild_id) for asked in owed]):
                sessions.repay(conversation, {asked.request for asked in owed})
        await asyncio.sleep(LOOK_S)


def _message(asked: Asked, guild_id: int) -> Incoming:
    """The message that a prompt came by, as far as it is known; a turn's number is when it was accepted."""
    id_, author = message_id(asked.request), Person(asked.person, asked.user)
    return Incoming(id_, guild_id, asked.channel_id, author, asked.text, asked.turn, is_addressed=True)
