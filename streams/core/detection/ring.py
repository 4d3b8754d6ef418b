"""The last weeks of a unit, hour by hour: counts and what was expected of them."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KEPT = 35 * 24
"""Hours kept: 28 days of windows and the days that are still open to corrections."""
SPARE = 14 * 24


class Ring:
    """Counts and expected counts of consecutive UTC hours, [areas, hours]; old hours fall off at the left."""

    def __init__(self, areas: int, first_hour: int) -> None:
        self.first = first_hour
        self.end = first_hour
        self.counts = np.zeros((areas, KEPT + SPARE))
        self.expected = np.zeros((areas, KEPT + SPARE))

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
        for cells in (self.counts, self.expected):
            cells[:, :-shift] = cells[:, shift:]
            cells[:, -shift:] = 0.0
        self.first += shift
        return True

    def slice(self, first: int, end: int) -> slice:
        """Columns of the hours [first, end)."""
        return slice(first - self.first, end - self.first)
