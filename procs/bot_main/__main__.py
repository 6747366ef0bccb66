"""bot_main as a process: turns, prompts, memory, and what people ask for."""

from bus import Bus, run
from procs.bot_main.app import BotMain
from procs.bot_main.backends.persona_file import read_persona
from procs.bot_main.backends.store_sqlite import SqliteStore
from procs.bot_main.config import Config
from procs.bot_main.core.prompts import PERSONA


def make(bus: Bus, config: Config) -> BotMain:
    """The app with its store and its persona."""
    store = SqliteStore(config.base.state_path / "miku.db")
    persona = read_persona(config.bot.persona_file) if config.bot.persona_file else PERSONA
    return BotMain(bus, config.bot, config.session, store, persona)


if __name__ == "__main__":
    run(BotMain, Config, make)
