"""One turn in flight: what the levels show of it, when it is over, and how it ended. Pure.

The end is read from levels, since events may be lost: the sink says what was heard, the reply says
whether the model still writes. A failure that a stage reports names the code and may shorten the wait.
Reliability plan: no wait without a deadline.
"""

from dataclasses import dataclass

from bus.errors import CODES
from bus.messages import PlayoutState, ReplyState, SpokenState, TurnKind
from procs.bot_main.core.heard import heard_text

MODEL = "llm_streamer"
VOICE = "tts_bridge"
HAND_OVER = "bot_main"
"""Stages whose failures mean different things; any other one is the sink."""
SINK = "sink"
"""The sink by its level, which comes even where its event is lost."""

AFTER_FAILURE_MS = 3_000
"""Once a stage has failed, the others have this long between two signs of progress: what is under way is
still heard, and nobody waits for what can't come."""


@dataclass(frozen=True)
class Asked:
    """A prompt that was accepted, and the turn that answers it."""

    turn: int
    """Its number, issued when it was accepted."""
    request: str = ""
    """Id of the request it came by: repeating that asks for the same answer."""
    user: str = ""
    """Name of who asked."""
    text: str = ""
    """What was asked, or what is to be read out."""
    verbatim: bool = False
    """Whether the text is spoken as it is, without the model."""
    person: int = 0
    """Id of who asked in a chat, 0 outside one."""
    channel_id: int = 0
    """Channel of the chat's message that it came by, 0 if it came by none."""
    n_before: int = 0
    """Prompts before it when it was accepted."""


@dataclass(frozen=True)
class Patience:
    """How long a turn may take, in milliseconds."""

    first_token_ms: int
    """From the hand-over to the first text."""
    progress_ms: int
    """Between two signs of progress after that."""
    turn_ms: int
    """All in all."""


@dataclass(frozen=True)
class Traces:
    """What the bus shows of a session's newest turns."""

    reply: ReplyState | None = None
    spoken: SpokenState | None = None
    playout: PlayoutState | None = None
    loading: bool = False
    """Whether a stage says that a backend of it loads: work waits there, and so do we."""
    model_pid: int = 0
    voice_pid: int = 0
    """Processes of the model's and the voice's stage; 0 while they say nothing."""


@dataclass(frozen=True)
class Outcome:
    """How a turn ended."""

    kind: TurnKind
    """DONE, CUT or FAILED."""
    code: str = ""
    """Error code of a failure."""


class Running:
    """The turn being answered, from its hand-over to its end.

    Keeps the last it saw of this turn: levels move on to the next turn, or are lost with their writer.
    """

    def __init__(self, asked: Asked, patience: Patience, now_ms: int) -> None:
        self.asked = asked
        self.started_ms = now_ms
        self._patience = patience
        self._moved_ms = now_ms
        self._reply: ReplyState | None = None
        self._spoken: SpokenState | None = None
        self._played_ms = 0
        self.first_sound_ms = 0
        """From the hand-over to the first sound, 0 before it."""
        self._finished = False
        self._failures: dict[str, str] = {}
        self._pids: dict[str, int] = {}
        self._is_forlorn = False
        """Whether the model's stage was restarted before it showed the turn: it may never have got it."""
        self._is_unheard = False
        """Whether the sink was playing the turn and has forgotten it: restarted, it may go on or not."""

    @property
    def turn(self) -> int:
        """The turn's number."""
        return self.asked.turn

    def fail(self, stage: str, code: str) -> None:
        """A stage gave the turn up; its first word counts."""
        self._failures.setdefault(stage, code or "turn_timeout")

    def observe(self, traces: Traces, now_ms: int) -> None:
        """Take in what the levels show now."""
        before, played_before_ms = self._position, self._played_ms
        if traces.reply and traces.reply.turn == self.turn:
            self._reply = traces.reply
        if traces.spoken and traces.spoken.turn == self.turn:
            self._spoken = traces.spoken
        self._hear(traces.playout)
        if self._played_ms and not played_before_ms:
            self.first_sound_ms = max(1, now_ms - self.started_ms - self._played_ms)
        self._miss(MODEL, self._reply, traces.reply, traces.model_pid)
        self._miss(VOICE, self._spoken, traces.spoken, traces.voice_pid)
        is_patient = not self._failures and not self._is_unheard
        if self._position != before or (traces.loading and is_patient):
            self._moved_ms = now_ms

    def _hear(self, playout: PlayoutState | None) -> None:
        is_ours = playout is not None and playout.turn == self.turn
        if playout and is_ours:
            self._played_ms = playout.played_ms  # a client's word on what it heard may take some back
        self._is_unheard = self._played_ms > 0 and not is_ours
        self._finished |= playout is not None and playout.finished_turn >= self.turn
        if playout and playout.finished_turn == self.turn and playout.code:
            self.fail(SINK, playout.code)

    def _miss(
        self,
        stage: str,
        own: ReplyState | SpokenState | None,
        level: ReplyState | SpokenState | None,
        pid: int,
    ) -> None:
        """Notice that a stage has died over this turn: its level ran out, or another process has its name."""
        first_pid = self._pids.setdefault(stage, pid) if pid else 0
        if own is not None and not own.complete and (level is None or first_pid != pid):
            self.fail(stage, "peer_stalled")
        elif first_pid != pid and stage == MODEL:
            self._is_forlorn = True

    def outcome(self, now_ms: int) -> Outcome | None:
        """How the turn ended, None while it goes on."""
        over = self._heard_out and not self._writing
        if not over and not self._overdue(now_ms):
            return None
        code = self._code
        if not code and not self._finished:
            code = "sink_failed" if self._is_unheard else "turn_timeout"
        return Outcome(TurnKind.FAILED, code) if code else Outcome(TurnKind.DONE)

    def received_text(self, outcome: Outcome) -> str:
        """The part of the reply that people have got: by ear, or as text where the sound failed.

        The text is on show in full (`report.reply`) while it comes, so a failure of the voice or the sink
        leaves it with the people; after an interruption only the sound counts. What was too long to be spoken
        is written to its end.
        """
        is_written = outcome.kind is TurnKind.DONE and (self._spoken is None or self.is_shortened)
        if is_written or (outcome.kind is TurnKind.FAILED and self._failures.keys() - {MODEL, HAND_OVER}):
            return self._text
        return heard_text(self._text, self._spoken, self._played_ms)

    @property
    def is_model_at_fault(self) -> bool:
        """Whether it was the model that failed, or a reply that never came."""
        nothing_came = not self._failures and not self._text and not self.asked.verbatim
        return self.has_model_failed or nothing_came

    @property
    def has_model_failed(self) -> bool:
        """Whether the model said so, or could not be asked."""
        return bool(self._failures.keys() & {MODEL, HAND_OVER}) or bool(self._model_code)

    @property
    def text(self) -> str:
        """The reply so far, or the text that is read out."""
        return self.asked.text if self.asked.verbatim else self._text

    @property
    def is_shortened(self) -> bool:
        """Whether the reply goes on behind what is spoken of it."""
        return self._spoken is not None and self._spoken.is_shortened

    @property
    def is_written(self) -> bool:
        """Whether its text stands there to the end."""
        return self.asked.verbatim or bool(self._text and not self._writing)

    @property
    def was_heard(self) -> bool:
        """Whether any sound of it was played."""
        return self._played_ms > 0

    @property
    def _text(self) -> str:
        return self._reply.text if self._reply else ""

    @property
    def _position(self) -> tuple[object, ...]:
        """How far the turn has come; whatever else changes in the levels is no progress."""
        made_ms = self._spoken.duration_ms if self._spoken else 0
        return len(self._text), self._writing, made_ms, self._played_ms, self._finished

    @property
    def _model_code(self) -> str:
        """Why the model failed, told by its event or by its level, whichever came."""
        reason = self._reply.finish_reason if self._reply and self._reply.complete else ""
        return self._failures.get(MODEL) or (reason if reason in CODES else "")

    @property
    def _code(self) -> str:
        return next(iter(self._failures.values()), "") or self._model_code

    @property
    def _writing(self) -> bool:
        """Whether the model may still add to the reply."""
        return not self._failures.keys() & {MODEL, HAND_OVER} and not (self._reply and self._reply.complete)

    @property
    def _heard_out(self) -> bool:
        """Whether no more will be heard: played to the end, nobody left to play, or nothing to say."""
        broken = bool(self._failures.keys() - {MODEL, VOICE})
        return self._finished or broken or (bool(self._model_code) and not self._text)

    def _overdue(self, now_ms: int) -> bool:
        return now_ms - self._moved_ms > self._step_ms or now_ms - self.started_ms > self._patience.turn_ms

    @property
    def _step_ms(self) -> int:
        """How long nothing may move now."""
        if self._failures or (self._is_unheard and not self._finished):
            return AFTER_FAILURE_MS
        waits_for_model = not (self._text or self._finished or self._is_forlorn)
        return self._patience.first_token_ms if waits_for_model else self._patience.progress_ms
