"""When an area has most, and how many to expect then: the place for prevention before a spike."""

from __future__ import annotations

import calendar
from typing import NamedTuple

import numpy as np
from scipy import stats

from streams.review.focus import Estimate
from streams.review.panel import Reals
from streams.review.season import YEAR

DAYS_A_YEAR = 365.25
LENGTHS = np.array([calendar.monthrange(2025, month)[1] for month in range(1, YEAR + 1)]) / DAYS_A_YEAR
"""Of the months of a year, in years."""


class Months(NamedTuple):
    """Incidents to expect in the months of a coming year, [areas, 12], with limits of 95 % for the count itself."""

    expected: Reals
    low: Reals
    high: Reals

    def highest(self, area: int) -> int:
        """The month, 0 to 11, in which an area is to expect most."""
        return int(np.argmax(self.expected[area]))


def of_months(made: Estimate, factors: Reals) -> Months:
    """
    What a coming year's months hold if rates stay as they are and the season is the region's.

    The predictive distribution of a gamma-Poisson rate over a time is negative binomial (Gelman et al., Bayesian Data
    Analysis, 2013, 2.6).
    """
    time = (factors * LENGTHS)[None, :]
    shape, rate = made.shape[:, None], made.rate[:, None]
    chance = rate / (rate + time)
    low, high = (np.asarray(stats.nbinom.ppf(q, shape, chance), dtype=np.float64) for q in (0.025, 0.975))
    return Months(shape / rate * time, low, high)
