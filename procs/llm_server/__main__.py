"""The process `llm_server`: llama.cpp on loopback, with the operator's model or the demo brain."""

from pathlib import Path

from bus.node import Node
from bus.runtime import run
from bus.topics import LLM_SERVER_PORT_OFFSET
from procs.llm_server.app import LlmServer
from procs.llm_server.backends.llama_server import LlamaServer, Resources
from procs.llm_server.backends.model_files import ModelFiles
from procs.llm_server.config import Config


def make(node: Node, config: Config) -> LlmServer:
    """The key is the stack's own; `llm_streamer` knows it too."""
    wanted = config.llm_server
    gguf = Path(wanted.gguf).expanduser().absolute() if wanted.gguf else None
    models = ModelFiles(gguf, config.base.state_path / "models") if wanted.enabled else None
    resources = Resources(wanted.context_tokens, wanted.slots, wanted.threads, wanted.gpu_layers)
    port = config.bus.base_port + LLM_SERVER_PORT_OFFSET
    return LlmServer(node, models, LlamaServer(port, node.keys.token("llm_server"), resources))


if __name__ == "__main__":
    run(LlmServer, Config, make)
