"""A home in a Discord of our own with all the services that the text bot's features use, and people in it."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from tests.e2e.discord_home import DiscordHome, discord_home
from tests.e2e.services import EYES, TEXT, Services, services
from tests.waiting import wait_until

PEOPLE = ("Ann", "Bob", "Cem", "Dan", "Eve")
TALK = "Talk"
"""Where people write; general is the prompt channel of a session."""
SONG = "La la la!"
"""Her written answer."""
SEEN = "A teal square."
"""What she says of a picture."""
CARD_MIB = 16_384
"""Of the graphics card that the tool in the stack's PATH tells of; 12,000 are free at first."""


class House:
    """A home with all services, and people in it."""

    def __init__(self, home: DiscordHome, services: Services, folder: Path) -> None:
        self.home = home
        self.services = services
        self.card = folder / "card"
        for name in PEOPLE:
            home.remote.director.person(name=name)
        for place in (TALK, "Cellar"):
            home.remote.director.place(name=place)
        home.remote.director.allow(permissions=["MANAGE_WEBHOOKS", "MANAGE_GUILD", "MENTION_EVERYONE"])
        self.her = home.bot.mention()

    def says(self, text: str, who: str = "Ann", place: str = TALK, **more: object) -> int:
        """Somebody writes to her; returns the message's id."""
        said = self.home.remote.person(who).says(place=place, text=f"{self.her} {text}", **more)
        return int(said["id"])

    def shows(self, text: str, who: str = "Ann", place: str = TALK) -> int:
        """Somebody shows her a picture."""
        return self.says(text, who, place, files={"cat.png": picture()})

    def reply(self, message: int) -> str:
        """Her only reply to a message."""
        (text,) = wait_until(lambda: self.home.replies(message))
        return text

    def reactions(self, message: int, place: str = TALK) -> list[str]:
        """Those of hers below a message."""
        shown = self.home.remote.place(place).messages()
        found = next((one["reactions"] for one in shown if int(one["id"]) == message), {})
        return [emoji for emoji, people in found.items() if "Miku" in people]

    def waits(self, message: int) -> None:
        """Until she has marked it; she may have reacted to it by herself, too."""
        wait_until(lambda: "🎤" in self.reactions(message))

    def said(self, place: str = TALK) -> list[tuple[str, str]]:
        """Who has written what in a channel."""
        return [(one["author"], one["content"]) for one in self.home.remote.place(place).messages()]

    def authors(self, place: str = TALK) -> list[str]:
        """Who has written in a channel."""
        return [author for author, _ in self.said(place)]

    def logged(self, event: str, **fields: object) -> int:
        """Lines of an event with these fields in bot_main's log."""
        lines = [json.loads(one) for one in self.home.stack.logs().splitlines() if f'"{event}"' in one]
        return sum(fields.items() <= line.items() for line in lines)

    @contextmanager
    def session(self) -> Iterator[None]:
        """In a voice session, in which nothing is asked of any service."""
        self.home.joins()
        wait_until(lambda: self.home.session().get("phase") == "active")
        assert self.services.swap.states == {}, "other models made room before she was heard"
        before = self._used()
        yield
        assert self._used() == before, "no service is used during a session"
        self.home.leaves()

    def _used(self) -> tuple[int, ...]:
        swap, comfy, shop = self.services.swap, self.services.comfy, self.services.shop
        return len(swap.chats), len(comfy.prompts), shop.n_requests


def picture() -> bytes:
    """A small PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "teal").save(buffer, "PNG")
    return buffer.getvalue()


def tool(folder: Path) -> None:
    """An nvidia-smi that tells what stands in the file `card`."""
    (folder / "card").write_text(f"0, {CARD_MIB}, 12000\n")
    script = folder / "nvidia-smi"
    script.write_text(f'#!/bin/sh\nexec cat "{folder / "card"}"\n')
    script.chmod(0o755)


@contextmanager
def furnished(folder: Path, **settings: str) -> Iterator[House]:
    """Everything running and every feature switched on, Miku online.

    Args:
        settings: of the stack, beside those that furnish it.
    """
    tool(folder)
    faces = folder / "faces"
    faces.mkdir()
    for name, colour in (("default", "teal"), ("portrait", "red")):
        Image.new("RGB", (8, 8), colour).save(faces / f"{name}.png")
    with services() as used:
        used.swap.answers = {TEXT: SONG, EYES: SEEN}
        mine = {
            **used.settings,
            "MIKU_PICTURES__FOLDER": str(faces),
            "MIKU_PICTURES__EVERY_H": "0",
            "MIKU_AUTONOMOUS__ENABLED": "true",
            "MIKU_BIPOLAR__ENABLED": "true",
            "MIKU_BIPOLAR__PAUSE_S": "0",
            "MIKU_BIPOLAR__ROUNDS": "1",
            "MIKU_FIGURINES__POLL_EVERY_S": "5",
            "MIKU_GPU__NEEDED_MIB": "nvidia0=9000",
            "MIKU_GPU__WHEN_SHORT": "refuse",
            "PATH": f"{folder}:{os.environ['PATH']}",
        }
        with discord_home(folder, **(mine | settings)) as home:
            yield House(home, used, folder)
