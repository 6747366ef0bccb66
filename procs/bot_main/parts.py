"""What a bot in Discord is made of, chosen by the settings. Loaded only where a token is set.

Discord's library and the services of the features take a second to load, which a stack without them spares.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from bus import Bus
from bus.errors import BadSettings
from procs.bot_main.app import ChatSide
from procs.bot_main.backends.attachments import HttpAttachments
from procs.bot_main.backends.base_feed import Feed
from procs.bot_main.backends.base_images import Attachments, Painter, VisionModel
from procs.bot_main.backends.base_pictures import Pictures
from procs.bot_main.backends.base_schedule import Scheduler
from procs.bot_main.backends.comfyui import ComfyUi
from procs.bot_main.backends.completions import Completions
from procs.bot_main.backends.discord_bot import DiscordChat
from procs.bot_main.backends.documents_sqlite import SqliteDocuments
from procs.bot_main.backends.feed_http import FeedHttp
from procs.bot_main.backends.pictures_folder import PicturesFolder
from procs.bot_main.backends.queue_sqlite import SqliteQueue
from procs.bot_main.backends.scheduler import ApScheduler
from procs.bot_main.backends.workflow_file import read_workflow
from procs.bot_main.config import Config, DiscordSettings
from procs.bot_main.core.chat import Incoming
from procs.bot_main.core.commands import line_of, row_of, slash_commands, words_of
from procs.bot_main.core.links import JOINS
from procs.bot_main.core.personas import Personas
from procs.bot_main.features.base import Kit
from procs.bot_main.gate import SessionGate
from procs.bot_main.gpu import GpuPlan
from procs.bot_main.health import HealthBoard
from procs.bot_main.house import House
from procs.bot_main.inbox import Inbox
from procs.bot_main.shelf import Shelf


def chat_side(bus: Bus, config: Config, personas: Personas, spoken: Completions, gpu: GpuPlan) -> ChatSide:
    """The bot in Discord.

    Args:
        spoken: the model that speaks, for written answers without a server of their own.

    Raises:
        BadSettings: a setting can't be used.
    """
    joins_per_minute = _joins_per_minute(config.discord)
    discord, text, health = config.discord, config.text, HealthBoard(bus)
    commands = slash_commands()
    chat = DiscordChat(discord.token, discord.api_base, discord.ca_file, config.bot.name, commands=commands)
    shelf = Shelf(bus, SqliteDocuments(config.base.state_path / "shelf.db"), health)
    written = (
        Completions(text.base_url, text.model, text.api_key, text.timeout_s) if text.base_url else spoken
    )
    offered = services(config)

    async def open_house(tasks: asyncio.TaskGroup, gate: SessionGate) -> House:
        store = SqliteQueue(config.base.state_path / "queue.db")
        inbox = Inbox(bus, chat, store, text.queue_limit, text.queue_per_user, health)
        await inbox.load()
        kit = Kit(bus, chat, gate, shelf, written, offered, sections(config, personas), config.bot.name)
        is_command, words = _is_command(discord.prefix), partial(words_of, prefix=discord.prefix)
        return House(kit, inbox, _owner, is_command, gpu.lines, words=words)

    zone = config.schedule.timezone
    closing = tuple(each.close for each in (written, *offered.values()) if hasattr(each, "close"))
    return ChatSide(
        chat,
        shelf,
        discord.prefix,
        joins_per_minute,
        open_house,
        personas,
        zone,
        closing,
        health,
    )


def _joins_per_minute(discord: DiscordSettings) -> int:
    """How often she may join; what Discord itself allows is not published."""
    if discord.joins_per_minute > JOINS and not discord.api_base:
        raise BadSettings(
            f"discord.joins_per_minute is {discord.joins_per_minute}: lower it to at most {JOINS}. "
            "More are for a Discord of one's own (discord.api_base)."
        )
    return discord.joins_per_minute


def services(config: Config) -> dict[type, Any]:
    """Protocol → what implements it; a feature whose service is not set says so by itself."""
    vision, drawing = config.vision, config.drawing
    found: dict[type, Any] = {
        Attachments: HttpAttachments(vision.attachment_hosts, config.discord.ca_file),
        Scheduler: ApScheduler(),
    }
    if vision.base_url:
        found[VisionModel] = Completions(vision.base_url, vision.model, vision.api_key)
    if drawing.base_url:
        workflow = read_workflow(drawing.workflow_file)
        found[Painter] = ComfyUi(drawing.base_url, workflow, drawing.checkpoint, drawing.time_limit_s)
    if config.pictures.folder:
        found[Pictures] = PicturesFolder(config.pictures.folder_path)
    if config.figurines.feed_url:
        found[Feed] = FeedHttp(config.figurines.feed_url)
    return found


def sections(config: Config, personas: Personas) -> dict[type, Any]:
    """Section class → its values, for the features."""
    values = (
        config.text, config.vision, config.drawing, config.bipolar, config.pictures, config.autonomous,
        config.schedule, config.figurines, personas,
    )  # fmt: skip
    return {type(value): value for value in values}


def _owner(command: str) -> str:
    row = row_of(command)
    assert row is not None, command
    return row.feature


def _is_command(prefix: str) -> Callable[[Incoming], bool]:
    def is_command(message: Incoming) -> bool:
        return line_of(message, prefix) is not None

    return is_command
