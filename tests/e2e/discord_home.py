"""A stack in a Discord of our own: three kinds of processes, real sockets between all of them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from tests.discord.remote import Handle, Remote
from tests.discord.tone_reader import letters, read
from tests.e2e.doubles import Double
from tests.e2e.stack import ROOT, Stack
from tests.ports import free_base_port
from tests.waiting import wait_until

SYMBOL_MS = 60
ANSWER = "Good evening everybody. I am singing for you. It is a very long song. Goodbye now."
"""What the stub model answers."""


class DiscordHome:
    """Miku in the guild Home, with Ann in the voice channel Lounge and the text channel general."""

    def __init__(
        self, stack: Stack, remote: Remote, token: str, voice: Double, model: Double, text_file: Path
    ) -> None:
        self.stack = stack
        self.remote = remote
        self.token = token
        self.voice = voice
        self.model = model
        self._text_file = text_file

    @property
    def bot(self) -> Handle:
        """Miku, as Discord sees her."""
        return self.remote.bot()

    def thinks(self, text: str) -> None:
        """What the model answers from now on."""
        self._text_file.write_text(text)

    def says(self, text: str, who: str = "Ann", place: str = "general") -> int:
        """Somebody writes; returns the message's id."""
        return int(self.remote.person(who).says(place=place, text=text)["id"])

    def texts(self, place: str = "general") -> list[str]:
        """What stands in a channel."""
        found: list[str] = self.remote.place(place).texts()
        return found

    def answer(self, text: str, who: str = "Ann", place: str = "general", timeout_s: float = 20.0) -> str:
        """Somebody writes, and this is what Miku replies to it."""
        asked = self.says(text, who, place)
        return wait_until(lambda: next(iter(self.replies(asked)), ""), timeout_s)

    def replies(self, message: int) -> list[str]:
        """What Miku has replied to a message."""
        return [one["content"] for one in self.bot.sent() if int(one["reply_to"] or 0) == message]

    def joins(self, place: str = "Lounge", who: str = "Ann") -> None:
        """Somebody goes into voice and calls her; returns once she may be heard."""
        self.remote.person(who).joins(place=place)
        self.remote.place(place).forgets()
        said = self.answer("!miku join", who)
        assert said.startswith("🎤 Joined"), said
        wait_until(lambda: self.bot.voice() == place and self.bot.is_connected())

    def leaves(self) -> None:
        """She is sent away, if she is there."""
        self.answer("!miku leave")
        wait_until(lambda: self.bot.voice() is None)
        wait_until(lambda: not self.session())

    def heard(self, place: str = "Lounge") -> dict[str, Any]:
        """Everything that was heard of her in a voice channel."""
        found: dict[str, Any] = self.remote.place(place).heard()
        return found

    def words(self, place: str = "Lounge") -> str:
        """The letters that were heard of her there so far."""
        return letters("".join(read(one["samples"], SYMBOL_MS) for one in self.heard(place)["utterances"]))

    def words_of_one_turn(self, n_before: int, place: str = "Lounge") -> str:
        """The letters behind the first `n_before` utterances: one turn, however often it was cut."""
        parts = [one["samples"] for one in self.heard(place)["utterances"][n_before:]]
        return letters(read(np.concatenate(parts), SYMBOL_MS)) if parts else ""

    def reactions(self, message: int) -> set[str]:
        """Reactions below a message."""
        found = next(m for m in self.remote.place("general").messages() if int(m["id"]) == message)
        return set(found["reactions"])

    def session(self) -> dict[str, Any]:
        """The running session as `miku status --json` tells it; empty for none."""
        sessions = json.loads(self.stack.miku("status", "--json").stdout)["sessions"]
        return next((s for s in sessions if s.get("phase") not in (None, "idle")), {})


@contextmanager
def discord_process(folder: Path) -> Iterator[dict[str, str]]:
    """`python -m tests.discord`; yields what it prints."""
    command = [sys.executable, "-m", "tests.discord", "--port", "0", "--control-port", "0"]
    command += ["--ca-file", str(folder / "ca.pem")]
    with (folder / "discord.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def settings_for(told: dict[str, str]) -> dict[str, str]:
    """What points a stack to a Discord of our own."""
    return {
        "MIKU_DISCORD__TOKEN": told["token"],
        "MIKU_DISCORD__API_BASE": told["api_base"],
        "MIKU_DISCORD__CA_FILE": told["ca_file"],
        "MIKU_DISCORD__JOINS_PER_MINUTE": "600",
        "MIKU_VISION__ATTACHMENT_HOSTS": f"localhost:{urlsplit(told['api_base']).port}",
    }


@contextmanager
def discord_home(folder: Path, **settings: str) -> Iterator[DiscordHome]:
    """Everything running, Miku online; a stub model, and a voice whose sound is its text.

    Args:
        settings: of the stack, beside those that point it here.
    """
    with ExitStack() as running:
        told = running.enter_context(discord_process(folder))
        ports = str(free_base_port()), str(free_base_port())
        voice = Double("soprano", "--symbol-ms", str(SYMBOL_MS), "--port", ports[0]).start()
        running.callback(voice.stop)
        text_file = folder / "answer.txt"
        text_file.write_text(ANSWER)
        model = Double("llm", "--text-file", str(text_file), "--port", ports[1]).start()
        running.callback(model.stop)
        mine = {"MIKU_TTS__SOPRANO_URL": voice.url, "MIKU_LLM__BASE_URL": model.url, **settings_for(told)}
        stack = running.enter_context(Stack(folder, **(mine | settings)))
        home = DiscordHome(stack, Remote(told["control"]), told["token"], voice, model, text_file)
        wait_until(home.bot.is_online)
        yield home
