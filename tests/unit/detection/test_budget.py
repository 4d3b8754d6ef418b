"""Thresholds: episodes and situations counted by hand, and budgets that keep what they promise."""

import functools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.detection.battery import START, quiet
from unit.detection.test_battery import unit

from streams.core.detection.budget import Calibration, Episodes, calibrate
from streams.core.detection.localtime import HOUR_MS
from streams.core.detection.null import null_scores
from streams.core.detection.situations import Situations
from streams.core.detection.unit import UnitModel

Floats = npt.NDArray[np.float64]


@functools.cache
def model(areas: int = 6) -> UnitModel:
    fitted = UnitModel(unit(areas), START * HOUR_MS)
    counts = quiet(areas, 120)
    for first in range(0, counts.shape[1], 24):
        fitted.record_hours(START + first, counts[:, first : first + 24])
        fitted.advance((START + first + 24) * HOUR_MS)
    return fitted


def counted(row: Floats, threshold: float) -> int:
    """Crossings from below, those within 24 hours of the last hour above merged, hour by hour."""
    starts, last = 0, -99
    for hour, score in enumerate(row):
        if score >= threshold:
            starts += hour - last > 24 and hour > 0
            last = hour
    return starts


@given(seed=st.integers(0, 10_000), threshold=st.floats(-1.0, 3.0))
def test_episodes_are_crossings_merged_within_a_day(seed: int, threshold: float) -> None:
    scores = np.random.default_rng(seed).normal(0.0, 1.0, (300, 2)).round(1)

    count = Episodes(scores).above(np.array([threshold]))[0]

    assert count == sum(counted(row, threshold) for row in scores.T)


TOWN = ((1,), (0,), (3,), (2,))


def hours(*rises: tuple[int, int, float], length: int = 200) -> Floats:
    scores = np.full((length, 4), -2.0)
    for hour, area, score in rises:
        scores[hour, area] = score
    return scores


@pytest.mark.parametrize(
    ("rises", "alerts"),
    [
        (((50, 0, 3.0),), 1),
        (((50, 0, 3.0), (50, 1, 3.0)), 1),
        (((50, 0, 3.0), (50, 2, 3.0)), 2),
        (((50, 0, 3.0), (60, 1, 3.0)), 1),
        (((50, 0, 3.0), (70, 0, 1.5), (90, 0, 3.0)), 1),
        (((50, 0, 3.0), (70, 0, 1.0), (90, 0, 3.0)), 2),
        (((50, 0, 3.0), (60, 1, 3.0), (80, 1, 3.0), (100, 0, 3.0)), 1),
        (((50, 0, 1.5),), 0),
    ],
)
def test_a_situation_is_one_alert(rises: tuple[tuple[int, int, float], ...], alerts: int) -> None:
    assert Situations(hours(*rises), TOWN).above(2.0) == alerts


def test_thresholds_keep_their_budget_on_other_null_years() -> None:
    budget = calibrate([model()], np.random.default_rng(1), per_area_year=12.0, years=3)

    fresh = Episodes(null_scores(model(), np.random.default_rng(2), 3))

    kept = fresh.above(np.array([budget.thresholds[model().unit.key]]))[0] / 3 / 6
    assert kept == pytest.approx(12.0, rel=0.25)


def test_a_weekly_budget_is_shared_by_one_threshold() -> None:
    small = UnitModel(replace(unit(3), group="robbery"), START * HOUR_MS)

    budget = calibrate([model(), small], np.random.default_rng(3), alerts_per_week=1.0, years=1)

    assert len(set(budget.thresholds.values())) == 1
    assert sum(budget.nominal.values()) == pytest.approx(1.0, abs=0.15)


def test_a_larger_budget_lowers_the_threshold() -> None:
    thresholds = [
        calibrate([model()], np.random.default_rng(1), alerts_per_week=budget).thresholds[model().unit.key]
        for budget in (0.1, 0.5, 2.0)
    ]

    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[-1]


def test_a_higher_score_is_never_more_common() -> None:
    budget = calibrate([model()], np.random.default_rng(1), alerts_per_week=1.0)

    days = [budget.chance_days(model().unit.key, score) for score in np.arange(0.0, 25.0, 0.3)]

    assert days == sorted(days)
    assert days[-1] <= 2 * 365 + 1e-6


def test_a_calibration_survives_its_row_and_is_named_for_its_content() -> None:
    one = calibrate([model()], np.random.default_rng(1), alerts_per_week=0.2)
    two = calibrate([model()], np.random.default_rng(1), alerts_per_week=0.5)

    assert Calibration.from_row(one.to_row()) == one
    assert one.version != two.version
    assert calibrate([model()], np.random.default_rng(1), alerts_per_week=0.2) == one


def test_a_budget_has_to_be_stated() -> None:
    with pytest.raises(ValueError, match="budget"):
        calibrate([model()], np.random.default_rng(1))
