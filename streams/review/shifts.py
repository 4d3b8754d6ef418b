"""Level shifts of a series: when a level changed, by how much, and how sure that is."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from streams.review.months import Month
from streams.review.panel import Counts, Reals
from streams.review.season import SURE, Seasonal

SHORTEST = 3
"""Months that a level lasts, at least."""
FALSE_ALARM = 0.01
"""Chance that a series without any shift is given one."""
WORLDS = 4000
SEED = 20261125


class Shift(NamedTuple):
    """
    A level that changed.

    ``at`` is the first month of the new level, [``earliest``, ``latest``] the months that the data can't tell from it
    (95 %), ``ratio`` the new level over the old one with limits of 95 %; ``before`` and ``after`` are incidents a
    month.
    """

    at: Month
    earliest: Month
    latest: Month
    ratio: float
    low: float
    high: float
    before: float
    after: float


def found(counts: Counts, first: Month, season: Seasonal, false_alarm: float = FALSE_ALARM) -> tuple[Shift, ...]:
    """
    All level shifts of a series, by binary segmentation.

    The likelihood ratio of one level against two, Poisson with the season's shares as exposure, over the dispersion
    (quasi-likelihood; Wedderburn 1974), at its largest over all months of change (Worsley 1986); split where that
    exceeds what ``false_alarm`` of series without a shift reach (simulated, as long as the series), then again on
    either side (Scott and Knott 1974). At the end each date is found again between its neighbours.
    """
    share = season.expected_share
    limit = threshold(len(counts), false_alarm) * season.dispersion
    splits = _segmented(counts, share, 0, len(counts), limit)
    settled = [_best(counts, share, *span)[0] for span in _around(splits, len(counts))]
    kept = sorted(set(settled))
    return tuple(
        _told(counts, first, season, *span, at) for at, span in zip(kept, _around(kept, len(counts)), strict=True)
    )


def _around(splits: list[int], length: int) -> list[tuple[int, int]]:
    """For each split the span between the one before and the one after it."""
    edges = [0, *splits, length]
    return [(edges[k], edges[k + 2]) for k in range(len(splits))]


def _segmented(counts: Counts, share: Reals, begin: int, end: int, limit: float) -> list[int]:
    if end - begin < 2 * SHORTEST:
        return []
    at, gain = _best(counts, share, begin, end)
    if gain <= limit:
        return []
    return [*_segmented(counts, share, begin, at, limit), at, *_segmented(counts, share, at, end, limit)]


def _best(counts: Counts, share: Reals, begin: int, end: int) -> tuple[int, float]:
    """Month of the best split of [begin, end) and twice the log likelihood ratio there."""
    gains = _gains(counts[begin:end].astype(np.float64)[None], share[begin:end])[0]
    at = int(np.argmax(gains))
    return begin + SHORTEST + at, float(gains[at])


def _gains(counts: Reals, share: Reals) -> Reals:
    """Twice the log likelihood ratio of every split that leaves both sides long enough: [series, splits]."""
    y, e = np.cumsum(counts, axis=1), np.cumsum(share)
    cut = slice(SHORTEST - 1, len(share) - SHORTEST)
    left, right = y[:, cut], y[:, -1:] - y[:, cut]
    on_left, on_right = e[cut], e[-1] - e[cut]
    whole = _likelihood(y[:, -1:], e[-1:])
    out: Reals = 2.0 * (_likelihood(left, on_left) + _likelihood(right, on_right) - whole)
    return out


def _likelihood(count: Reals, exposure: Reals) -> Reals:
    """Poisson log likelihood at its largest, without what does not depend on the rate."""
    return np.where(count > 0, count * np.log(np.where(count > 0, count, 1.0) / exposure), 0.0)


@lru_cache(maxsize=64)
def threshold(length: int, false_alarm: float, seed: int = SEED) -> float:
    """Largest gain that a share ``false_alarm`` of series of this length without a shift exceeds."""
    if length < 2 * SHORTEST:
        return math.inf
    random = np.random.default_rng([seed, length])
    worlds = random.poisson(50.0, size=(WORLDS, length)).astype(np.float64)
    return float(np.quantile(_gains(worlds, np.ones(length)).max(axis=1), 1.0 - false_alarm))


def _told(counts: Counts, first: Month, season: Seasonal, begin: int, end: int, at: int) -> Shift:
    share = season.expected_share
    gains = _gains(counts[begin:end].astype(np.float64)[None], share[begin:end])[0]
    near = np.flatnonzero(gains >= gains.max() - 3.841 * season.dispersion) + begin + SHORTEST
    old, new = float(counts[begin:at].sum()), float(counts[at:end].sum())
    before, after = (old + 0.5) / share[begin:at].sum(), (new + 0.5) / share[at:end].sum()
    half = SURE * math.sqrt(season.dispersion * (1.0 / (old + 0.5) + 1.0 / (new + 0.5)))
    ratio = after / before
    return Shift(
        at=first + at,
        earliest=first + int(near.min()),
        latest=first + int(near.max()),
        ratio=ratio,
        low=ratio * math.exp(-half),
        high=ratio * math.exp(half),
        before=before,
        after=after,
    )
