"""A model walked through counted hours, a local day at a time: learning alone, or with the scores of each hour."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from schemas.events import HOUR, Millis
from streams.backtest.hours import Counts
from streams.core.detection.localtime import LocalTime
from streams.core.detection.unit import Scores, Unit, UnitModel

Floats = npt.NDArray[np.float64]

Told = Callable[[int], None]
"""Told how many hours have been walked."""


class DayModel(UnitModel):
    """
    A model that is given a day at once and scores all its hours in one go.

    The score at an hour is the same to the bit as that of the model that lives through the hours one by one, because
    windows look back and nothing else of a day changes before its turn.
    """

    def __init__(self, unit: Unit, start_ms: Millis) -> None:
        super().__init__(unit, start_ms)
        self._scored_from = 0
        self._scored_hours = np.empty((0, len(unit.areas)))

    def learn(self, first: int, counts: Counts) -> None:
        """Take in hours (since the epoch) of one local day."""
        self.advance(first * HOUR + 1)
        self.record_hours(first, counts)

    def live(self, first: int, counts: Counts) -> Floats:
        """The same, with the scores at the ends of these hours, [hours, areas]."""
        self.learn(first, counts)
        self._scored_from, self._scored_hours = first, self.score_hours(first, counts.shape[1])
        return self._scored_hours

    def score(self, now_ms: Millis, changed: Sequence[int] | None = None) -> Scores:
        """Scores at *now_ms*: looked up if it is the end of one of the hours scored last, else made."""
        hour, rest = divmod(now_ms, HOUR)
        row = hour - 1 - self._scored_from
        if rest or not 0 <= row < len(self._scored_hours):
            return super().score(now_ms, changed)
        areas = np.arange(len(self.unit.areas)) if changed is None else np.array(changed, dtype=np.intp)
        return Scores(areas, self._scored_hours[row, areas])

    def with_more(self, cells: Iterable[tuple[int, int, int]]) -> Self:
        """The same; what was scored last is not what this one scores."""
        other = super().with_more(cells)
        other._scored_hours = self._scored_hours[:0]  # noqa: SLF001 - of the same class
        return other

    def expected_hours(self, first: int, count: int) -> Floats:
        """What was expected of *count* hours from *first* on the morning of their day, [areas, hours]."""
        part: Floats = self._ring.expected[:, self._ring.slice(first, first + count)]
        return part.copy()

    def score_samples(self, area: int, counts: Floats, expected: Floats, ends: Sequence[int]) -> Floats:
        """
        Scores of *area* at the column before each of *ends* in many made-up pasts, [samples, ends].

        counts, expected: [samples, rows, hours], rows as :meth:`sampled_rows` has them; ends are 168 or more.
        """
        columns = np.array(ends)[:, None]
        before = columns - np.array(self.unit.settings.windows)
        observed, means = (
            (total[..., columns] - total[..., before])
            .transpose(0, 2, 1, 3)
            .reshape(-1, total.shape[1], before.shape[1])
            for total in (_cumulated(counts), _cumulated(expected))
        )
        answer: Floats = self._odds(observed, means, self._scan.plan([area]))[:, 0].reshape(len(counts), len(ends))
        return answer

    def sampled_rows(self, area: int) -> list[int]:
        """Areas whose counts decide the score of *area*, in the order that :meth:`score_samples` wants."""
        return [int(row) for row in self._scan.plan([area]).rows]


def _cumulated(hours: Floats) -> Floats:
    zero = np.zeros((*hours.shape[:-1], 1))
    answer: Floats = np.concatenate((zero, np.cumsum(hours, axis=-1)), axis=-1)
    return answer


def local_days(unit: Unit, first: int, end: int) -> Iterator[tuple[int, int]]:
    """The local days of *unit* that [first, end) (hours since the epoch) is made of, as [first, end) each."""
    local = LocalTime(unit.zone, unit.day_starts)
    while first < end:
        turn = min(local.first_hour(local.day_of(first) + 1), end)
        yield first, turn
        first = turn


def learnt(unit: Unit, counts: Counts, first: int, end: int, told: Told = lambda _: None) -> DayModel:
    """A model that has learnt the hours [first, end) of *counts*, whose first column is *first*."""
    model = DayModel(unit, first * HOUR)
    for start, turn in local_days(unit, first, end):
        model.learn(start, counts[:, start - first : turn - first])
        told(turn - start)
    model.advance(end * HOUR + 1)
    return model
