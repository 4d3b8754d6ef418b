"""What a backtest's scores and alerts amount to: rates kept, counts inside their range, spikes found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from schemas.events import HOUR, AlertEvent, AlertKind
from streams.backtest.spikes import LENGTHS, SIZES, Outcome
from streams.core.detection.budget import Calibration
from streams.core.detection.situations import Situations
from streams.core.detection.unit import Unit

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]

EDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""Expected incidents a day that part areas into bands."""
WEEK_HOURS = 168
ENOUGH = 5.0
"""Expected extra incidents of a spike that could be seen at all."""


@dataclass(slots=True)
class Coverage:
    """Daily counts against what was expected of them, in bands of expected size; [bands] each."""

    days: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(EDGES) + 1, dtype=np.int64))
    inside: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(EDGES) + 1, dtype=np.int64))
    above: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(EDGES) + 1, dtype=np.int64))
    observed: Floats = field(default_factory=lambda: np.zeros(len(EDGES) + 1))
    expected: Floats = field(default_factory=lambda: np.zeros(len(EDGES) + 1))

    def learn(self, observed: Floats, expected: Floats, lower: Floats, upper: Floats) -> None:
        """Take in a day of all areas: counts, expected counts, and the range that 95 in 100 should keep."""
        band = np.searchsorted(EDGES, expected, side="right")
        np.add.at(self.days, band, 1)
        np.add.at(self.inside, band, (observed >= lower) & (observed <= upper))
        np.add.at(self.above, band, observed > upper)
        np.add.at(self.observed, band, observed)
        np.add.at(self.expected, band, expected)

    def rows(self) -> list[dict[str, float | int | None]]:
        """One row for each band that has any days."""
        edges = [0.0, *EDGES, np.inf]
        return [
            {
                "expected_from": edges[band],
                "expected_to": edges[band + 1] if np.isfinite(edges[band + 1]) else None,
                "area_days": int(self.days[band]),
                "observed_of_expected": round(float(self.observed[band] / max(self.expected[band], 1e-9)), 4),
                "inside_95": round(float(self.inside[band] / self.days[band]), 4),
                "above": round(float(self.above[band] / self.days[band]), 4),
            }
            for band in range(len(self.days))
            if self.days[band]
        ]


def opened(events: Iterable[AlertEvent], unit: Unit | None = None) -> list[AlertEvent]:
    """Alerts that came to the desk: opened and not told by one of the level above."""
    return [
        event
        for event in events
        if event.kind == AlertKind.OPENED
        and not event.inhibited_by
        and (unit is None or (event.level, event.group) == (unit.level, unit.group))
    ]


def by_week(events: Iterable[AlertEvent], first: int, end: int) -> list[int]:
    """Alerts that opened in each week from hour *first* to hour *end*; a last week that is not whole is left out."""
    weeks = np.zeros(max((end - first) // WEEK_HOURS, 0), dtype=np.int64)
    for event in events:
        week = ((event.clock // HOUR) - 1 - first) // WEEK_HOURS
        if week < len(weeks):
            weeks[week] += 1
    return [int(week) for week in weeks]


def thirds(events: Iterable[AlertEvent], unit: Unit, daily: Floats) -> tuple[float, float, float]:
    """Alerts of an area of the quietest, middle and busiest third of a unit's areas, where they began."""
    place = {code: rank for rank, code in enumerate(unit.areas[k] for k in np.argsort(daily, kind="stable"))}
    cuts = [round(len(place) * k / 3) for k in range(4)]
    ranks = np.array([place[event.area] for event in events], dtype=np.int64)
    each = [float(((ranks >= low) & (ranks < high)).sum()) / max(high - low, 1) for low, high in pairwise(cuts)]
    return each[0], each[1], each[2]


def longest_open_days(events: Iterable[AlertEvent], end: int) -> float:
    """Days that the longest alert was open, up to hour *end* if it still is."""
    begun: dict[str, int] = {}
    longest = 0
    for event in events:
        if event.kind == AlertKind.OPENED:
            begun[event.alert_id] = event.clock
        elif event.kind in {AlertKind.ENDED, AlertKind.RETRACTED} and event.alert_id in begun:
            longest = max(longest, event.clock - begun.pop(event.alert_id))
    longest = max([longest, *(end * HOUR - clock for clock in begun.values())])
    return longest / (24 * HOUR)


def rates(scores: Scores, unit: Unit, calibration: Calibration) -> list[dict[str, float]]:
    """
    Alerts a week that each score promises by chance, and that it would have made in *scores*, [areas, hours].

    Around the threshold in force: where nominal is between a hundredth and twenty times the budget's rate.
    """
    situations = Situations(scores.T.astype(np.float64), unit.neighbours)
    weeks = scores.shape[1] / WEEK_HOURS
    budget = max(calibration.nominal[unit.key], 1e-6)
    rows = []
    for score, days in zip(calibration.scores, calibration.days[unit.key], strict=True):
        nominal = 7.0 / days
        if budget / 100.0 <= nominal <= 20.0 * budget:
            realised = situations.above(score) / weeks
            rows.append({"score": score, "nominal": round(nominal, 5), "realised": round(realised, 5)})
    return rows


def found_table(outcomes: Sequence[Outcome]) -> list[dict[str, float | int | None]]:
    """Spikes found and median delay in hours for each size and length."""
    return [
        {"size": size, "length": length, **found([o for o in outcomes if (o.size, o.length) == (size, length)])}
        for size in SIZES
        for length in LENGTHS
    ]


def found(outcomes: Sequence[Outcome]) -> dict[str, float | int | None]:
    """Number, share found, its standard error, mean expected extra incidents and median delay."""
    delays = [outcome.delay for outcome in outcomes if outcome.delay is not None]
    count = len(outcomes)
    share = len(delays) / count if count else None
    return {
        "spikes": count,
        "found": None if share is None else round(share, 4),
        "standard_error": None if share is None else round((share * (1 - share) / count) ** 0.5, 4),
        "extra": round(float(np.mean([o.extra for o in outcomes])), 2) if outcomes else None,
        "delay_h": float(np.median(delays)) if delays else None,
    }
