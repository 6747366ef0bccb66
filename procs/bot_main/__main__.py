"""bot_main as a process: turns, prompts, memory, and what people ask for."""

from bus import Bus, run
from procs.bot_main.app import BotMain, ChatSide
from procs.bot_main.backends.persona_file import read_persona
from procs.bot_main.backends.store_sqlite import SqliteStore
from procs.bot_main.config import Config
from procs.bot_main.core.commands import slash_commands
from procs.bot_main.core.prompts import PERSONA
from procs.bot_main.shelf import Shelf


def make(bus: Bus, config: Config) -> BotMain:
    """The app with its store and its persona."""
    store = SqliteStore(config.base.state_path / "miku.db")
    persona = read_persona(config.bot.persona_file) if config.bot.persona_file else PERSONA
    return BotMain(bus, config.bot, config.session, store, persona, make_side(bus, config))


def make_side(bus: Bus, config: Config) -> ChatSide | None:
    """What a bot in Discord needs, None without a token.

    Discord's library is loaded here and not before: a stack without it starts a second sooner.
    """
    if not config.discord.token:
        return None
    from procs.bot_main.backends.discord_bot import DiscordChat  # noqa: PLC0415 - see above
    from procs.bot_main.backends.documents_sqlite import SqliteDocuments  # noqa: PLC0415

    discord = config.discord
    chat = DiscordChat(
        discord.token, discord.api_base, discord.ca_file, config.bot.name, commands=slash_commands()
    )
    shelf = Shelf(bus, SqliteDocuments(config.base.state_path / "shelf.db"))
    return ChatSide(chat, shelf, discord.prefix, discord.joins_per_minute)


if __name__ == "__main__":
    run(BotMain, Config, make)
