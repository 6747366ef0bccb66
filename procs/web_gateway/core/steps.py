"""What a message of a browser asks the shell to do. Pure; all protocols lead to these same steps."""

from dataclasses import dataclass, field
from typing import Any

NORMAL, POLICY, INTERNAL = 1000, 1008, 1011
UNHEARD, REPLACED, SLOW = 4408, 4409, 4413
"""Close codes (RFC 6455 section 7.4; 4000 and above are ours)."""


@dataclass(frozen=True)
class Fault:
    """Say an error."""

    code: str
    message: str
    sender: str = "client"


@dataclass(frozen=True)
class Close:
    """Close with a code."""

    code: int


@dataclass(frozen=True)
class Acknowledge:
    """A hello was in order: say `hello.ack`, and resume if this connection came to do so."""

    last_seq: int = 0
    received_turn: int = 0
    received_ms: int = 0


@dataclass(frozen=True)
class Start:
    """A session is wanted."""

    audio: dict[str, Any] = field(default_factory=dict)
    user: str = ""
    client: str = ""
    greeting: str = ""
    is_text: bool = False
    """Whether sound is left out."""
    rate_hz: int = 16_000
    """Rate of the sound to the client."""


@dataclass(frozen=True)
class Ask:
    """A prompt."""

    text: str
    id: str = ""


@dataclass(frozen=True)
class Cancel:
    """Stop speaking."""

    graceful: bool = False
    is_told: bool = False
    """Whether the client names how much was heard."""
    heard_turn: int = 0
    """Newest turn of which something was heard, 0 for none."""
    heard_ms: int = 0
    """Its position."""


@dataclass(frozen=True)
class Played:
    """The client has played so much of a turn."""

    turn: int
    position_ms: int


@dataclass(frozen=True)
class Stop:
    """Leave."""

    reason: str


@dataclass(frozen=True)
class Sound:
    """So many frames of 20 ms came from the microphone."""

    n_frames: int


@dataclass(frozen=True)
class Pong:
    """Answer a ping."""

    ts: float


Step = Fault | Close | Acknowledge | Start | Ask | Cancel | Played | Stop | Sound | Pong
