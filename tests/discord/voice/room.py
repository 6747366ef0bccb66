"""One voice channel: who is in it, and who hears what of whom."""

import random
from typing import Any, Protocol

import discord.opus

from tests.discord.faults import Faults
from tests.discord.voice.dave.group import Group
from tests.discord.voice.dave.peer import Peer
from tests.discord.voice.heard import SILENCE, Heard
from tests.discord.voice.opus import Decoder
from tests.discord.world.model import Channel, Kind

CLIENTS_CONNECT, CLIENT_DISCONNECT, SPEAKING = 11, 13, 5


class Client(Protocol):
    """A connection of a bot to this room."""

    @property
    def user_id(self) -> int:
        """Whose it is."""
        ...

    def send_json(self, op: int, data: Any) -> None:
        """A message of the voice gateway."""
        ...

    def send_packet(self, header: bytes, payload: bytes) -> None:
        """A voice packet of somebody else."""
        ...


class Listener:
    """A person with ears; in an encrypted channel a member of its group."""

    def __init__(self, user_id: int, room: "Room") -> None:
        self.user_id = user_id
        self.sequence = 0
        """Of the RTP packets this person sends."""
        self.peer = Peer(user_id, room.channel.id, room.group) if room.group else None
        if self.peer:
            self.peer.join()

    def decrypt(self, speaker: int, frame: bytes) -> bytes | None:
        """The Opus frame; None if it is not for these ears."""
        return self.peer.decrypt(speaker, frame) if self.peer else frame

    def encrypt(self, frame: bytes) -> bytes:
        """An Opus frame as the others in the channel want it."""
        return self.peer.encrypt(frame) if self.peer else frame

    def go(self) -> None:
        """Leaves the group."""
        if self.peer:
            self.peer.leave()


class Room:
    """A voice channel. The person who is there longest is the one whose ears count."""

    def __init__(self, channel: Channel, faults: Faults, *, dave: bool) -> None:
        self.channel = channel
        self._faults = faults
        self.group = Group(channel.id, faults) if dave and channel.kind is Kind.VOICE else None
        self.clients: dict[int, Client] = {}
        self.listeners: dict[int, Listener] = {}
        self.heard: dict[int, Heard] = {}
        """By speaker; kept when everybody has gone."""
        self._decoders: dict[int, Decoder] = {}
        self._missing: dict[int, int] = {}

    @property
    def user_ids(self) -> set[int]:
        """Everybody connected."""
        return set(self.clients) | set(self.listeners)

    def of(self, speaker: int) -> Heard:
        """What was heard of one speaker."""
        return self.heard.setdefault(speaker, Heard())

    def forget(self) -> None:
        """What was heard so far no longer counts."""
        self.heard.clear()

    def enter(self, client: Client) -> None:
        """A bot's connection is up."""
        others = self.user_ids - {client.user_id}
        self.clients[client.user_id] = client
        self._decoders.pop(client.user_id, None)
        if others:
            client.send_json(CLIENTS_CONNECT, {"user_ids": [str(user) for user in others]})
        self._tell(CLIENTS_CONNECT, {"user_ids": [str(client.user_id)]}, but=client.user_id)

    def exit(self, client: Client) -> None:
        """A bot's connection is over."""
        if self.clients.get(client.user_id) is client:
            del self.clients[client.user_id]
            self.of(client.user_id).cut()
            self._tell(CLIENT_DISCONNECT, {"user_id": str(client.user_id)})

    def add_listener(self, user_id: int) -> Listener:
        """A person comes in."""
        self._tell(CLIENTS_CONNECT, {"user_ids": [str(user_id)]})
        listener = self.listeners[user_id] = Listener(user_id, self)
        return listener

    def remove_listener(self, user_id: int) -> None:
        """A person goes."""
        self.listeners.pop(user_id).go()
        self._tell(CLIENT_DISCONNECT, {"user_id": str(user_id)})

    def _tell(self, op: int, data: dict[str, Any], but: int | None = None) -> None:
        for client in list(self.clients.values()):
            if client.user_id != but:
                client.send_json(op, data)

    def speaking(self, user_id: int, ssrc: int, flags: int) -> None:
        """Somebody begins or ends to speak."""
        told = {"user_id": str(user_id), "ssrc": ssrc, "speaking": flags}
        self._tell(SPEAKING, told, but=user_id)

    def say(self, speaker: int, frame: bytes, at_ns: int) -> None:
        """A voice packet of a bot, transport encryption taken off: someone may hear it."""
        heard = self.of(speaker)
        if random.random() < self._faults.loss:
            heard.lost += 1
            self._missing[speaker] = self._missing.get(speaker, 0) + 1
            return
        if frame == SILENCE:
            heard.silence(at_ns)
            return
        ears = next(iter(self.listeners.values()), None)
        opus = ears.decrypt(speaker, frame) if ears else None
        if opus is None:
            heard.unheard += 1
            heard.clear += ears is not None and not _looks_encrypted(frame)
            return
        missing = self._missing.pop(speaker, 0)
        try:
            samples = self._decoders.setdefault(speaker, Decoder()).decode(opus, missing)
        except discord.opus.OpusError as error:
            heard.violations.append(f"not Opus: {error}")
            return
        heard.voice(samples, at_ns, missing)


def _looks_encrypted(frame: bytes) -> bool:
    """DAVE frames end with FA FA."""
    return frame[-2:] == b"\xfa\xfa"
