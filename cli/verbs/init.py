"""`miku init`: a few questions, each with an answer already in it, become miku.toml."""

import argparse
import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

from bus.settings import config_file
from cli.discovery import Server, find_servers
from cli.refusal import EXIT_OK, Refusal
from cli.settings_table import read
from cli.view import View

HELP = "write miku.toml: at most 6 questions, each with a default"
EXAMPLE = "miku init --yes --llm-url http://127.0.0.1:11434"

Key = tuple[str, str]
"""(section, key)"""

Answers = dict[Key, str | bool]

Ask = Callable[[str, str], str]
"""Question and default → answer."""

VOICES = ("embedded", "rvc", "soprano")

HEAD = "# Miku's settings. Every key with its default and meaning: docs/settings.md, miku.example.toml.\n"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Words after the verb."""
    parser.add_argument("--yes", action="store_true", help="take every default, ask nothing")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument("--llm-url", metavar="URL", help="language model server; empty = the embedded one")
    parser.add_argument("--llm-model", metavar="NAME", help="model to ask for")
    parser.add_argument("--voice", choices=VOICES, help="who speaks")
    parser.add_argument("--voice-url", metavar="URL", help="address of an rvc or soprano server")
    parser.add_argument("--discord-token", metavar="TOKEN", help="the bot's token; empty = no Discord")
    parser.add_argument("--state-dir", metavar="DIR", help="folder for keys, logs and recordings")


async def run(view: View, args: argparse.Namespace) -> int:
    """Ask and write."""
    file = config_file(os.environ)
    if file.exists() and not args.force:
        raise Refusal(f"{file.name} exists already: edit it, or replace it with `./miku init --force`.")
    with view.progress("looking for language model servers on this machine ..."):
        servers = await find_servers()
    for server in servers:
        view.line(f"found {server.kind} at {server.base_url} with {len(server.models)} models")
    answers = await asyncio.to_thread(collect, args, servers, _take_default if args.yes else _ask)
    await asyncio.to_thread(_write, file, render(answers))
    view.line(f"wrote {file}")
    view.line("Next: `./miku doctor` checks it, `./miku up` starts Miku.")
    return EXIT_OK


def collect(args: argparse.Namespace, servers: list[Server], ask: Ask) -> Answers:
    """Up to six questions; those that an argument answers are not asked."""
    answers: Answers = {}
    default_url = servers[0].base_url if servers else ""
    url = _given(args.llm_url, ask, "Language model server (empty = the embedded one)", default_url)
    answers["llm", "base_url"] = url
    if url:
        models = next((server.models for server in servers if server.base_url == url), ())
        shown = f" ({', '.join(models[:8])})" if models else " (empty = the first one it serves)"
        default_model = models[0] if models else ""
        answers["llm", "model"] = _given(args.llm_model, ask, f"Model{shown}", default_model)
        answers["llm_server", "enabled"] = False
    else:
        answers["llm_server", "gguf"] = _given(
            args.llm_model, ask, "GGUF file for the embedded server (empty = the small demo)", ""
        )
    voice = _given(args.voice, ask, f"Voice ({', '.join(VOICES)})", "embedded")
    if voice not in VOICES:
        raise Refusal(f"There is no voice {voice!r}: there are {', '.join(VOICES)}.")
    if voice != "embedded":
        answers["tts", "backend"] = voice
        answers["tts_server", "enabled"] = False
        default = {"rvc": "ws://localhost:8765/ws/stream", "soprano": "tcp://localhost:5555"}[voice]
        answers["tts", f"{voice}_url"] = _given(
            args.voice_url, ask, f"Address of the {voice} server", default
        )
    answers["discord", "token"] = _given(
        args.discord_token, ask, "Discord bot token (empty = without Discord; docs/discord.md)", ""
    )
    answers["", "state_dir"] = _given(args.state_dir, ask, "Folder for keys, logs and recordings", "state")
    return answers


def render(answers: Answers) -> str:
    """The answers as TOML; empty ones are left to their defaults."""
    lines = [HEAD]
    for section in sorted({section for section, _ in answers}):
        given = [(key, value) for (of, key), value in answers.items() if of == section and value != ""]
        if given:
            lines += [f"[{section}]"] if section else []
            lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in given]
            lines.append("")
    return "\n".join(lines)


def _write(file: Path, text: str) -> None:
    """Put the checked file in its place, readable by its owner alone.

    Raises:
        BadSettings: an answer can't be used; nothing is written.
        Refusal: the folder can't be written to.
    """
    fresh = file.with_name(f".{file.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
        read({}, fresh)
        fresh.replace(file)
    except OSError as error:
        raise Refusal(f"{file} can't be written: {error.strerror}. Correct the folder's rights.") from None
    finally:
        fresh.unlink(missing_ok=True)


def _given(argument: str | None, ask: Ask, question: str, default: str) -> str:
    return argument if argument is not None else ask(question, default)


def _take_default(question: str, default: str) -> str:
    return default


def _ask(question: str, default: str) -> str:
    try:
        return input(f"{question} [{default}]: ").strip() or default
    except EOFError:
        return default
