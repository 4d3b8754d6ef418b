"""What silence means: the smallest spike that would be found in an area with 80 % at the thresholds in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streams.backtest.spikes import LATE, LENGTHS
from streams.backtest.walk import DayModel

Floats = npt.NDArray[np.float64]

POWER = 0.8
SAMPLES = 40
LADDER = (1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0)
"""Multipliers tried; what takes more than the last is told as None."""
LOOKS = (1, 2, 3, 4, 6, 9, 12, 18, 24, 30, 36, 48, 60, 72, 96, 120, 144, 168, 192)
"""Hours after the onset at which the score is looked at."""
PAST = 168
OUTLOOK_DAYS = 28
MOST_AREAS = 64
"""Areas worked out one by one; in a larger unit, so many by rank of size, the others between them."""

Told = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """
    Of one area: incidents a day that are normal, and for each length (hours) what is found with 80 %.

    multiplier: times the normal rate, None beyond 100. extra: additional incidents that this means on average.
    """

    area: str
    daily: float
    multiplier: Mapping[int, float | None]
    extra: Mapping[int, float | None]


def detectability(
    model: DayModel, threshold: float, rng: np.random.Generator, told: Told = lambda _: None
) -> tuple[Detectable, ...]:
    """
    The smallest multiplier for each area and length of spike that reaches *threshold* with 80 %, at a typical hour.

    A week of the coming four is made up many times by the model's own expectation and noise, in the area and in those
    whose counts have a part in its score; a spike in the area alone is added at an hour chosen as incidents are; the
    score is the live one. Found: at one of a few looks between onset and a day after the end.
    """
    expected = model.outlook(OUTLOOK_DAYS)
    daily = expected.sum(axis=1) / OUTLOOK_DAYS
    chosen = _spread(daily)
    probe = _Probe(model, expected, threshold, rng)
    smallest = np.full((len(daily), len(LENGTHS)), np.nan)
    normal = np.array([_normal(row) for row in expected])
    for area in chosen:
        smallest[area] = probe.area(area)
        told(1)
    for column in smallest.T:
        _fill(column, daily, chosen)
    codes = model.unit.areas
    return tuple(_told(codes[area], daily[area], smallest[area], normal[area]) for area in range(len(daily)))


def _normal(expected: Floats) -> Floats:
    """Incidents that are normal over each length from an hour chosen as incidents are, [lengths]."""
    total = np.concatenate(([0.0], np.cumsum(expected)))
    starts = np.arange(PAST, len(expected) - LOOKS[-1])
    weight = expected[starts] / expected[starts].sum()
    return np.array([float(weight @ (total[starts + length] - total[starts])) for length in LENGTHS])


def areas_tried(areas: int) -> int:
    """Areas that are worked out one by one in a unit of so many."""
    return min(areas, MOST_AREAS)


def _spread(daily: Floats) -> list[int]:
    """All areas of a small unit; of a large one, some from the quietest to the busiest, evenly by rank."""
    order = np.argsort(daily, kind="stable")
    if len(order) <= MOST_AREAS:
        return [int(area) for area in order]
    return [int(area) for area in order[np.linspace(0, len(order) - 1, MOST_AREAS).round().astype(np.intp)]]


def _fill(column: Floats, daily: Floats, chosen: Sequence[int]) -> None:
    """Work out the areas between those *chosen*, by straight lines in logarithms; infinity where a neighbour has it."""
    rest = np.setdiff1d(np.arange(len(daily)), chosen)
    with np.errstate(invalid="ignore"):
        column[rest] = np.exp(np.interp(np.log(daily[rest]), np.log(daily[chosen]), np.log(column[chosen])))
    column[np.isnan(column)] = np.inf


def _told(area: str, daily: float, smallest: Floats, normal: Floats) -> Detectable:
    rows = [
        (length, float(rho), float(rho - 1.0) * float(due))
        for length, rho, due in zip(LENGTHS, smallest, normal, strict=True)
    ]
    return Detectable(
        area=area,
        daily=round(float(daily), 4),
        multiplier={length: round(rho, 2) if np.isfinite(rho) else None for length, rho, _ in rows},
        extra={length: round(extra, 2) if np.isfinite(rho) else None for length, rho, extra in rows},
    )


class _Probe:
    """Made-up weeks with a spike in one area."""

    def __init__(self, model: DayModel, expected: Floats, threshold: float, rng: np.random.Generator) -> None:
        self._model = model
        self._expected = expected
        self._threshold = threshold
        self._rng = rng
        day, week = model.noise_over(24), model.noise_over(PAST)
        self._slow = np.clip((7.0 * week - day) / 6.0, 1e-6, week)
        self._day = np.maximum(day - self._slow, 1e-4)
        self._further = max((model.batch() - 1.0) / 2.0, 1e-3)

    def area(self, area: int) -> Floats:
        """Smallest multiplier for each length, infinity if none will do."""
        rows = self._model.sampled_rows(area)
        span = np.arange(-PAST, LOOKS[-1])
        columns = self._onsets(area)[:, None] + span
        weeks = _Weeks(area, rows.index(area), self._expected[rows][:, columns].transpose(1, 0, 2))
        weeks.counts = self._null(weeks.expected, rows)
        answer = np.full(len(LENGTHS), np.inf)
        top = len(LADDER)
        for k, length in enumerate(LENGTHS):
            top, answer[k] = self._smallest(weeks, length, top)
        return answer

    def _onsets(self, area: int) -> npt.NDArray[np.intp]:
        """An hour for each sample, chosen as the area's incidents are, with its week and its looks in the outlook."""
        weight = self._expected[area, PAST : self._expected.shape[1] - LOOKS[-1]]
        points = (np.arange(SAMPLES) + 0.5) / SAMPLES * weight.sum()
        answer: npt.NDArray[np.intp] = PAST + np.searchsorted(np.cumsum(weight), points)
        return answer

    def _null(self, expected: Floats, rows: Sequence[int]) -> Floats:
        """Counts of weeks without a spike, [samples, rows, hours]: gamma shocks by day and by sample, batches."""
        samples, areas, hours = expected.shape
        day, slow = self._day[rows][:, None], self._slow[rows]
        shocks = self._rng.gamma(1.0 / day, day, (samples, areas, -(-hours // 24)))
        shocks *= self._rng.gamma(1.0 / slow, slow, (samples, areas))[..., None]
        return self._batches(expected * np.repeat(shocks, 24, axis=2)[..., :hours])

    def _batches(self, rate: Floats) -> Floats:
        incidents = self._rng.poisson(rate / (1.0 + self._further))
        some = incidents > 0
        counts = incidents.astype(np.float64)
        counts[some] += self._rng.negative_binomial(incidents[some], 1.0 / (1.0 + self._further))
        return counts

    def _smallest(self, weeks: _Weeks, length: int, top: int) -> tuple[int, float]:
        """
        First rung of the ladder at which enough are found, by bisection under *top*, and the multiplier.

        The share found is taken as a straight line in ln(multiplier) between two rungs.
        """
        shares = {-1: 0.0}
        low, high = -1, top
        while high - low > 1:
            middle = (low + high) // 2
            shares[middle] = self._share(weeks, length, LADDER[middle])
            low, high = (low, middle) if shares[middle] >= POWER else (middle, high)
        if high == len(LADDER):
            return high, np.inf
        if high not in shares:
            shares[high] = self._share(weeks, length, LADDER[high])
        before = np.log(LADDER[low]) if low >= 0 else 0.0
        step = np.log(LADDER[high]) - before
        part = (POWER - shares[low]) / max(shares[high] - shares[low], 1e-9)
        return high, float(np.exp(before + step * min(max(part, 0.0), 1.0)))

    def _share(self, weeks: _Weeks, length: int, size: float) -> float:
        """Share of the samples in which a spike is found."""
        looks = [PAST + look for look in LOOKS if look <= length + LATE]
        counts, expected = weeks.counts[..., : looks[-1]].copy(), weeks.expected[..., : looks[-1]]
        part = (slice(None), weeks.row, slice(PAST, PAST + length))
        counts[part] += self._batches((size - 1.0) * expected[part])
        scores = self._model.score_samples(weeks.area, counts, expected, looks)
        return float((scores.max(axis=1) >= self._threshold).mean())


class _Weeks:
    """Made-up weeks of an area (its place is *row*) and of those around it: [samples, rows, hours]."""

    def __init__(self, area: int, row: int, expected: Floats) -> None:
        self.area = area
        self.row = row
        self.expected = expected
        self.counts = expected
