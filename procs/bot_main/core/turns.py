"""Turn numbers, the floor and the order of prompts of one session. Pure.

A turn's number is the wall clock in ms at its issue, forced to grow: `max(now, last + 1, since + 1)`. So
numbers need no counter that could restart, and nothing old looks fresh after a restart or a stepped
clock. The floor is the lowest turn alive; it never falls. What a turn in flight does is in `running.py`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from bus.messages import TurnKind
from procs.bot_main.core.running import Asked, Outcome, Patience, Running


class Turns:
    """The turns of one session: one runs, the others wait in the order of their numbers.

    Args:
        since_ms: wall ms at which the session was asked for; its turns lie above.
        max_waiting: prompts that may wait behind the running one.
        floor, issued: what an earlier life of this process had reached.
    """

    def __init__(self, since_ms: int, max_waiting: int, floor: int = 0, issued: int = 0) -> None:
        self.floor = max(floor, since_ms)
        self.issued = max(issued, since_ms)
        """Largest number issued here or seen on the bus."""
        self.running: Running | None = None
        self.waiting: deque[Asked] = deque()
        self._doubted: set[int] = set()
        """Turns of prompts whose message may have been changed or deleted while nobody was told."""
        self._max_waiting = max_waiting
        self._repeated: set[str] = set()
        """Requests that had a second turn: no prompt kills sinks for ever."""
        self._ended = 0

    @property
    def n_before(self) -> int:
        """Prompts before the next one."""
        return len(self.waiting) + (self.running is not None)

    def ask(self, wall_ms: int, asked: Asked, max_waiting: int = 0) -> Asked | None:
        """Accept a prompt and issue its turn; None when too many wait already.

        Args:
            asked: the prompt, without a turn.
            max_waiting: what holds for this prompt instead of the session's own limit; 0 = that one.
        """
        if len(self.waiting) >= (max_waiting or self._max_waiting):
            return None
        self.issued = max(wall_ms, self.issued + 1)
        accepted = replace(asked, turn=self.issued)
        self.waiting.append(accepted)
        return accepted

    def again(self, ended: Asked) -> bool:
        """A prompt whose turn has ended is the next one to run, in a turn of its own; False if no number is
        left before those that wait.
        """
        turn = ended.turn + 1
        if ended.request in self._repeated:
            return False
        self._repeated.add(ended.request)
        if self.waiting and self.waiting[0].turn <= turn:
            return False
        self.issued = max(self.issued, turn)
        self.waiting.appendleft(replace(ended, turn=turn))
        return True

    def find(self, request: str) -> Asked | None:
        """The prompt that came by a request, while it waits."""
        return next((asked for asked in self.waiting if asked.request == request), None)

    def drop(self, asked: Asked) -> None:
        """A waiting prompt is taken back."""
        self.waiting.remove(asked)

    def reword(self, asked: Asked, text: str, *, verbatim: bool) -> None:
        """A waiting prompt has new words, for the model or to be read out; it keeps its place."""
        self.waiting[self.waiting.index(asked)] = replace(asked, text=text, verbatim=verbatim)

    def doubt(self) -> None:
        """What happens to messages was not told for a while: who waits by one must be looked at again."""
        self._doubted = {asked.turn for asked in self.waiting if asked.channel_id}

    def trust(self, asked: Asked) -> None:
        """A waiting prompt has the words of its message, as far as that can be learned."""
        self._doubted.discard(asked.turn)

    @property
    def doubtful(self) -> Asked | None:
        """The prompt that would run now, if its words were certain."""
        if self.running is not None or not self.waiting or self.waiting[0].turn not in self._doubted:
            return None
        return self.waiting[0]

    def start(self, now_ms: int, patience: Patience) -> Running | None:
        """Let the oldest waiting prompt run; None if one runs already, none waits or it is in doubt."""
        if self.running is not None or not self.waiting or self.doubtful:
            return None
        self.running = Running(self.waiting.popleft(), patience, now_ms)
        return self.running

    def resume(
        self, running: Asked | None, waiting: Iterable[Asked], now_ms: int, patience: Patience
    ) -> None:
        """Go on where an earlier life of this process stopped; the running turn must soon show itself."""
        self.waiting.extend(waiting)
        self.doubt()
        if running is not None:
            self._take_up(running, now_ms, patience)

    def notice(self, turn: int, *, in_flight: bool, now_ms: int, patience: Patience) -> None:
        """A number was seen on the bus: issue only larger ones, and wait for a turn that nobody here knows.

        A turn is unknown when an earlier life of this process issued it and its memory of that is gone.
        """
        self.issued = max(self.issued, turn)
        if in_flight and self.running is None and turn >= self.floor and turn > self._ended:
            self._take_up(Asked(turn), now_ms, patience)

    def _take_up(self, asked: Asked, now_ms: int, patience: Patience) -> None:
        soon = replace(patience, first_token_ms=patience.progress_ms)
        self.running = Running(asked, soon, now_ms)

    def end(self, outcome: Outcome) -> Running:
        """The running turn is over; of one that failed or was cut, all that is under way is dead."""
        assert self.running is not None
        ended, self.running = self.running, None
        self._ended = ended.turn
        if outcome.kind is not TurnKind.DONE:
            self.floor = max(self.floor, ended.turn + 1)
        return ended

    def cut(self) -> list[Asked]:
        """Raise the floor above all turns issued and return the waiting prompts, which die of it.

        The running turn is dead too; `end` says how it ended.
        """
        dead = list(self.waiting)
        self.waiting.clear()
        self.floor = max(self.floor, self.issued + 1)
        return dead
