"""A director in another process, called over its control route: for end-to-end tests.

`Remote(url).person("Ann").says(place="general", text="hi")`: the same names as the director's own.
"""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np

TIMEOUT_S = 30.0


class Remote:
    """The other process."""

    def __init__(self, url: str) -> None:
        self._url = url

    def person(self, name: str) -> "Handle":
        """One person."""
        return Handle(self, "person", name)

    def place(self, name: str) -> "Handle":
        """One channel."""
        return Handle(self, "place", name)

    def bot(self, name: str = "Miku") -> "Handle":
        """One bot."""
        return Handle(self, "bot", name)

    @property
    def director(self) -> "Handle":
        """Makes people and places."""
        return Handle(self, "director")

    @property
    def faults(self) -> "Handle":
        """Arms faults."""
        return Handle(self, "faults")

    @property
    def journal(self) -> "Handle":
        """What bots did."""
        return Handle(self, "journal")

    def change(self, on: str, **values: Any) -> None:
        """Sets attributes of `rules` or `faults`."""
        self.send({"on": on, "set": values})

    def send(self, asked: dict[str, Any]) -> Any:
        """One request.

        Raises:
            AssertionError: the director could not do it; its words.
        """
        body = json.dumps(asked, default=_packed).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return json.load(answer, object_hook=_heard)["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["error"]) from None


class Handle:
    """Something of the director's; attributes are read by calling them without arguments."""

    def __init__(self, remote: Remote, on: str, name: str = "") -> None:
        self._remote = remote
        self._on = on
        self._name = name

    def __getattr__(self, do: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            return self._remote.send({"on": self._on, "name": self._name, "do": do, "with": arguments})

        return call


def _packed(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    return {"int16": base64.b64encode(np.asarray(value, np.int16).tobytes()).decode()}


def _heard(value: dict[str, Any]) -> Any:
    return np.frombuffer(base64.b64decode(value["int16"]), np.int16) if set(value) == {"int16"} else value
