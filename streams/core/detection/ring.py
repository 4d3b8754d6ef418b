"""The last weeks of a unit, hour by hour: counts and what was expected of them."""

from copy import copy

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KEPT = 35 * 24
"""Hours kept: 28 days of windows and the days that are still open to corrections."""
SPARE = 14 * 24


SLOTS = 64
"""Days whose rates are kept, by day modulo this; more than the ring ever spans."""


class Ring:
    """
    Counts of consecutive UTC hours and what was expected of them; old hours fall off at the left.

    counts, base (expected at level 1), expected (base x the rate of its own day): [areas, hours]. rate: [areas, days
    modulo 64], level of each area as it was forecast for a day. day: local day of each column.
    """

    def __init__(self, areas: int, first_hour: int) -> None:
        self.first = first_hour
        self.end = first_hour
        self.counts = np.zeros((areas, KEPT + SPARE))
        self.base = np.zeros((areas, KEPT + SPARE))
        self.expected = np.zeros((areas, KEPT + SPARE))
        self.rate = np.zeros((areas, SLOTS))
        self.day = np.zeros(KEPT + SPARE, dtype=np.int64)

    def room(self) -> int:
        """First hour that does not fit."""
        return self.first + self.counts.shape[1]

    def oldest(self) -> int:
        """Oldest hour that takes corrections."""
        return max(self.first, self.end - KEPT)

    def extend(self, end: int) -> bool:
        """Make the ring end before the hour *end*, with room to spare for two days; True if old hours fell off."""
        self.end = end
        if end + 48 <= self.room():
            return False
        shift = end - KEPT - self.first
        for cells in (self.counts, self.base, self.expected):
            cells[:, :-shift] = cells[:, shift:].copy()
            cells[:, -shift:] = 0.0
        self.day[:-shift] = self.day[shift:].copy()
        self.first += shift
        return True

    def forecast(self, day: int, first: int, base: Floats, rate: Floats) -> None:
        """Write down what is expected of *day*, whose first hour is *first*: *base* [areas, hours], *rate* [areas]."""
        part = self.slice(first, first + base.shape[1])
        self.base[:, part] = base
        self.expected[:, part] = rate[:, None] * base
        self.rate[:, day % SLOTS] = rate
        self.day[part] = day

    def copied(self) -> "Ring":
        """Make one whose counts are its own; the rest is shared."""
        other = copy(self)
        other.counts = self.counts.copy()
        return other

    def slice(self, first: int, end: int) -> slice:
        """Columns of the hours [first, end)."""
        return slice(first - self.first, end - self.first)
