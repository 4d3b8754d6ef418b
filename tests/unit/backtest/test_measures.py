"""Figures of a report, on alerts and counts made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from schemas.events import HOUR, AlertEvent, AlertKind
from streams.backtest.measures import Coverage, by_week, found, longest_open_days, opened, rates, thirds
from streams.backtest.spikes import Outcome
from streams.core.detection.budget import Calibration
from streams.core.detection.unit import Unit

FIRST = 400_000
UNIT = Unit(
    region="r",
    level="borough",
    group="g",
    areas=("A", "B", "C", "D", "E", "F"),
    neighbours=((1,), (0,), (3,), (2,), (5,), (4,)),
    zone="UTC",
    day_starts=6,
)


def event(hour: int, kind: str = AlertKind.OPENED, **given: Any) -> AlertEvent:
    """An event told at the end of the hour *hour* after FIRST."""
    fields: dict[str, Any] = dict.fromkeys(AlertEvent.__dataclass_fields__, "")
    clock = (FIRST + hour + 1) * HOUR
    return AlertEvent(**{**fields, "kind": kind, "level": "borough", "group": "g", "clock": clock, **given})


def test_what_came_to_the_desk_was_opened_in_its_unit_and_told_by_no_other_alert() -> None:
    events = [event(1), event(2, AlertKind.UPDATED), event(3, inhibited_by="x"), event(4, group="h")]

    assert opened(events) == [events[0], events[3]]
    assert opened(events, UNIT) == [events[0]]


def test_alerts_are_counted_by_whole_weeks() -> None:
    hours = (0, 167, 168, 335, 336, 400)

    assert by_week(map(event, hours), FIRST, FIRST + 2 * 168 + 70) == [2, 2]


def test_thirds_are_by_size_of_the_area_an_alert_began_in() -> None:
    daily = np.array([9.0, 1.0, 5.0, 2.0, 7.0, 4.0])
    events = [event(k, area=area) for k, area in enumerate("BBDAC")]

    assert thirds(events, UNIT, daily) == (1.5, 0.5, 0.5)


def test_the_longest_alert_may_still_be_open_at_the_end() -> None:
    ended = [event(0, alert_id="x"), event(48, AlertKind.ENDED, alert_id="x")]

    assert longest_open_days(ended, FIRST + 100) == 2.0
    assert longest_open_days([*ended, event(51, alert_id="y")], FIRST + 52 + 72) == 3.0
    assert longest_open_days([], FIRST) == 0.0


def test_daily_counts_are_told_by_bands_of_what_was_expected() -> None:
    coverage = Coverage()
    expected = np.array([0.05, 2.0, 2.0, 40.0])

    coverage.learn(
        np.array([0.0, 1.0, 9.0, 20.0]), expected, np.array([0, 0, 0, 30.0]), np.array([1.0, 5.0, 5.0, 50.0])
    )

    rows = coverage.rows()
    assert [(row["expected_from"], row["expected_to"], row["area_days"]) for row in rows] == [
        (0.0, 0.1, 1),
        (1.0, 3.0, 2),
        (30.0, None, 1),
    ]
    assert [(row["inside_95"], row["above"]) for row in rows] == [(1.0, 0.0), (0.5, 0.5), (0.0, 0.0)]
    assert rows[1]["observed_of_expected"] == 2.5


def test_found_is_a_share_with_its_error_and_a_median_delay() -> None:
    made = [
        Outcome(area=0, size=2.0, length=3, areas=1, extra=float(k), delay=delay)
        for k, delay in enumerate((None, 2, 4, 9))
    ]

    told = found(made)

    assert told == {"spikes": 4, "found": 0.75, "standard_error": 0.2165, "extra": 1.5, "delay_h": 4.0}
    assert found([])["found"] is None


def test_rates_hold_what_was_promised_against_what_was_made() -> None:
    key = UNIT.key
    calibration = Calibration("v", {key: 2.0}, {key: 1.0}, (1.0, 2.0, 9.0), {key: (0.7, 7.0, 70_000.0)})
    scores = np.zeros((6, 4 * 168), dtype=np.float32)
    scores[0, [10, 300]] = 2.5
    scores[2, 500] = 1.5

    rows = rates(scores, UNIT, calibration)

    assert rows == [
        {"score": 1.0, "nominal": 10.0, "realised": 0.75},
        {"score": 2.0, "nominal": 1.0, "realised": 0.5},
    ], "the last score is too rare to be of interest"


@pytest.mark.parametrize("hours", [0, 100])
def test_less_than_a_week_has_no_weeks(hours: int) -> None:
    assert by_week([event(0)], FIRST, FIRST + hours) == []
