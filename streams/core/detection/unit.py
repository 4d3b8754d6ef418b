"""A unit of detection, region x level x group: its areas, its model, its scores."""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from streams.core.detection.evidence import Plan, Scan, log_odds, log_ratios
from streams.core.detection.explain import Expected, Explanation, interval, multiplier
from streams.core.detection.learner import Learner
from streams.core.detection.localtime import HOUR_MS, current_hour
from streams.core.detection.ring import SLOTS
from streams.core.detection.values import Readiness, Scores, Unit

__all__ = ["Readiness", "Scores", "Unit", "UnitModel"]

Floats = npt.NDArray[np.float64]


class UnitModel(Learner):
    """
    The state of one unit and what follows from it.

    ``record`` and ``advance`` change it, ``score``, ``explain``, ``expected`` and ``with_more`` only read. The same
    calls in the same order give the same bits.
    """

    def __init__(self, unit: Unit, start_ms: int) -> None:
        super().__init__(unit, start_ms)
        settings = unit.settings
        self._scan = Scan(unit.neighbours, settings)
        self._multipliers = np.array(settings.multipliers)
        cells = len(settings.windows) * len(settings.multipliers)
        self._prior = np.full(cells, 1.0 / cells)

    def score(self, now_ms: int, changed: Sequence[int] | None = None) -> Scores:
        """
        Score of all areas, or of the *changed* ones, with windows that end at *now_ms*.

        The hour that is running counts in part. ``advance`` to *now_ms* comes first, or ``ValueError``.
        """
        plan = self._scan.whole if changed is None else self._scan.plan(changed)
        areas = np.arange(len(self.unit.areas)) if changed is None else np.array(changed, dtype=np.intp)
        return Scores(areas, self._scored([self._end(now_ms)], self._weights(now_ms, self._longest), plan)[0])

    def with_more(self, cells: Iterable[tuple[int, int, int]]) -> Self:
        """
        Make a model that saw more than this one and expects the same; to be scored and explained, never to learn.

        cells: area, start of the hour in ms, incidents beside those counted; fewer if negative. Hours outside the ring
        are left out.
        """
        ring = self._ring.copied()
        for area, hour_ms, more in cells:
            hour = hour_ms // HOUR_MS
            if ring.first <= hour < ring.end:
                ring.counts[area, hour - ring.first] += more
        other = copy(self)
        other._ring = ring  # noqa: SLF001 - of the same class
        return other

    def _end(self, now_ms: int) -> int:
        end = current_hour(now_ms) + 1
        if end > self._ring.end:
            raise ValueError(f"{self.unit.key} stands before the day of {now_ms}: advance it first")
        return end

    def score_hours(self, first_hour: int, count: int) -> Floats:
        """Scores of all areas at the ends of *count* hours (since the epoch) from *first_hour*; [count, areas]."""
        ends = range(first_hour + 1, first_hour + count + 1)
        return self._scored(ends, self._complete[: self._longest][::-1], self._scan.whole)

    def _scored(self, ends: Sequence[int], weights: Floats, plan: Plan) -> Floats:
        observed, expected = self._windows(ends, weights, plan.rows)
        return self._odds(observed, expected, plan)

    def _odds(self, observed: Floats, expected: Floats, plan: Plan) -> Floats:
        """Scores of the areas of *plan*, [ends, areas]."""
        ratios = self._ratios(observed, expected, plan)
        odds = log_odds(ratios, plan, self._prior, self.unit.settings.joint)
        answer: Floats = odds - self._handicap[plan.rows[plan.target]]
        return answer

    def _ratios(self, observed: Floats, expected: Floats, plan: Plan) -> Floats:
        ratios = log_ratios(
            observed,
            expected,
            self._variance[plan.rows],
            self._batch,
            self._multipliers,
        )
        return ratios.reshape(len(observed), len(plan.rows), -1)

    def live_through(self, counts: npt.NDArray[np.integer[Any]]) -> Floats:
        """
        Take in the hours from the first of this day on, [areas, hours]; scores at the end of each, [hours, areas].

        Days turn and are learnt as they do live.
        """
        start = first = self._local.first_hour(self._day)
        end, parts = start + counts.shape[1], []
        while first < end:
            turn = min(self._local.first_hour(self._day + 1), end)
            self.record_hours(first, counts[:, first - start : turn - start])
            parts.append(self.score_hours(first, turn - first))
            self.advance(turn * HOUR_MS + 1)
            first = turn
        return np.concatenate(parts)

    def _totals_over(self, now_ms: int, window_h: int) -> tuple[Floats, Floats]:
        """Counts and expected counts of all areas over *window_h* hours up to *now_ms*; zero before the beginning."""
        first, end = self._span(now_ms, window_h)
        if first == end:
            return np.zeros(len(self.unit.areas)), np.zeros(len(self.unit.areas))
        part = self._ring.slice(first, end)
        weights = self._weights(now_ms, end - first)
        rate = self._ring.rate[:, self._ring.day[first - self._ring.first] % SLOTS]
        return self._ring.counts[:, part].sum(axis=1), rate * (self._ring.base[:, part] * weights).sum(axis=1)

    def _span(self, now_ms: int, window_h: int) -> tuple[int, int]:
        """Hours [first, end) of the window that are not before the beginning: none where an incident is ahead of it."""
        end = max(self._end(now_ms), self._ring.first)
        return max(self._ring.first, end - window_h), end

    def observed(self, now_ms: int, window_h: int) -> Floats:
        """Counts of all areas over *window_h* hours up to *now_ms*."""
        return self._totals_over(now_ms, window_h)[0]

    def newest(self, areas: Sequence[int], now_ms: int, window_h: int) -> tuple[int, int] | None:
        """Area and start in ms of the newest of the last *window_h* hours in which one of *areas* has an incident."""
        first, end = self._span(now_ms, window_h)
        rows, columns = np.nonzero(self._ring.counts[list(areas), self._ring.slice(first, end)])
        if not len(rows):
            return None
        last = int(columns.argmax())
        return areas[rows[last]], (first + int(columns[last])) * HOUR_MS

    def in_hour(self, hour_ms: int) -> int | None:
        """Count of all areas together in the hour that starts at *hour_ms*; None if it is not kept."""
        hour = hour_ms // HOUR_MS
        if not self._ring.oldest() <= hour < self._ring.room():
            return None
        return int(self._ring.counts[:, hour - self._ring.first].sum())

    def kept_hours(self) -> range:
        """Starts of the hours that are kept, in ms, those ahead of the day included."""
        return range(self._ring.oldest() * HOUR_MS, self._ring.room() * HOUR_MS, HOUR_MS)

    def completeness(self, now_ms: int, window_h: int) -> float:
        """Share of the whole unit's expected count over *window_h* hours that should have been seen by *now_ms*."""
        first, end = self._span(now_ms, window_h)
        if first == end:
            return 1.0
        expected = self._ring.expected[:, self._ring.slice(first, end)].sum(axis=0)
        due = np.ones(end - first)
        due[-1] = (now_ms - current_hour(now_ms) * HOUR_MS) / HOUR_MS
        total = float((expected * due).sum())
        return float((expected * self._weights(now_ms, end - first)).sum()) / total if total > 0.0 else 1.0

    def expected_all(self, now_ms: int, window_h: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Observed, expected, lower and upper counts of all areas over *window_h* hours (at most 28 days)."""
        observed, expected = self._totals_over(now_ms, window_h)
        lower, upper = interval(expected, self._batch * expected + self.noise_over(window_h) * expected**2)
        return observed, expected, lower.astype(np.float64), upper.astype(np.float64)

    def expected(self, area: int, now_ms: int, window_h: int) -> Expected:
        """Count of *area* over *window_h* hours up to *now_ms*, what was expected, and its 95 % range."""
        observed, expected, lower, upper = (values[area] for values in self.expected_all(now_ms, window_h))
        return Expected(int(observed), float(expected), int(lower), int(upper))

    def explain(self, area: int, now_ms: int) -> Explanation:
        """What drives the score of *area* at *now_ms*."""
        plan = self._scan.plan([area])
        end, weights = self._end(now_ms), self._weights(now_ms, self._longest)
        observed, expected = self._windows([end], weights, plan.rows)
        score = float(self._scored([end], weights, plan)[0, 0])
        window, members = self._scan.driver(self._ratios(observed, expected, plan)[0], plan, self._prior)
        hours = self.unit.settings.windows[window // len(self.unit.settings.multipliers)]
        own = self.expected(area, now_ms, hours)
        counts, means = self._totals_over(now_ms, hours)
        return Explanation(
            hours,
            members,
            own.observed,
            own.expected,
            own.lower,
            own.upper,
            int(counts[list(members)].sum()),
            float(means[list(members)].sum()),
            *multiplier(own.observed, own.expected, self._batch),
            score,
        )
