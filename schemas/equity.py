"""
Where alerts fall: loads by band of deprivation, with exact intervals, and how they go with what the police do. Pure.

Bands run from 1, the most deprived fifth, to 5, the least. Counts of few alerts say little, so every rate has its
interval, and what can't be told is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special, stats

RESIDENTS = 10_000
BANDS = 5
LEVEL = 0.95
FEW_AREAS = 10
"""Areas below which no correlation is told."""
FEW_MONTHS = 6
"""Months of the police's own activity below which no correlation is told."""
DRAWS = 2000


class Interval(NamedTuple):
    """From ``low`` to ``high``, both included."""

    low: float
    high: float


def poisson_limits(count: int, level: float = LEVEL) -> Interval:
    """
    Exact limits for the mean of a Poisson count.

    Garwood, Biometrika 28 (1936): the limits are quantiles of gamma distributions with shapes count and count + 1.
    """
    tail = (1 - level) / 2
    low = float(special.gammaincinv(count, tail)) if count else 0.0
    return Interval(low, float(special.gammaincinv(count + 1, 1 - tail)))


def share_limits(hits: int, of: int, level: float = LEVEL) -> Interval:
    """
    Limits for a share, by the prior of Jeffreys; 0 and 1 are limits where no or every trial was a hit.

    Brown, Cai and DasGupta, Interval estimation for a binomial proportion, Statistical Science 16 (2001), section 3.
    """
    tail = (1 - level) / 2
    low = float(special.betaincinv(hits + 0.5, of - hits + 0.5, tail)) if hits else 0.0
    high = float(special.betaincinv(hits + 0.5, of - hits + 0.5, 1 - tail)) if hits < of else 1.0
    return Interval(low, high)


def fifths(order: Mapping[str, float]) -> dict[str, int]:
    """
    Bands of areas by a number that is smallest for the most deprived: fifths of the areas, equal numbers alike.

    >>> fifths({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5})
    {'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5}
    >>> fifths({"a": 7, "b": 7, "c": 9})
    {'a': 1, 'b': 1, 'c': 4}
    """
    ranked = sorted(order.values())
    return {code: 1 + BANDS * ranked.index(number) // len(ranked) for code, number in order.items()}


MEASURES = ("band", "rank", "score")
"""What a table of deprivation may tell: bands, ranks (1 the most deprived), scores (more is more deprived)."""


def bands_of(measure: str, numbers: Mapping[str, float]) -> dict[str, int]:
    """
    Bands of the areas of one level, by what the table tells of them.

    >>> bands_of("score", {"a": 61.5, "b": 3.2})
    {'a': 1, 'b': 3}
    """
    if measure == "band":
        return {area: int(number) for area, number in numbers.items()}
    sign = -1 if measure == "score" else 1
    return fifths({area: sign * number for area, number in numbers.items()})


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaLoad:
    """Alerts and residents of one area; ``band`` and ``residents`` None where not known."""

    area: str
    alerts: int
    residents: int | None
    band: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BandLoad:
    """Alerts of all areas of a band whose residents are known; ``band`` None: areas of no known band."""

    band: int | None
    areas: int
    alerts: int
    residents: int

    @property
    def rate(self) -> float | None:
        """Alerts for ten thousand residents; None where there are none."""
        return None if not self.residents else RESIDENTS * self.alerts / self.residents

    @property
    def limits(self) -> Interval | None:
        """Of the rate, 95 %."""
        if not self.residents:
            return None
        low, high = poisson_limits(self.alerts)
        return Interval(RESIDENTS * low / self.residents, RESIDENTS * high / self.residents)


def by_band(loads: Iterable[AreaLoad]) -> list[BandLoad]:
    """Loads by band, the most deprived first, what has no band last; areas of unknown residents are left out."""
    found: dict[int | None, list[AreaLoad]] = {}
    for each in loads:
        if each.residents is not None:
            found.setdefault(each.band, []).append(each)
    return [
        BandLoad(
            band=band,
            areas=len(of),
            alerts=sum(each.alerts for each in of),
            residents=sum(each.residents or 0 for each in of),
        )
        for band, of in sorted(found.items(), key=lambda item: item[0] or BANDS + 1)
    ]


class Going(NamedTuple):
    """Spearman's rank correlation and its interval; both None with too little to tell, and ``why`` says what."""

    correlation: float | None
    limits: Interval | None
    why: str = ""


def goes_with(
    alerts: Mapping[str, int], activity: Mapping[str, int], months: int, random: np.random.Generator
) -> Going:
    """
    How alerts go with the police's own activity, over areas.

    Parameters
    ----------
    alerts, activity
        By area; areas of one that the other lacks are 0 there for alerts, left out for activity.
    months
        Months that the activity covers.
    random
        Draws areas again for the percentile interval (Efron and Tibshirani 1993, chapter 13).

    """
    if not activity:
        return Going(None, None, "no feed of the police's own activity")
    if months < FEW_MONTHS:
        return Going(None, None, f"not enough history: {months} months, {FEW_MONTHS} are needed")
    if len(activity) < FEW_AREAS:
        return Going(None, None, f"not enough areas: {len(activity)}, {FEW_AREAS} are needed")
    pairs = np.array([(alerts.get(area, 0), number) for area, number in sorted(activity.items())], float)
    if np.ptp(pairs, axis=0).min() == 0:
        return Going(None, None, "not enough history: all areas are alike")
    drawn = _rank_correlations(pairs[random.integers(0, len(pairs), (DRAWS, len(pairs)))])
    limits = Interval(*(float(np.quantile(drawn, at)) for at in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)))
    return Going(float(_rank_correlations(pairs[np.newaxis])[0]), limits)


def _rank_correlations(pairs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Spearman's of [draws, areas, 2]; draws in which one side does not vary are left out."""
    ranks = stats.rankdata(pairs, axis=1)
    apart = np.asarray(ranks - ranks.mean(axis=1, keepdims=True), np.float64)
    spread = np.sqrt((apart**2).sum(axis=1).prod(axis=1))
    return np.asarray(apart.prod(axis=2).sum(axis=1)[spread > 0] / spread[spread > 0], np.float64)


def quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile of one or more values."""
    low, middle, high = np.quantile(np.array(values, float), [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
