"""What a unit of detection is, whether it is ready, and its scores."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from streams.core.detection.calendar import Period
from streams.core.detection.settings import Settings

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Region x level x group: what is scored together and keeps one alert budget."""

    region: str
    level: str
    group: str
    areas: tuple[str, ...]
    neighbours: tuple[tuple[int, ...], ...]
    zone: str
    day_starts: int
    periods: tuple[Period, ...] = ()
    settings: Settings = field(default_factory=Settings)

    @property
    def key(self) -> str:
        """``region|level|group``."""
        return f"{self.region}|{self.level}|{self.group}"


class Readiness(StrEnum):
    """Whether an area can be scored, and if not, why."""

    READY = "READY"
    NOT_ENOUGH_HISTORY = "NOT_ENOUGH_HISTORY"
    NO_DATA = "NO_DATA"
    COVERAGE_CHANGED = "COVERAGE_CHANGED"


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of some areas at one instant: areas (their indexes) and score (log Bayes factor), alike in length."""

    areas: Indexes
    score: Floats
