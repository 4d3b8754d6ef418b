"""When violence happens: the shares of months, weekdays and hours, and the luck of a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from schemas.events import DAY, HOUR, Millis

Floats = npt.NDArray[np.float64]

MONTHS = (0.885, 0.918, 0.994, 0.985, 1.098, 1.117, 1.129, 1.012, 0.989, 0.954, 0.968, 0.945)
"""Violence with injury on a day of January, February …, over a mean day (London, March 2024 – February 2026)."""

WEEKDAYS = (0.948, 0.942, 0.953, 0.950, 0.965, 1.096, 1.146)
"""Monday first, over a mean day (Chicago, aggravated assaults, 2010–2019)."""

HOURS = (
    *(0.0489, 0.0476, 0.0415, 0.0348, 0.0238, 0.0167, 0.0143, 0.0172, 0.0264, 0.0316, 0.0356, 0.0397),
    *(0.0427, 0.0442, 0.0470, 0.0536, 0.0519, 0.0514, 0.0531, 0.0544, 0.0552, 0.0572, 0.0576, 0.0536),
)
"""Share of each local hour in a day (Chicago, aggravated assaults, 2010–2019)."""

HOURS_A_YEAR = 8766.0
AREA_CV = 0.17
CITY_CV = 0.09
CITY_MEMORY = 0.5


def shape(first: Millis, hours: int, zone: str) -> Floats:
    """
    Incidents expected in each of *hours* hours from *first*, over those of a mean hour of the year.

    >>> late, early = shape(1_719_612_000_000, 9, "Europe/London")[[0, 8]]  # a Friday of June, 23:00 and 07:00
    >>> bool(late > 2 * early)
    True
    """
    local = [dt.datetime.fromtimestamp((first + hour * HOUR) / 1000, ZoneInfo(zone)) for hour in range(hours)]
    return np.array([MONTHS[at.month - 1] * WEEKDAYS[at.weekday()] * HOURS[at.hour] * 24.0 for at in local])


class Luck:
    """
    Factors of mean 1 by area and day: gamma shocks of the area times an autoregressive shock of the whole city.

    Their size makes the variance of a borough's daily violence about 1.17 times its mean.
    """

    def __init__(self, rng: np.random.Generator, areas: Sequence[str]) -> None:
        self._rng = rng
        self._areas = len(areas)
        self._city = 0.0

    def of_next_day(self) -> Floats:
        """Factor of each area."""
        fresh = self._rng.normal(0.0, CITY_CV * np.sqrt(1.0 - CITY_MEMORY**2))
        self._city = CITY_MEMORY * self._city + float(fresh)
        own = self._rng.gamma(AREA_CV**-2, AREA_CV**2, self._areas)
        factors: Floats = own * np.exp(self._city - CITY_CV**2 / 2.0)
        return factors


def day_start(at: Millis) -> Millis:
    """Start of the UTC day that *at* falls in."""
    return at - at % DAY
