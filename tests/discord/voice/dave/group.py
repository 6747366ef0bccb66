"""The gateway's side of one channel's MLS group: proposals out, the first commit in, transitions."""

import struct
from typing import Any, NamedTuple, Protocol

from tests.discord.faults import Faults, Point
from tests.discord.voice.dave.mls import Commit, ExternalSender, Proposal, parse_commit, vector

VERSION = 1
EXECUTE_TRANSITION, PREPARE_EPOCH = 22, 24
EXTERNAL_SENDER, PROPOSALS, ANNOUNCE_COMMIT, WELCOME = 25, 27, 29, 30
APPEND, REVOKE = b"\x00", b"\x01"


class Participant(Protocol):
    """Somebody in the channel who speaks DAVE."""

    @property
    def user_id(self) -> int:
        """Whose voice it is."""
        ...

    def send_json(self, op: int, data: Any) -> None:
        """A message of the voice gateway."""
        ...

    def send_binary(self, op: int, body: bytes) -> None:
        """A binary message of the voice gateway."""
        ...


class Change(NamedTuple):
    """A proposal that waits for its commit."""

    proposal: Proposal
    user: int
    leaf: int | None = None
    """To remove the user from; None = to add the user."""


class Group:
    """All participants of one channel. Before the first commit there is no group, only key packages."""

    def __init__(self, channel_id: int, faults: Faults) -> None:
        self._id = channel_id
        self._faults = faults
        self._sender = ExternalSender()
        self._participants: dict[int, Participant] = {}
        self._key_packages: dict[int, bytes] = {}
        self._stale: set[int] = set()
        """Members who could not follow: to be removed, and added anew."""
        self._proposed: dict[bytes, Change] = {}
        """By reference."""
        self._transition = 0
        self._awaited: dict[int, set[int]] = {}
        self.leaves: list[int | None] = []
        """User ids by leaf; empty = no group."""
        self.epoch = 0
        self.commits: list[int] = []
        """Who made the commits that won, in order."""
        self.recoveries = 0
        """How often somebody could not follow (op 31)."""

    @property
    def members(self) -> set[int]:
        """Users in the group."""
        return {user for user in self.leaves if user is not None}

    @property
    def is_settled(self) -> bool:
        """Whether no change is under way."""
        return not (self._proposed or self._stale or self._awaited)

    def join(self, participant: Participant) -> None:
        """Somebody has come and will send a key package."""
        self._withdraw(participant.user_id)
        self._participants[participant.user_id] = participant
        if participant.user_id in self.members:
            self._stale.add(participant.user_id)
        participant.send_binary(EXTERNAL_SENDER, self._sender.package)

    def leave(self, participant: Participant) -> None:
        """Somebody has gone; whoever is left alone starts anew."""
        if self._participants.get(participant.user_id) is not participant:
            return
        del self._participants[participant.user_id]
        self._withdraw(participant.user_id)
        self._stop_waiting_for(participant.user_id)
        if len(self._participants) <= 1 and self.leaves:
            self._start_anew()
        else:
            self._propose()

    def _withdraw(self, user_id: int) -> None:
        """Takes back that a user is to be added."""
        self._key_packages.pop(user_id, None)
        mine = self._additions_of(user_id)
        for reference in mine:
            del self._proposed[reference]
        told = self.members or set(self._key_packages)
        for user in told & set(self._participants) - {user_id}:
            if mine:
                references = vector(b"".join(map(vector, mine)))
                self._participants[user].send_binary(PROPOSALS, REVOKE + references)

    def _additions_of(self, user_id: int) -> list[bytes]:
        return [
            reference
            for reference, change in self._proposed.items()
            if change.user == user_id and change.leaf is None
        ]

    def _stop_waiting_for(self, user_id: int) -> None:
        for awaited in self._awaited.values():
            awaited.discard(user_id)
        self._execute_ready()

    def _start_anew(self) -> None:
        self.leaves, self.epoch = [], 0
        self._proposed.clear()
        self._stale.clear()
        for participant in self._participants.values():
            self._key_packages.pop(participant.user_id, None)
            told = {"transition_id": 0, "epoch": 1, "protocol_version": VERSION}
            participant.send_json(PREPARE_EPOCH, told)
            participant.send_binary(EXTERNAL_SENDER, self._sender.package)

    def key_package(self, user_id: int, package: bytes) -> None:
        """Op 26: somebody can be added now."""
        if user_id in self._participants:
            self._key_packages[user_id] = package
            self._propose()

    def _propose(self) -> None:
        if self.leaves:
            self._propose_changes()
        elif len(self._key_packages) > 1:
            self._propose_to_each_the_others()

    def _propose_to_each_the_others(self) -> None:
        before = list(self._proposed.values())
        known = {change.user for change in before}
        new = [self._add(user) for user in self._key_packages if user not in known]
        for user in self._key_packages:
            unseen = new if user in known else before + new
            self._send_proposals(user, [change for change in unseen if change.user != user])

    def _add(self, user: int) -> Change:
        return self._noted(self._sender.add(self._id, self.epoch, self._key_packages[user]), user)

    def _noted(self, proposal: Proposal, user: int, leaf: int | None = None) -> Change:
        change = self._proposed[proposal.reference] = Change(proposal, user, leaf)
        return change

    def _propose_changes(self) -> None:
        pending = {(change.user, change.leaf) for change in self._proposed.values()}
        staying = (self.members & set(self._participants)) - self._stale
        new = [
            self._noted(self._sender.remove(self._id, self.epoch, leaf), user, leaf)
            for leaf, user in enumerate(self.leaves)
            if user is not None and user not in staying and (user, leaf) not in pending
        ]
        new += [
            self._add(user)
            for user in self._key_packages
            if user not in staying and (user, None) not in pending
        ]
        for user in staying:
            self._send_proposals(user, new)

    def _send_proposals(self, user: int, changes: list[Change]) -> None:
        if changes:
            messages = vector(b"".join(change.proposal.message for change in changes))
            self._participants[user].send_binary(PROPOSALS, APPEND + messages)

    def commit(self, user_id: int, body: bytes) -> None:
        """Op 28: the first commit of an epoch that takes in all proposals wins.

        One with fewer is older than the last proposals, and its sender has made another since.

        Raises:
            ValueError: it is no commit.
        """
        commit = parse_commit(body)
        expected = set(self._proposed) - set(self._additions_of(user_id))
        if commit.epoch != self.epoch or set(commit.references) != expected or not expected:
            return
        is_new = not self.leaves
        if is_new:
            self.leaves = [user_id]
        followers = self.members - self._stale
        added = self._apply(commit)
        self.epoch += 1
        self.commits.append(user_id)
        self._announce(commit, followers & self.members, added, 0 if is_new else self._next_transition())
        self._propose()

    def _apply(self, commit: Commit) -> set[int]:
        changes = [self._proposed[reference] for reference in commit.references]
        self._proposed.clear()
        for change in changes:
            if change.leaf is not None:
                self.leaves[change.leaf] = None
                self._stale.discard(change.user)
        added = [change.user for change in changes if change.leaf is None]
        for user in added:
            if None in self.leaves:
                self.leaves[self.leaves.index(None)] = user
            else:
                self.leaves.append(user)
            self._key_packages.pop(user, None)
        while self.leaves and self.leaves[-1] is None:
            self.leaves.pop()
        return set(added)

    def _next_transition(self) -> int:
        self._transition = self._transition % 0xFFFF + 1
        return self._transition

    def _announce(self, commit: Commit, followers: set[int], added: set[int], transition: int) -> None:
        head = struct.pack(">H", transition)
        if transition:
            self._awaited[transition] = {user for user in followers | added if user in self._participants}
        for user, participant in list(self._participants.items()):
            if user in followers:
                message = self._damaged(commit.message, Point.DAVE_COMMIT, user)
                participant.send_binary(ANNOUNCE_COMMIT, head + message)
            elif user in added:
                participant.send_binary(
                    WELCOME, head + self._damaged(commit.welcome, Point.DAVE_WELCOME, user)
                )

    def _damaged(self, message: bytes, point: Point, user_id: int) -> bytes:
        fault = self._faults.strikes(point, str(user_id))
        return message[:-8] + bytes(8) if fault else message

    def transition_ready(self, user_id: int, transition: int) -> None:
        """Op 23: when all are ready, the new keys are used."""
        self._awaited.get(transition, set()).discard(user_id)
        self._execute_ready()

    def _execute_ready(self) -> None:
        for transition in [one for one, awaited in self._awaited.items() if not awaited]:
            del self._awaited[transition]
            for participant in self._participants.values():
                participant.send_json(EXECUTE_TRANSITION, {"transition_id": transition})

    def invalid(self, user_id: int) -> None:
        """Op 31: somebody could not follow; removed and, with the next key package, added again."""
        self.recoveries += 1
        if user_id in self.members:
            self._stale.add(user_id)
            self._key_packages.pop(user_id, None)
            self._stop_waiting_for(user_id)
            self._propose()
