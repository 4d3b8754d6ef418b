"""The weekly statistic against a sum written out by hand, and its tail against weeks drawn anew."""

import functools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from streams.core.detection.weekly import (
    COURSE,
    Forecast,
    NullTable,
    WeeklyModel,
    WeeklySettings,
    statistic,
    weekly_surprise,
)

Floats = npt.NDArray[np.float64]


def chance(count: float, mean: float, variance: float) -> float:
    ratio = max(variance / mean, 1.02)
    return float(stats.nbinom.pmf(count, mean / (ratio - 1.0), 1.0 / ratio))


@functools.cache
def table() -> NullTable:
    return NullTable(WeeklySettings(), np.random.default_rng(1))


@given(
    counts=st.lists(st.integers(0, 60), min_size=3, max_size=3),
    means=st.lists(st.floats(0.2, 40.0), min_size=3, max_size=3),
    dispersion=st.floats(1.1, 5.0),
)
def test_the_statistic_is_the_mixture_over_onsets_and_sizes(
    counts: list[int], means: list[float], dispersion: float
) -> None:
    settings = WeeklySettings()
    ratio = 0.0
    for age, prior in enumerate(settings.ages):
        for size in settings.sizes:
            gain = 1.0
            for week, share in enumerate(COURSE[: age + 1]):
                at = 2 - age + week
                more = share * size * (dispersion * means[at]) ** 0.5
                usual = chance(counts[at], means[at], dispersion * means[at])
                gain *= chance(counts[at], means[at] + more, dispersion * means[at] + more) / usual
            ratio += prior / len(settings.sizes) * gain
    mean = np.array(means)

    value = statistic(np.array(counts, dtype=float), Forecast(mean, dispersion * mean, np.array(dispersion)), settings)

    assert value == pytest.approx(np.log(ratio), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("mean", "ratio"), [(0.3, 1.5), (4.0, 1.1), (60.0, 3.3)])
def test_a_surprise_of_two_comes_once_in_a_hundred_weeks(mean: float, ratio: float) -> None:
    settings, draws = WeeklySettings(), 40_000
    weeks = np.random.default_rng(2).negative_binomial(mean / (ratio - 1.0), 1.0 / ratio, (draws, 3)).astype(float)
    flat = np.full((draws, 3), mean)
    values = statistic(weeks, Forecast(flat, ratio * flat, np.full(draws, ratio)), settings)

    surprise = table().surprise(values, flat[:, 0], np.full(draws, ratio))

    assert 0.004 < (surprise >= 2.0).mean() < 0.017


@pytest.mark.parametrize("weeks_a_year", [52.0, 52.18])
def test_a_season_is_expected_where_the_table_has_it(weeks_a_year: float) -> None:
    week = np.arange(600)
    rate = 30.0 * np.exp(0.7 * np.cos(2 * np.pi * week / weeks_a_year))
    counts = np.random.default_rng(3).poisson(rate, (20, 600)).astype(float)

    forecast = WeeklyModel(20, WeeklySettings(weeks_a_year=weeks_a_year)).forecast(counts[:, :590], 12)

    assert forecast.mean.mean(axis=0) == pytest.approx(rate[588:600], rel=0.06)


def test_a_week_is_judged_by_nothing_that_comes_after_it() -> None:
    counts = np.random.default_rng(4).poisson(5.0, (6, 130)).astype(float)
    changed = counts.copy()
    changed[:, 127:] += 40.0

    told, other = (weekly_surprise(each, 124, np.random.default_rng(5)) for each in (counts, changed))

    assert np.array_equal(told[:, :3], other[:, :3])
    assert (other[:, 3] > told[:, 3]).all()
