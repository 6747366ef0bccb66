"""bot_main as a process: turns, prompts, memory, what people ask for, and the bot in Discord."""

from bus.node import Node
from bus.runtime import run
from bus.topics import LLM_SERVER_PORT_OFFSET
from procs.bot_main.app import BotMain, ChatSide
from procs.bot_main.backends.llama_swap import LlamaSwap
from procs.bot_main.backends.persona_file import read_persona
from procs.bot_main.backends.store_sqlite import SqliteStore
from procs.bot_main.backends.vram import Vram
from procs.bot_main.config import Config
from procs.bot_main.core.gpu_plan import to_free
from procs.bot_main.core.personas import Personas
from procs.bot_main.gpu import GpuPlan


def make(node: Node, config: Config) -> BotMain:
    """The app with its store, its personas, the plan of the cards, and Discord if there is a token."""
    store = SqliteStore(config.base.state_path / "miku.db")
    personas, gpu = _personas(config), _gpu(node, config)
    side = _chat_side(node, config, personas, gpu) if config.discord.token else None
    return BotMain(node, config.bot, config.session, store, personas.miku, side, gpu)


def _personas(config: Config) -> Personas:
    built_in = Personas()
    file, evil_file = config.bot.persona_file, config.text.evil_persona_file
    return Personas(
        read_persona(file, "bot.persona_file") if file else built_in.miku,
        read_persona(evil_file, "text.evil_persona_file") if evil_file else built_in.evil,
    )


def _gpu(node: Node, config: Config) -> GpuPlan:
    """Empty where no server is to make room and no card is watched: then nothing waits for it."""
    gpu, address = config.gpu, config.llm.address
    servers = [LlamaSwap(url, gpu.api_key) for url in to_free(gpu.free_urls, address)]
    voice = LlamaSwap(address, config.llm.api_key) if address and gpu.needed_mib else None
    return GpuPlan(node, gpu, servers, Vram(), voice, config.llm.card_make)


def _chat_side(node: Node, config: Config, personas: Personas, gpu: GpuPlan) -> ChatSide:
    """Loads Discord's library, which a stack without it spares."""
    from procs.bot_main.backends.completions import Completions  # noqa: PLC0415 - see above
    from procs.bot_main.parts import chat_side  # noqa: PLC0415

    llm, text = config.llm, config.text
    if llm.address:
        spoken = Completions(llm.address, text.model or llm.model, llm.api_key, text.timeout_s)
    else:
        embedded = f"http://127.0.0.1:{config.bus.base_port + LLM_SERVER_PORT_OFFSET}"
        spoken = Completions(embedded, "", node.keys.token("llm_server"), text.timeout_s)
    return chat_side(node, config, personas, spoken, gpu)


if __name__ == "__main__":
    run(BotMain, Config, make)
