"""The map of what can be seen: it follows from size, length and threshold as it must, and injections agree with it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from support.pasts import START, past
from support.tables import score_table

from streams.backtest.detectability import MOST_AREAS, Detectable, _fill, _spread, areas_tried, detectability
from streams.backtest.hours import read_hours
from streams.backtest.plan import chosen_units
from streams.backtest.walk import DayModel, learnt
from streams.regions.loader import load

THRESHOLD = 3.0


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DayModel:
    made = past(tmp_path_factory.mktemp("past"))
    region = load(made.pack)
    unit = chosen_units(region, read_hours(made.file, region), (), ())[0]
    return learnt(unit, made.counts[:, :-168], START, made.end - 168)


@pytest.fixture(scope="module")
def found(model: DayModel) -> tuple[Detectable, ...]:
    return detectability(model, THRESHOLD, np.random.default_rng(1))


def test_longer_spikes_and_busier_areas_need_a_smaller_multiple(found: tuple[Detectable, ...]) -> None:
    for area in found:
        multiples = [area.multiplier[length] or np.inf for length in (3, 6, 12, 24, 72, 168)]
        assert all(late <= early * 1.01 for early, late in pairwise(multiples))
    for length in (24, 72, 168):
        quiet, busy = found[0].multiplier[length], found[-1].multiplier[length]
        assert busy is not None
        assert (quiet or np.inf) > busy > 1.0


def test_a_higher_threshold_needs_a_larger_multiple(model: DayModel, found: tuple[Detectable, ...]) -> None:
    higher = detectability(model, THRESHOLD + 2.0, np.random.default_rng(1))

    for low, high in zip(found, higher, strict=True):
        assert (high.multiplier[72] or np.inf) > (low.multiplier[72] or np.inf)


def test_extra_incidents_are_the_multiple_of_what_is_normal_over_the_length(found: tuple[Detectable, ...]) -> None:
    for area in found:
        rho, extra = area.multiplier[168], area.extra[168]
        assert rho is not None
        assert extra == pytest.approx((rho - 1.0) * 7.0 * area.daily, rel=0.1)


def test_spikes_of_the_size_told_are_found_by_four_in_five(model: DayModel, found: tuple[Detectable, ...]) -> None:
    """Oracle: counts with a spike, scored by the model's own table over all areas and every hour."""
    area, length, rng = 4, 72, np.random.default_rng(7)
    rho = found[area].multiplier[length]
    assert rho is not None
    expected = model.outlook(28)
    hits = []
    for _ in range(120):
        onset = 168 + int(rng.choice(200, p=expected[area, 168:368] / expected[area, 168:368].sum()))
        counts = rng.poisson(expected).astype(np.float64)
        counts[area, onset : onset + length] += rng.poisson((rho - 1.0) * expected[area, onset : onset + length])
        span = slice(onset - 168, onset + length + 24)
        scores = score_table(model, counts[:, span], expected[:, span])[:, area]
        hits.append(scores[1:].max() >= THRESHOLD)

    assert np.mean(hits) == pytest.approx(0.8, abs=0.15)


def test_in_a_large_unit_areas_between_those_tried_lie_between_them() -> None:
    daily = np.exp(np.linspace(0.0, 5.0, 500))
    chosen = _spread(daily)
    column = np.full(500, np.nan)
    column[chosen] = 100.0 / daily[chosen]

    _fill(column, daily, chosen)

    assert len(chosen) == MOST_AREAS == areas_tried(500)
    assert np.allclose(column, 100.0 / daily, rtol=1e-6)


def test_what_no_multiple_finds_stays_so_between() -> None:
    daily = np.array([0.1, 0.2, 0.3, 4.0])
    column = np.array([np.inf, np.nan, np.inf, 2.0])

    _fill(column, daily, [0, 2, 3])

    assert column.tolist() == [np.inf, np.inf, np.inf, 2.0]
