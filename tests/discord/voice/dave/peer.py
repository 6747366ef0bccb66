"""A person in a voice channel who takes part in DAVE, with a client of its own (davey)."""

import asyncio
import struct
from typing import Any

import davey

from tests.discord.voice.dave.group import (
    ANNOUNCE_COMMIT,
    EXTERNAL_SENDER,
    PREPARE_EPOCH,
    PROPOSALS,
    VERSION,
    WELCOME,
    Group,
)

OPERATIONS = (davey.ProposalsOperationType.append, davey.ProposalsOperationType.revoke)


class Peer:
    """The client side of the protocol; answers a moment later, as a client over a network would."""

    def __init__(self, user_id: int, channel_id: int, group: Group) -> None:
        self._channel_id = channel_id
        self._user_id = user_id
        self._group = group
        self._session = davey.DaveSession(VERSION, user_id, channel_id)
        self.commits = True
        """Whether it commits proposals; someone else must where it does not."""

    @property
    def user_id(self) -> int:
        """Whose voice it is."""
        return self._user_id

    @property
    def is_ready(self) -> bool:
        """Whether it is in a group with somebody."""
        return self._session.ready

    def join(self) -> None:
        """Comes into the group."""
        self._group.join(self)

    def leave(self) -> None:
        """Goes out of the group."""
        self._group.leave(self)

    def send_json(self, op: int, data: Any) -> None:
        """A message of the gateway to this peer."""
        if op == PREPARE_EPOCH and data["epoch"] == 1:
            self._session.reinit(VERSION, self._user_id, self._channel_id)

    def send_binary(self, op: int, body: bytes) -> None:
        """A binary message of the gateway to this peer."""
        if op == EXTERNAL_SENDER:
            self._session.set_external_sender(body)
            package = self._session.get_serialized_key_package()
            self._later(self._group.key_package, self._user_id, package)
        elif op == PROPOSALS:
            self._commit(body)
        elif op == ANNOUNCE_COMMIT:
            self._session.process_commit(body[2:])
            self._ready(body)
        elif op == WELCOME:
            self._session.process_welcome(body[2:])
            self._ready(body)

    def _commit(self, body: bytes) -> None:
        made = self._session.process_proposals(OPERATIONS[body[0]], body[1:])
        if made and self.commits:
            self._later(self._group.commit, self._user_id, made.commit + (made.welcome or b""))

    def _ready(self, body: bytes) -> None:
        (transition,) = struct.unpack_from(">H", body)
        if transition:
            self._later(self._group.transition_ready, self._user_id, transition)

    @staticmethod
    def _later(call: Any, *arguments: Any) -> None:
        asyncio.get_running_loop().call_soon(call, *arguments)

    def decrypt(self, user_id: int, frame: bytes) -> bytes | None:
        """The Opus frame inside; None if it is not encrypted for this peer."""
        try:
            return self._session.decrypt(user_id, davey.MediaType.audio, frame)
        except ValueError:
            return None

    def encrypt(self, frame: bytes) -> bytes:
        """An Opus frame for the others."""
        return self._session.encrypt_opus(frame) if self._session.ready else frame
