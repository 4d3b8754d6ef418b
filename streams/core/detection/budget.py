"""Alert budget: thresholds that keep a stated number of false alerts, from null years of the fitted model."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.core.detection.null import YEAR_DAYS, null_scores
from streams.core.detection.situations import Situations
from streams.core.detection.unit import UnitModel

Floats = npt.NDArray[np.float64]

MERGE = 24
"""Hours below the threshold after which a new episode counts as new."""
WEEK_DAYS = 7.0
TABLE = np.concatenate((np.arange(1.0, 8.0, 0.5), np.arange(8.0, 20.01, 1.0)))
LOWEST_THRESHOLD = 0.5
OFTEN = 3.0
"""Alerts a day above which a score needs no entry of its own."""
LOWEST = 0.5
"""An episode every this many simulated years is the rarest a table promises."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """
    Thresholds by unit, what was asked for, and how rare each score is by chance; keys are ``region|level|group``.

    nominal: false alerts a week, by unit. days: expected days between chance episodes of the whole unit, at each score
    of *scores*.
    """

    version: str
    thresholds: dict[str, float]
    nominal: dict[str, float]
    scores: tuple[float, ...]
    days: dict[str, tuple[float, ...]]

    def chance_days(self, unit: str, score: float) -> float:
        """By chance, a score like this comes about once in so many days somewhere in the unit."""
        return float(np.exp(np.interp(score, self.scores, np.log(self.days[unit]))))

    def to_row(self) -> tuple[str, str]:
        """Version, and the whole as JSON with exact numbers."""
        body = {
            "thresholds": self.thresholds,
            "nominal": self.nominal,
            "scores": self.scores,
            "days": self.days,
        }
        return self.version, json.dumps(body, sort_keys=True)

    @classmethod
    def from_row(cls, row: tuple[str, str]) -> "Calibration":
        """Inverse of ``to_row``."""
        version, text = row
        body = json.loads(text)
        return cls(
            version=version,
            thresholds=dict(body["thresholds"]),
            nominal=dict(body["nominal"]),
            scores=tuple(body["scores"]),
            days={unit: tuple(days) for unit, days in body["days"].items()},
        )


class Episodes:
    """
    Episodes in hourly scores as a function of the threshold: crossings from below, those within 24 hours merged.

    An episode starts at t where score[t] >= h and the highest of the 24 scores before is below h, so it is enough to
    keep both numbers wherever the first exceeds the second.
    """

    def __init__(self, scores: Floats) -> None:
        """Scores: [hours, areas]."""
        hours = scores.shape[0]
        before = np.full_like(scores, -np.inf)
        for back in range(1, MERGE + 1):
            np.maximum(before[back:], scores[: hours - back], out=before[back:])
        rises = scores > before
        rises[0] = False
        self._high = np.sort(scores[rises])
        self._low = np.sort(before[rises])

    def above(self, threshold: Floats) -> Floats:
        """Episodes at each threshold."""
        started = len(self._high) - np.searchsorted(self._high, threshold, side="left")
        over = len(self._low) - np.searchsorted(self._low, threshold, side="left")
        return (started - over).astype(np.float64)


def calibrate(
    models: Sequence[UnitModel],
    rng: np.random.Generator,
    *,
    alerts_per_week: float | None = None,
    per_area_year: float | None = None,
    years: int = 1,
    fixed: Mapping[str, float] | None = None,
) -> Calibration:
    """
    Thresholds for *models* that keep a budget of false alerts.

    With *alerts_per_week*, counted as they are worked (``Situations``): one threshold for all units, so that a bar of
    evidence is the same everywhere and the total over all units keeps the budget; a unit named in *fixed* (key to
    alerts a week) has a budget of its own. With *per_area_year*, counted by area: each unit by itself. Neyman-Pearson:
    one threshold on the likelihood ratio finds the most spikes for a total of false alerts.
    """
    if alerts_per_week is None and per_area_year is None:
        raise ValueError("a budget is needed: alerts_per_week or per_area_year")
    nulls = {model.unit.key: null_scores(model, rng, years) for model in models}
    situations = {m.unit.key: Situations(nulls[m.unit.key], m.unit.neighbours) for m in models}
    weeks = years * YEAR_DAYS / WEEK_DAYS
    if per_area_year is not None:
        thresholds = {
            m.unit.key: _threshold([Episodes(nulls[m.unit.key])], per_area_year * len(m.unit.areas) * years)
            for m in models
        }
    else:
        own = {key: budget for key, budget in (fixed or {}).items() if key in situations}
        shared = [some for key, some in situations.items() if key not in own]
        thresholds = {key: _searched([situations[key]], budget * weeks) for key, budget in own.items()}
        common = _searched(shared, (alerts_per_week or 0.0) * weeks) if shared else 0.0
        thresholds = {key: thresholds.get(key, common) for key in situations}
    nominal = {key: some.above(thresholds[key]) / weeks for key, some in situations.items()}
    days = {key: _days(some, years) for key, some in situations.items()}
    return Calibration(_version(thresholds, days), thresholds, nominal, tuple(TABLE.tolist()), days)


def _threshold(episodes: Sequence[Episodes], budget: float) -> float:
    """Lowest threshold, to a hundredth, above which there are never more episodes than *budget*."""
    grid = np.arange(0.0, 30.0, 0.01)
    count = np.add.reduce([some.above(grid) for some in episodes])
    over = np.flatnonzero(count > budget)
    return float(grid[min(over[-1] + 1, len(grid) - 1)]) if len(over) else float(grid[0])


def _searched(situations: Sequence[Situations], budget: float) -> float:
    """Threshold, to a hundredth, at which there are about *budget* alerts; never under 0.5."""
    low, high = LOWEST_THRESHOLD, 30.0
    while high - low > 0.01:
        middle = 0.5 * (low + high)
        if sum(some.above(middle) for some in situations) > budget:
            low = middle
        else:
            high = middle
    return round(high, 2)


def _days(situations: Situations, years: int) -> tuple[float, ...]:
    """
    Days between chance alerts at each score of the table; never falling, and bounded by what was simulated.

    Scores that come several times a day all get the days of the highest of them: nobody sets a threshold there.
    """
    count = np.full(len(TABLE), LOWEST)
    for index in range(len(TABLE) - 1, -1, -1):
        count[: index + 1] = max(situations.above(float(TABLE[index])), LOWEST)
        if count[index] > OFTEN * years * YEAR_DAYS:
            break
    days = np.maximum.accumulate(years * YEAR_DAYS / count)
    return tuple(days.tolist())


def _version(thresholds: Mapping[str, float], days: Mapping[str, tuple[float, ...]]) -> str:
    text = json.dumps([thresholds, days], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
