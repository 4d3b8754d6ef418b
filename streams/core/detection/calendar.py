"""Kinds of days that are known beforehand, holidays and fixtures, and what each does to the counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.core.detection.localtime import HOUR_MS

Floats = npt.NDArray[np.float64]

PRIOR_FACTOR = {"new_year": 1.5}
USUAL_FACTOR = 1.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Something known beforehand: [start_ms, end_ms) in UTC, of a *kind*, in one area (its index) or in all (None)."""

    start_ms: int
    end_ms: int
    kind: str
    area: int | None = None


class Calendar:
    """
    Periods of a unit and what they do: one factor for each kind.

    Factor of a kind: (O + m k) / (E + k), observed over expected in all its past hours with a gamma prior of mean m
    worth k expected incidents.
    """

    def __init__(self, periods: Sequence[Period], areas: int, prior: float) -> None:
        self.kinds = tuple(sorted({period.kind for period in periods}))
        self._areas = areas
        self._weight = prior
        self._mean = np.array([PRIOR_FACTOR.get(kind, USUAL_FACTOR) for kind in self.kinds])
        kind_of = {kind: index for index, kind in enumerate(self.kinds)}
        spans = [(p.start_ms // HOUR_MS, -(-p.end_ms // HOUR_MS), kind_of[p.kind], p.area) for p in periods]
        self._spans = sorted(spans, key=lambda span: span[:3])
        self._starts = np.array([span[0] for span in self._spans], dtype=np.int64)
        self._longest = max((end - start for start, end, _, _ in self._spans), default=0)
        self.observed = np.zeros(len(self.kinds))
        self.expected = np.zeros(len(self.kinds))

    def factors(self) -> Floats:
        """Factor of each kind as learnt so far."""
        answer: Floats = (self.observed + self._mean * self._weight) / (self.expected + self._weight)
        return answer

    def marks(self, first: int, hours: int) -> list[tuple[int, slice, int | None]]:
        """(kind, part of the hours, area) of each period that touches [first, first + hours)."""
        low = int(np.searchsorted(self._starts, first - self._longest))
        high = int(np.searchsorted(self._starts, first + hours))
        return [
            (kind, slice(max(start - first, 0), min(end - first, hours)), area)
            for start, end, kind, area in self._spans[low:high]
            if end > first
        ]

    def effect(self, first: int, hours: int) -> Floats | None:
        """Product of the factors in force, [areas, hours], or None where there is nothing."""
        marks = self.marks(first, hours)
        if not marks:
            return None
        factors = self.factors()
        answer = np.ones((self._areas, hours))
        for kind, part, area in marks:
            answer[slice(None) if area is None else area, part] *= factors[kind]
        return answer

    def learn(self, first: int, counts: Floats, expected: Floats) -> None:
        """Take in a day: *counts* and what was *expected* of it with the factors of now, both [areas, hours]."""
        marks = self.marks(first, counts.shape[1])
        factors = self.factors()
        for kind, part, area in marks:
            where = (slice(None) if area is None else area, part)
            self.observed[kind] += counts[where].sum()
            self.expected[kind] += expected[where].sum() / factors[kind]
