"""What the bus shows of a session's turn: the model's text, the voice's sound, the sink's playing."""

from typing import Any

from bus import Bus, LevelView
from bus.messages import Health, NodeState
from procs.bot_main.core.running import MODEL, VOICE, Traces


class Stages:
    """Follows them all."""

    def __init__(self, bus: Bus) -> None:
        self._health = bus.follow("report.health.")
        self._reply = bus.follow("report.reply")
        self._spoken = bus.follow("report.spoken")
        self._playout = bus.follow("report.playout.")

    @property
    def levels(self) -> tuple[LevelView[Any], ...]:
        """Those that tell how a turn goes on."""
        return self._reply, self._spoken, self._playout

    def traces(self, session: str) -> Traces:
        """What they show of a session now."""
        model: Health | None = self._health.get(src=MODEL)
        voice: Health | None = self._health.get(src=VOICE)
        return Traces(
            self._reply.get(session),
            self._spoken.get(session),
            self._playout.get(session),
            loading=any(health and health.state is NodeState.LOADING for health in (model, voice)),
            model_pid=model.pid if model else 0,
            voice_pid=voice.pid if voice else 0,
        )
