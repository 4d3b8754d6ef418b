"""Null years: as many incidents as are expected, scattered as the model says, lived through as a live model lives."""

import copy

import numpy as np
import numpy.typing as npt
import pytest
from unit.detection.battery import START, quiet
from unit.detection.test_battery import unit

from streams.core.detection.localtime import HOUR_MS, LocalTime
from streams.core.detection.null import NullWorld, null_scores
from streams.core.detection.unit import UnitModel

Floats = npt.NDArray[np.float64]
AREAS = 8


@pytest.fixture(scope="module")
def model() -> UnitModel:
    fitted = UnitModel(unit(AREAS), START * HOUR_MS)
    counts = quiet(AREAS, 90)
    for first in range(0, counts.shape[1], 24):
        fitted.record_hours(START + first, counts[:, first : first + 24])
        fitted.advance((START + first + 24) * HOUR_MS + 1)
    return fitted


def test_null_years_hold_as_many_incidents_as_are_expected_and_scatter_more_than_poisson(model: UnitModel) -> None:
    world, expected = NullWorld(model, np.random.default_rng(1)), model.outlook(365)

    years = np.array([world.year() for _ in range(30)])

    assert years.shape == (30, *expected.shape)
    assert years.sum(axis=(1, 2)).mean() == pytest.approx(expected.sum(), rel=0.02)
    assert years.mean(axis=(0, 2)) == pytest.approx(expected.mean(axis=1), rel=0.1)
    of_days = years[:, :, : 364 * 24].reshape(30, AREAS, 364, 24).sum(axis=3)
    assert (of_days.var(axis=2) > 1.05 * of_days.mean(axis=2)).mean() > 0.9


def test_to_live_through_hours_is_to_record_score_and_turn_day_by_day(model: UnitModel) -> None:
    counts = NullWorld(model, np.random.default_rng(2)).year()[:, : 20 * 24 + 5]
    at_once, by_days = copy.deepcopy(model), copy.deepcopy(model)
    local = LocalTime(model.unit.zone, model.unit.day_starts)
    start = hour = local.first_hour(local.day_of(START + 90 * 24))

    scores = at_once.live_through(counts)

    singly = []
    for offset in range(counts.shape[1]):
        by_days.advance((hour + offset) * HOUR_MS + 1)
        for area in range(AREAS):
            by_days.record(area, (start + offset) * HOUR_MS, int(counts[area, offset]))
        singly.append(by_days.score((hour + offset + 1) * HOUR_MS).score)
    by_days.advance((start + counts.shape[1]) * HOUR_MS + 1)
    assert np.array_equal(scores, np.array(singly))
    assert dict(at_once.dirty()) == dict(by_days.dirty())


def test_a_model_is_as_it_was_after_its_null_years(model: UnitModel) -> None:
    before, now = copy.deepcopy(model), (START + 90 * 24) * HOUR_MS

    scores = null_scores(model, np.random.default_rng(3), 1)

    assert np.array_equal(model.score(now).score, before.score(now).score)
    assert dict(copy.deepcopy(model).dirty()) == dict(before.dirty())
    assert scores.shape == (model.outlook(365).shape[1] - 168, AREAS)
    assert np.isfinite(scores).all()
