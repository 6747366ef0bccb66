"""What a campaign is: a fault, fuzz or soak test played many times, each time with a seed of its own.

A run knows nothing but its seed, so that it can be repeated alone. It fails by an AssertionError; what it
measures on the way it notes as figures, which are reported against their limits and fail nothing: machines
differ and are shared.
"""

import hashlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.campaign.world import World

Figures = dict[str, list[float]]
"""Name (with its unit) → values noted."""


@dataclass
class Run:
    """One run of a campaign.

    Args:
        world: stacks and servers that runs share.
        minutes: how long a campaign that is measured in time goes on.
    """

    campaign: str
    index: int
    seed: int
    world: "World"
    minutes: float = 0.0
    figures: Figures = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def note(self, figure: str, *values: float) -> None:
        """Report values under a name that ends with the unit."""
        self.figures.setdefault(figure, []).extend(values)


Play = Callable[[Run], Awaitable[None] | None]


@dataclass(frozen=True)
class Limit:
    """Where a figure should stay."""

    figure: str
    share: float
    """Part of the values that the limit holds for: 0.95 = p95, 1 = the worst."""
    most: float

    @property
    def where(self) -> str:
        """`share` for people."""
        return "worst" if self.share == 1 else f"p{self.share * 100:g}"


@dataclass(frozen=True)
class Campaign:
    """A row of the table."""

    id: str
    """Short name, after the fault, security and user rows of the reliability plan where there is one."""
    name: str
    target: str
    """What every run must show."""
    runs: int
    """The full number."""
    play: Play
    trials: int = 1
    """What one run does this many times by itself."""
    unit: str = "runs"
    """What is counted: runs x trials."""
    minutes: float = 0.0
    """Full length of a campaign that is measured in time, which then has one run."""
    limits: tuple[Limit, ...] = ()
    patience_s: float = 180.0
    """A run that takes longer hangs."""

    @property
    def full(self) -> str:
        """The full number, for people."""
        if self.minutes:
            return f"{self.minutes:g} min"
        return f"{self.runs * self.trials:,} {self.unit}"


def seed_of(seed: int, campaign: str, index: int) -> int:
    """The seed of one run."""
    digest = hashlib.blake2b(f"{seed} {campaign} {index}".encode(), digest_size=6).digest()
    return int.from_bytes(digest)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` of all do not exceed; by the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-round(share * 1_000_000) * len(ordered) // 1_000_000) - 1)]
