"""What the review tells of each area: its own shifts, the months with most, its years."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from schemas.disclosure import Cell, Shown
from streams.review import local, peaks, season
from streams.review.focus import estimate
from streams.review.local import Span
from streams.review.months import month
from streams.review.panel import Counts

FIRST = month("2012-01")
MONTHS = 144


def flat(level: float, areas: int, seed: int) -> Counts:
    return np.random.default_rng(seed).poisson(level, size=(areas, MONTHS))


@pytest.mark.parametrize("level", [3.0, 30.0])
def test_areas_without_a_shift_are_given_one_in_a_hundred(level: float) -> None:
    counts = flat(level, 300, 1)
    found = local.own_shifts(counts, FIRST, season.learnt(counts.sum(axis=0), FIRST))
    # 3 of 300 are promised; 10 or more have a chance of 0.001
    assert sum(map(bool, found)) < 10


def test_the_area_whose_level_doubled_is_found_and_dated() -> None:
    counts = flat(10.0, 100, 2)
    counts[7, 90:] = np.random.default_rng(3).poisson(20.0, size=MONTHS - 90)
    shift = local.own_shifts(counts, FIRST, season.learnt(counts.sum(axis=0), FIRST))[7][-1]
    assert shift.earliest <= FIRST + 90 <= shift.latest
    assert shift.low <= 2.0 <= shift.high


def test_a_thin_series_is_given_no_date() -> None:
    counts = np.zeros((1, MONTHS), dtype=np.int64)
    counts[0, 100:] = 4
    assert counts.mean() < local.LEAST
    assert local.own_shifts(counts, FIRST, season.learnt(counts[0], FIRST)) == ((),)


def test_months_to_come_are_within_the_limits_as_often_as_promised() -> None:
    random = np.random.default_rng(4)
    rates = random.gamma(4.0, 15.0, size=400)
    factors = 1.0 + 0.3 * np.cos(2 * np.pi * np.arange(12) / 12)
    share = factors / 12
    past = random.poisson(rates[:, None] * np.tile(share, 6))
    months = peaks.of_months(estimate(past), factors)
    following = random.poisson(rates[:, None] * share)
    within = ((months.low <= following) & (following <= months.high)).mean()
    # discrete limits hold at least 95 %, an estimate of half lives takes a little of it
    assert within > 0.93
    assert months.expected.sum() == pytest.approx(float(rates.sum()), rel=0.05)
    assert months.highest(0) in (0, 11)


def test_what_to_expect_is_what_a_known_rate_gives() -> None:
    made = estimate(np.full((50, 72), 10, dtype=np.int64))._replace(shape=np.full(50, 1e9), rate=np.full(50, 1e9 / 120))
    months = peaks.of_months(made, np.ones(12))
    assert months.expected[0, 0] == pytest.approx(120 * 31 / 365.25)
    assert months.high[0, 0] == stats.poisson.ppf(0.975, 120 * 31 / 365.25)


def test_an_area_with_a_year_that_is_withheld_tells_no_levels() -> None:
    small, plain = Cell(Shown.BAND, None), Cell(Shown.EXACT, 30)
    spans = [Span(FIRST + 24, {"A": plain, "B": plain}), Span(FIRST + 12, {"A": small, "B": plain})]
    assert not local.exact(spans, "A")
    assert local.exact(spans, "B")
    assert [row["incidents"] for row in local.year_rows(spans, "A")] == ["30", "1-4"]
