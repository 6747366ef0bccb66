"""A furnished Discord, and the unmodified client library logged in to it."""

from collections.abc import AsyncIterator

import discord
import pytest

from tests.discord.client import make_client, online, pointed_to
from tests.discord.director import Director
from tests.discord.loopback import Loopback, running
from tests.discord.rules import Rules


@pytest.fixture
def rules() -> Rules:
    """Discord's limits without its long waits."""
    return Rules(identify_interval_s=0.0)


@pytest.fixture
async def loopback(rules: Rules) -> AsyncIterator[Loopback]:
    async with running(rules) as discord_:
        with pointed_to(discord_):
            yield discord_


@pytest.fixture
def director(loopback: Loopback) -> Director:
    return Director(loopback).furnish()


@pytest.fixture
async def client(loopback: Loopback, director: Director) -> AsyncIterator[discord.Client]:
    """Logged in as Miku, ready."""
    async with online(make_client(loopback), director.bots["Miku"].token) as client_:
        yield client_
