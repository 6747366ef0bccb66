"""The floor of the embedded chain: llama.cpp, the splitter's first clause and espeak called in one process.

`python -m bench.one_process STATE_DIR N` prints, as JSON, the milliseconds from each of N prompts to its
first 20 ms of sound at 48 kHz.
"""

import asyncio
import http.client
import json
import re
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import xllamacpp

from bus.audio import FRAME_SAMPLES
from bus.messages import ChatMessage
from procs.bot_main.core.prompts import PERSONA, system_message
from procs.llm_server.backends.model_files import ModelFiles
from procs.tts_bridge.backends.resample import SwResampler
from procs.tts_bridge.core.pcm import to_float
from procs.tts_server.backends.base import Chunk
from procs.tts_server.backends.espeak import Espeak
from procs.tts_server.config import TtsServerSettings
from procs.tts_server.core.link import Say

CLAUSE = re.compile(r".{8,}?[,.!?](?=\s|$)|.*?[.!?](?=\s|$)")


def llama(state_path: Path) -> Any:
    """The demo brain behind llama.cpp's server, as `procs/llm_server` runs it."""
    model = asyncio.run(ModelFiles(None, state_path / "models").find())
    params = xllamacpp.CommonParams()
    params.model.path = str(model.path)
    params.hostnames = ["127.0.0.1"]
    params.n_parallel, params.n_ctx = 4, 4 * 2048
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.cache_ram_mib, params.ui, params.verbosity = 0, False, 1
    return xllamacpp.Server(params)


def voice() -> Espeak:
    """The embedded voice with its default settings."""
    settings = TtsServerSettings()
    espeak = Espeak(settings.voice, settings.speed_wpm, settings.pitch, settings.pitch_range)
    espeak.load()
    return espeak


def first_clause(connection: http.client.HTTPConnection, messages: list[dict[str, str]]) -> str:
    """Ask, and read until something can be said; the rest of the answer is read away."""
    body = json.dumps({"messages": messages, "stream": True, "max_tokens": 60})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    text = ""
    for line in response:
        choices = json.loads(line[6:])["choices"] if line.startswith(b"data: {") else ()
        text += (choices[0]["delta"].get("content") or "") if choices else ""
        if found := CLAUSE.match(text):
            return found[0]
    return text


def first_frame(espeak: Espeak, text: str) -> None:
    """Speak until there are 20 ms at 48 kHz."""
    resampler = SwResampler(espeak.sample_rate_hz)
    n_samples = 0

    def emit(chunk: Chunk) -> bool:
        nonlocal n_samples
        if chunk.payload:
            n_samples += len(resampler.feed(to_float(np.frombuffer(chunk.payload, np.int16))))
        return n_samples < FRAME_SAMPLES

    espeak.synthesize(Say("1", text), emit)


def main(state_path: Path, n_prompts: int) -> None:
    """Measure and print."""
    server, espeak = llama(state_path), voice()
    address = urlsplit(server.listening_address)
    system: ChatMessage = system_message(PERSONA, "Miku")
    took_ms = []
    for _ in range(n_prompts):
        connection = http.client.HTTPConnection(address.hostname or "", address.port)
        connection.connect()
        said = [{"role": system.role, "content": system.content}, {"role": "user", "content": "User: Hello"}]
        began_ns = time.perf_counter_ns()
        first_frame(espeak, first_clause(connection, said))
        took_ms.append((time.perf_counter_ns() - began_ns) / 1e6)
        connection.close()
        time.sleep(0.3)  # the server finishes the reply
    print(json.dumps(took_ms), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
