"""The process `llm_streamer`: an OpenAI-compatible server's replies on the bus."""

from bus.node import Node
from bus.runtime import run
from bus.topics import LLM_SERVER_PORT_OFFSET
from procs.llm_streamer.app import Streamer
from procs.llm_streamer.backends.openai_chat import Limits, OpenAiChat, Sampling
from procs.llm_streamer.config import Config


def make(node: Node, config: Config) -> Streamer:
    """Without an address the embedded server is asked, with the key that it was given."""
    llm = config.llm
    base_url = llm.address or f"http://127.0.0.1:{config.bus.base_port + LLM_SERVER_PORT_OFFSET}"
    api_key = llm.api_key if llm.address else node.keys.token("llm_server")
    sampling = Sampling(llm.max_tokens, llm.temperature, llm.stop)
    limits = Limits(
        connect_timeout_s=llm.connect_timeout_s,
        first_token_timeout_s=llm.first_token_timeout_s,
        stall_timeout_s=llm.stall_timeout_s,
        reply_timeout_s=llm.reply_timeout_s,
        max_reply_chars=llm.max_reply_chars,
    )
    backend = OpenAiChat(base_url, llm.model if llm.address else "", api_key, sampling, limits)
    return Streamer(node, backend)


if __name__ == "__main__":
    run(Streamer, Config, make)
