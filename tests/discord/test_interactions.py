"""Slash commands, buttons and forms, and the times and numbers of their answers."""

import asyncio
from collections.abc import AsyncIterator

import discord
import pytest
from discord import app_commands

from tests.discord.client import make_client, online
from tests.discord.director import Director
from tests.discord.loopback import Loopback

pytestmark = pytest.mark.flow


class Commander(discord.Client):
    """A bot with a command `/miku say`, whose behaviour the test sets."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.tree = app_commands.CommandTree(self)
        self.asked: asyncio.Queue[discord.Interaction] = asyncio.Queue()
        group = app_commands.Group(name="miku", description="Miku")

        @group.command(name="say", description="Say something")
        async def say(interaction: discord.Interaction, text: str, times: int = 1) -> None:
            interaction.extras["said"] = text * times
            await self.asked.put(interaction)

        self.tree.add_command(group)

    async def setup_hook(self) -> None:
        await self.tree.sync()

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        if interaction.type is not discord.InteractionType.application_command:
            await self.asked.put(interaction)


@pytest.fixture
async def bot(loopback: Loopback, director: Director) -> AsyncIterator[Commander]:
    client = make_client(loopback, client_class=Commander)
    assert isinstance(client, Commander)
    async with online(client, director.bot("Miku").token):
        yield client


async def test_a_command_is_answered_and_followed_up(bot: Commander, director: Director) -> None:
    used = director.person("Ann").uses("miku say", "general", text="la ", times=2)
    interaction = await bot.asked.get()
    assert interaction.extras["said"] == "la la "
    await interaction.response.send_message("first")
    await interaction.followup.send("second")
    await interaction.edit_original_response(content="first, changed")
    assert director.places["general"].texts == ["first, changed", "second"]
    assert used.answered_after_ms is not None
    assert used.answered_after_ms < 3000
    assert used.followups[0].content == "second"


async def test_a_second_answer_is_refused_with_40060(bot: Commander, director: Director) -> None:
    director.person("Ann").uses("miku say", "general", text="la")
    interaction = await bot.asked.get()
    await interaction.response.send_message("first")
    interaction.response._response_type = None
    with pytest.raises(discord.HTTPException) as refused:
        await interaction.response.send_message("first again")
    assert refused.value.code == 40060


async def test_an_answer_after_three_seconds_is_refused_with_10062(
    bot: Commander, director: Director
) -> None:
    director.rules.interaction_first_answer_s = 0.0
    director.person("Ann").uses("miku say", "general", text="la")
    interaction = await bot.asked.get()
    with pytest.raises(discord.NotFound) as refused:
        await interaction.response.send_message("late")
    assert refused.value.code == 10062


async def test_thinking_becomes_the_answer(bot: Commander, director: Director) -> None:
    used = director.person("Ann").uses("miku say", "general", text="la")
    interaction = await bot.asked.get()
    await interaction.response.defer(thinking=True)
    assert used.original is not None
    assert used.original.content == ""
    await interaction.followup.send("thought")
    assert used.original.content == "thought"
    assert director.places["general"].texts == ["thought"]


async def test_a_follow_up_before_the_answer_is_refused(bot: Commander, director: Director) -> None:
    director.person("Ann").uses("miku say", "general", text="la")
    interaction = await bot.asked.get()
    with pytest.raises(discord.NotFound) as refused:
        await interaction.followup.send("too soon")
    assert refused.value.code == 10015


async def test_only_the_asker_sees_an_ephemeral_answer(bot: Commander, director: Director) -> None:
    used = director.person("Ann").uses("miku say", "general", text="la")
    interaction = await bot.asked.get()
    await interaction.response.send_message("psst", ephemeral=True)
    await interaction.edit_original_response(content="psst!")
    assert director.places["general"].texts == []
    assert used.original is not None
    assert used.original.content == "psst!"


async def test_buttons_and_forms(bot: Commander, director: Director) -> None:
    view = discord.ui.View()
    view.add_item(discord.ui.Button[discord.ui.View](label="Leave", custom_id="leave"))
    view.add_item(discord.ui.Button[discord.ui.View](label="Gone", custom_id="gone", disabled=True))
    channel = bot.get_channel(director.places["general"].id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send("panel", view=view)
    (panel,) = director.places["general"].messages
    ann = director.person("Ann")
    with pytest.raises(LookupError):
        ann.presses(panel, "Gone")

    pressed = ann.presses(panel, "Leave")
    interaction = await bot.asked.get()
    form = discord.ui.Modal(title="Why?", custom_id="why")
    form.add_item(discord.ui.TextInput[discord.ui.View](label="Reason", custom_id="reason"))
    await interaction.response.send_modal(form)
    submitted = ann.submits(pressed, reason="tired")
    answer = await bot.asked.get()
    await answer.response.edit_message(content="bye", view=None)
    assert submitted.answer_kind == 7
    assert [m.content for m in director.places["general"].messages] == ["bye"]


async def test_a_command_that_is_not_registered_cannot_be_used(bot: Commander, director: Director) -> None:
    with pytest.raises(LookupError):
        director.person("Ann").uses("miku dance", "general")
    with pytest.raises(LookupError):
        director.person("Ann").uses("miku say", "general")
    with pytest.raises(LookupError):
        director.person("Ann").uses("miku", "general")


async def test_commands_with_bad_names_are_refused(bot: Commander, director: Director) -> None:
    application = director.bot("Miku").application.id
    for command in ({"name": "Loud", "description": "x"}, {"name": "ok", "description": ""}):
        with pytest.raises(discord.HTTPException) as refused:
            await bot.http.bulk_upsert_global_commands(application, [command])
        assert refused.value.code == 50035


async def test_both_sessions_of_a_bot_are_asked_and_one_may_answer(
    bot: Commander, loopback: Loopback, director: Director
) -> None:
    other = make_client(loopback, client_class=Commander)
    assert isinstance(other, Commander)
    async with online(other, director.bot("Miku").token):
        director.person("Ann").uses("miku say", "general", text="la")
        one, two = await bot.asked.get(), await other.asked.get()
        await one.response.send_message("mine")
        with pytest.raises(discord.HTTPException) as refused:
            await two.response.send_message("mine too")
        assert refused.value.code == 40060
