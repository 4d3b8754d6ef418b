"""What changed from one span of twelve months to the next, in every area, without an area changed by chance."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from scipy import stats

from streams.review.panel import Counts, Reals
from streams.review.season import SURE, YEAR

FALSE = 0.05
"""Share of areas called changed that did not, at most, in expectation; in a world without change, the chance of any."""
TELLING = 10
"""Incidents in both spans together below which no change could be told."""


class Verdict(StrEnum):
    """What can be said of a change."""

    UP = "UP"
    DOWN = "DOWN"
    NONE = "NO_EVIDENCE"
    FEW = "TOO_FEW"
    SHORT = "NOT_ENOUGH_HISTORY"


class Change(NamedTuple):
    """Incidents of the last twelve months over those of the twelve before, with limits of 95 %."""

    now: int
    before: int
    ratio: float
    low: float
    high: float
    verdict: Verdict


def changes(counts: Counts, recorded: float = 1.0) -> list[Change]:
    """
    Compare the last two years of each row of [areas, months].

    *recorded* is the share of the last year's incidents that is recorded by now, over that of the year before.

    The log ratio has variance d (1/a + 1/b), counts with a half added (Breslow and Day 1987, 2.4; Woolf 1955), where d
    is how much more than chance areas usually differ from the region's own change, from all earlier pairs of years.
    Areas are called changed by Benjamini and Hochberg (1995) at 5 %.
    """
    if counts.shape[1] < 2 * YEAR:
        return [Change(int(row[-YEAR:].sum()), 0, 1.0, 0.0, np.inf, Verdict.SHORT) for row in counts]
    now, before = counts[:, -YEAR:].sum(axis=1), counts[:, -2 * YEAR : -YEAR].sum(axis=1)
    spread = usual_difference(counts)
    log, error = _logs(now, before, spread)
    log -= math.log(recorded)
    many = now + before >= TELLING
    called = np.zeros(len(now), dtype=bool)
    if many.any():
        called[many] = benjamini_hochberg(2.0 * stats.norm.sf(np.abs(log[many] / error[many])), FALSE)
    return [
        Change(
            int(now[k]),
            int(before[k]),
            float(np.exp(log[k])),
            float(np.exp(log[k] - SURE * error[k])),
            float(np.exp(log[k] + SURE * error[k])),
            _verdict(bool(many[k]), bool(called[k]), float(log[k])),
        )
        for k in range(len(now))
    ]


def compared(now: int, before: int, spread: float, recorded: float = 1.0) -> Change:
    """One pair of years; *spread* is how many times the variance of chance its counts have, *recorded* as above."""
    log, error = _logs(np.array([now]), np.array([before]), spread)
    log -= math.log(recorded)
    called = abs(log[0]) > SURE * error[0]
    limits = np.exp(log[0] + SURE * error[0] * np.array([-1.0, 1.0]))
    verdict = _verdict(now + before >= TELLING, bool(called), float(log[0]))
    return Change(now, before, float(np.exp(log[0])), float(limits[0]), float(limits[1]), verdict)


def _verdict(many: bool, called: bool, log: float) -> Verdict:
    if not many:
        return Verdict.FEW
    if not called:
        return Verdict.NONE
    return Verdict.UP if log > 0 else Verdict.DOWN


def _logs(now: Counts, before: Counts, spread: float) -> tuple[Reals, Reals]:
    log: Reals = np.log((now + 0.5) / (before + 0.5))
    error: Reals = np.sqrt(spread * (1.0 / (now + 0.5) + 1.0 / (before + 0.5)))
    return log, error


def usual_difference(counts: Counts) -> float:
    """
    Variance of the year-on-year log ratio of areas around the region's, over what chance gives; at least 1.

    From all pairs of whole years before the last one, robustly: the median absolute deviation is not moved by the few
    areas that really changed.
    """
    scores: list[float] = []
    years = counts.shape[1] // YEAR
    for back in range(1, years - 1):
        now = counts[:, -YEAR * (back + 1) : counts.shape[1] - YEAR * back].sum(axis=1)
        before = counts[:, -YEAR * (back + 2) : counts.shape[1] - YEAR * (back + 1)].sum(axis=1)
        many = now + before >= TELLING
        if not many.any():
            continue
        log, error = _logs(now[many], before[many], 1.0)
        common = np.log((now.sum() + 0.5) / (before.sum() + 0.5))
        scores += list((log - common) / error)
    if len(scores) < YEAR:
        return 1.0
    return max(1.0, float((np.median(np.abs(scores)) / stats.norm.ppf(0.75)) ** 2))


def benjamini_hochberg(p: Reals, share: float) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which of these are called, such that at most *share* of the called ones are false (Benjamini, Hochberg 1995)."""
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= share * np.arange(1, len(p) + 1) / len(p))
    called = np.zeros(len(p), dtype=bool)
    if len(below):
        called[order[: below[-1] + 1]] = True
    return called
