"""How many alerts hourly scores would have made: neighbours that cross together, or after one another, are one."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.core.detection.episodes import QUIET_MS, STAY
from streams.core.detection.localtime import HOUR_MS

Floats = npt.NDArray[np.float64]

NEAR = 4
QUIET_HOURS = QUIET_MS // HOUR_MS


class Situations:
    """
    Alerts in hourly scores as a function of the threshold, grouped as they are worked.

    An alert opens where an area reaches the threshold that is not next to one already open; areas next to it join;
    it ends once all its areas have been under threshold - 0.7 for 24 hours. Next to: one of the four nearest, mutual.
    """

    def __init__(self, scores: Floats, neighbours: Sequence[Sequence[int]]) -> None:
        """Scores: [hours, areas]."""
        self._scores = scores
        self._top = scores.max(axis=1)
        self._near = [{area, *near[:NEAR]} for area, near in enumerate(neighbours)]
        for area, near in enumerate(neighbours):
            for other in near[:NEAR]:
                self._near[other].add(area)

    def above(self, threshold: float) -> int:
        """Alerts at *threshold*."""
        opened = 0
        standing: list[tuple[set[int], int]] = []
        for hour in np.flatnonzero(self._top >= threshold - STAY):
            row = self._scores[hour]
            hot = set(np.flatnonzero(row >= threshold).tolist())
            standing = [(areas, last) for areas, last in standing if hour - last < QUIET_HOURS]
            standing = [
                (areas, int(hour) if row[list(areas)].max() >= threshold - STAY else last)
                for areas, last in [(self._joined(areas, hot), last) for areas, last in standing]
            ]
            while hot:
                areas = self._grown({hot.pop()}, hot)
                standing.append((areas, int(hour)))
                opened += int(hour > 0)
        return opened

    def _joined(self, areas: set[int], hot: set[int]) -> set[int]:
        """*areas* and those of *hot* that are next to them, which are taken from *hot*."""
        joined = hot & set().union(*(self._near[area] for area in areas))
        hot -= joined
        return areas | joined

    def _grown(self, areas: set[int], hot: set[int]) -> set[int]:
        """*areas* and all of *hot* that hang together with them, which are taken from *hot*."""
        edge = list(areas)
        while edge:
            joined = self._near[edge.pop()] & hot
            hot -= joined
            areas |= joined
            edge += joined
        return areas
