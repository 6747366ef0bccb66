"""Quantiles, slopes and the pace of frames: what the figures in the tables are. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

import numpy as np

from bus.audio import FRAME_MS


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all values do not exceed; NaN without values."""
    return float(np.quantile(values, share)) if len(values) else nan


def mean(values: Sequence[float]) -> float:
    """The mean; NaN without values."""
    return float(np.mean(values)) if len(values) else nan


def slope(values: Sequence[float]) -> float:
    """Growth per step: the median of the slopes between all pairs (Theil, Sen); outliers do not move it."""
    pairs = itertools.combinations(enumerate(values), 2)
    return float(np.median([(b - a) / (j - i) for (i, a), (j, b) in pairs])) if len(values) > 1 else nan


@dataclass(frozen=True)
class Pace:
    """How evenly the frames of a sink left."""

    n_frames: int
    late: int
    """Frames that left more than 20 ms after their deadline."""
    bursts: int
    """Gaps under 15 ms."""
    deficit: int
    """Frames that a clock of 20 ms expected and that did not leave."""
    gap_p50_ms: float
    gap_p99_ms: float
    gap_max_ms: float

    @property
    def jitter_p99_ms(self) -> float:
        """How much longer than a frame the gap is that 99 % do not exceed."""
        return self.gap_p99_ms - FRAME_MS

    @property
    def late_percent(self) -> float:
        """Share of late frames."""
        return 100 * self.late / max(1, self.n_frames)

    @property
    def deficit_per_minute(self) -> float:
        """Missing frames per 3,000."""
        return 3000 * self.deficit / max(1, self.n_frames)


def pace_of(facts: dict[str, str]) -> Pace:
    """The figures as a sink's `PaceMeter` gives them to health."""
    return Pace(
        n_frames=int(facts.get("frames", 0)),
        late=int(facts.get("late", 0)),
        bursts=int(facts.get("bursts", 0)),
        deficit=int(facts.get("deficit", 0)),
        gap_p50_ms=float(facts.get("gap_p50_ms", "nan")),
        gap_p99_ms=float(facts.get("gap_p99_ms", "nan")),
        gap_max_ms=float(facts.get("gap_max_ms", "nan")),
    )
