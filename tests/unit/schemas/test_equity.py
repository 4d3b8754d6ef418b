"""Loads by band: intervals against the laws they come from, bands by fifths, and too little as an answer."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from schemas.equity import AreaLoad, by_band, fifths, goes_with, poisson_limits, share_limits


@pytest.mark.parametrize("count", [0, 1, 7, 60])
def test_exact_limits_leave_a_fortieth_on_either_side(count: int) -> None:
    low, high = poisson_limits(count)
    assert stats.poisson.cdf(count, high) == pytest.approx(0.025)
    assert (stats.poisson.sf(count - 1, low) == pytest.approx(0.025)) if count else low == 0.0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_limits_of_a_share_cover_it_about_as_often_as_they_say(share: float) -> None:
    hits = np.arange(41)
    chance = stats.binom.pmf(hits, 40, share)
    covered = [low <= share <= high for low, high in (share_limits(int(each), 40) for each in hits)]
    assert 0.92 < chance @ covered < 0.985


def test_a_hundred_areas_fall_into_five_equal_bands() -> None:
    bands = fifths({str(rank): float(rank) for rank in range(100)})
    assert [list(bands.values()).count(band) for band in range(1, 6)] == [20] * 5
    assert (bands["0"], bands["99"]) == (1, 5)


def test_loads_are_summed_by_band_with_rates_for_ten_thousand() -> None:
    loads = [
        AreaLoad(area="A", alerts=3, residents=10_000, band=1),
        AreaLoad(area="B", alerts=1, residents=30_000, band=1),
        AreaLoad(area="C", alerts=9, residents=None, band=1),
        AreaLoad(area="D", alerts=0, residents=5_000, band=5),
        AreaLoad(area="E", alerts=2, residents=1_000, band=None),
    ]
    first, last, unknown = by_band(loads)
    assert (first.band, first.areas, first.alerts, first.rate) == (1, 2, 4, 1.0)
    assert (last.band, last.rate) == (5, 0.0)
    assert last.limits is not None
    assert last.limits.high == pytest.approx(2 * -np.log(0.025))
    assert unknown.band is None


def test_correlation_is_told_only_with_enough_months_and_areas() -> None:
    draw = np.random.default_rng(1)
    activity = {str(k): k * k for k in range(20)}
    alerts = {str(k): k for k in range(20)}
    assert goes_with(alerts, {}, 12, draw).why == "no feed of the police's own activity"
    assert "not enough history" in goes_with(alerts, activity, 5, draw).why
    assert "not enough areas" in goes_with(alerts, {"1": 3}, 12, draw).why
    assert "alike" in goes_with({}, activity, 12, draw).why
    told = goes_with(alerts, activity, 12, draw)
    assert told.correlation == pytest.approx(1.0)
    assert told.limits is not None
    assert told.limits.low > 0.9


def test_the_interval_covers_no_correlation_in_most_worlds_without_one() -> None:
    draw = np.random.default_rng(7)
    covered = 0
    for _ in range(100):
        pairs = draw.poisson(20, (2, 33))
        one, other = ({str(k): int(n) for k, n in enumerate(row)} for row in pairs)
        limits = goes_with(one, other, 12, draw).limits
        assert limits is not None
        covered += limits.low <= 0 <= limits.high
    assert covered >= 88
