"""What a unit learns and says: levels, rhythms, spikes left out, late counts, completeness, reasons to stay grey."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from unit.detection.battery import START

from schemas.errors import UsageError
from streams.core.detection.calendar import Period
from streams.core.detection.localtime import HOUR_MS
from streams.core.detection.settings import Settings
from streams.core.detection.unit import Readiness, Unit, UnitModel

Counts = npt.NDArray[np.int64]


def unit(areas: int = 4, *, periods: tuple[Period, ...] = (), zone: str = "Etc/UTC") -> Unit:
    return Unit(
        region="town",
        level="ward",
        group="knife",
        areas=tuple(f"W{area}" for area in range(areas)),
        neighbours=tuple(tuple((area + k) % areas for k in range(1, areas)) for area in range(areas)),
        zone=zone,
        day_starts=6,
        periods=periods,
        settings=Settings(),
    )


def fed(counts: Counts, periods: tuple[Period, ...] = (), zone: str = "Etc/UTC") -> tuple[UnitModel, int]:
    model = UnitModel(unit(len(counts), periods=periods, zone=zone), START * HOUR_MS)
    return model, feed(model, counts, 0, counts.shape[1])


def feed(model: UnitModel, counts: Counts, first: int, end: int) -> int:
    for hour in range(first, end, 24):
        model.record_hours(START + hour, counts[:, hour : hour + 24])
        model.advance((START + hour + 24) * HOUR_MS + 1)
    return (START + end) * HOUR_MS


def poisson(rate: float | npt.NDArray[np.float64], days: int, areas: int = 4, seed: int = 1) -> Counts:
    return np.random.default_rng(seed).poisson(rate, (areas, days * 24))


def daily(model: UnitModel, days: int = 7) -> npt.NDArray[np.float64]:
    totals: npt.NDArray[np.float64] = model.outlook(days).reshape(len(model.unit.areas), days, 24).sum(axis=2)
    return totals


def test_each_area_comes_to_its_own_level() -> None:
    rate = np.array([0.02, 0.1, 0.5, 1.5])[:, None]

    model, _ = fed(poisson(rate, 200))

    assert daily(model).mean(axis=1) == pytest.approx(24 * rate.ravel(), rel=0.25)


def test_the_hours_of_the_week_are_learnt() -> None:
    hour = np.arange(300 * 24)
    rhythm = np.where(hour % 24 < 12, 0.2, 0.8) * np.where(hour // 24 % 7 == 3, 2.0, 1.0)

    model, _ = fed(poisson(np.tile(rhythm, (4, 1)), 300))

    week = model.outlook(7).mean(axis=0)
    truth = np.where(np.arange(168) % 24 < 12, 0.2, 0.8) * np.where((300 + np.arange(168) // 24) % 7 == 3, 2.0, 1.0)
    assert np.abs(np.log(week / truth))[2:-2].mean() < 0.15


@pytest.mark.parametrize("days", [1, 3, 7])
def test_a_past_spike_does_not_raise_what_is_expected(days: int) -> None:
    calm = poisson(0.4, 120)
    wild = calm.copy()
    wild[1, 90 * 24 : (90 + days) * 24] += poisson(1.2, days)[1]

    level = [daily(fed(counts)[0])[1].mean() for counts in (calm, wild)]

    assert level[1] == pytest.approx(level[0], rel=0.06)


def test_a_spike_that_is_still_running_is_not_held_against_itself() -> None:
    counts = poisson(0.4, 120)
    counts[1, 114 * 24 :] += poisson(0.4, 6)[1]

    model, now = fed(counts)

    assert model.expected(1, now, 120).expected == pytest.approx(0.4 * 120, rel=0.15)


def test_a_lasting_step_becomes_the_new_level_within_eight_weeks() -> None:
    counts = poisson(0.4, 200)
    counts[1, 144 * 24 :] = poisson(0.6, 56)[1]

    model, _ = fed(counts)

    assert daily(model)[1].mean() == pytest.approx(0.6 * 24, rel=0.15)


def test_each_kind_of_day_learns_its_factor() -> None:
    days = list(range(30, 330, 6))
    periods = tuple(
        Period(start_ms=(START + day * 24) * HOUR_MS, end_ms=(START + day * 24 + 24) * HOUR_MS, kind="pay_day")
        for day in [*days, 330]
    )
    rate = np.full((4, 330 * 24), 0.5)
    for day in days:
        rate[:, day * 24 : day * 24 + 24] *= 1.8

    model, _ = fed(poisson(rate, 330), periods)

    outlook = daily(model, 2).sum(axis=0)
    assert outlook[0] / outlook[1] == pytest.approx(1.8, rel=0.15)


def test_a_fixture_counts_in_its_own_area_only() -> None:
    fixture = Period(start_ms=(START + 60 * 24) * HOUR_MS, end_ms=(START + 60 * 24 + 5) * HOUR_MS, kind="f", area=2)

    model, _ = fed(poisson(0.5, 60), (fixture,))
    other, _ = fed(poisson(0.5, 60))

    ratio = model.outlook(1) / other.outlook(1)
    assert ratio[2, :5] == pytest.approx(1.2)
    assert np.delete(ratio, 2, axis=0) == pytest.approx(1.0)


def test_a_silent_area_takes_its_level_from_the_region() -> None:
    counts = poisson(0.5, 40)
    counts[3] = 0

    model, _ = fed(counts)

    assert 0.0 < daily(model)[3].mean() < 1.0


def test_a_late_count_goes_to_its_own_hour() -> None:
    model, now = fed(poisson(0.3, 60))
    before = model.observed(now, 24), model.observed(now, 168)

    assert model.record(1, now - 50 * HOUR_MS, 9)

    assert np.array_equal(model.observed(now, 24), before[0])
    assert model.observed(now, 168)[1] > before[1][1]


def test_a_count_older_than_the_ring_is_refused() -> None:
    model, now = fed(poisson(0.3, 90))

    assert model.record(1, now - 34 * 24 * HOUR_MS, 2)
    assert not model.record(1, now - 37 * 24 * HOUR_MS, 2)


def test_a_correction_before_a_day_is_learnt_leaves_no_trace() -> None:
    counts = poisson(0.3, 60)
    straight, now = fed(counts)
    model = UnitModel(unit(), START * HOUR_MS)
    wrong = counts.copy()
    wrong[2, 55 * 24 : 55 * 24 + 5] += 30
    feed(model, wrong, 0, 60 * 24)
    for hour in range(55 * 24, 55 * 24 + 5):
        model.record(2, (START + hour) * HOUR_MS, int(counts[2, hour]))

    for each in (straight, model):
        feed(each, np.zeros((4, 70 * 24), dtype=np.int64), 60 * 24, 70 * 24)

    now += 10 * 24 * HOUR_MS
    assert model.expected(2, now, 24).expected == pytest.approx(straight.expected(2, now, 24).expected, rel=0.02)


def test_calls_in_small_steps_give_the_bits_of_calls_in_one() -> None:
    counts = poisson(0.3, 50)
    at_once, now = fed(counts)
    model = UnitModel(unit(), START * HOUR_MS)
    for hour in range(50 * 24):
        for area in np.flatnonzero(counts[:, hour]):
            model.record(int(area), (START + hour) * HOUR_MS, int(counts[area, hour]))
        model.advance((START + hour) * HOUR_MS + 1_800_000)
        model.score((START + hour) * HOUR_MS + 1_800_000)
    model.advance(now + 1)

    assert np.array_equal(model.score(now).score, at_once.score(now).score)


def test_hours_scored_together_are_the_hours_scored_one_by_one() -> None:
    model, now = fed(poisson(0.3, 60), zone="Europe/London")
    last = now // HOUR_MS - 1

    together = model.score_hours(last - 5, 6)

    one_by_one = np.array([model.score((last - 4 + k) * HOUR_MS).score for k in range(6)])
    assert together == pytest.approx(one_by_one, abs=1e-9)


def test_the_running_hour_counts_in_part() -> None:
    model, now = fed(poisson(0.3, 60))
    whole = model.expected(1, now, 1).expected

    assert model.expected(1, now - HOUR_MS * 3 // 4, 1).expected == pytest.approx(whole / 4)


def test_counts_that_have_not_arrived_are_not_expected_yet() -> None:
    model, now = fed(poisson(0.3, 60))
    whole = model.expected(1, now, 24).expected

    model.complete(np.full(24, 0.5))

    assert model.expected(1, now, 24).expected == pytest.approx(whole / 2)


def test_scoring_ahead_of_the_clock_is_refused() -> None:
    model, now = fed(poisson(0.3, 40))

    with pytest.raises(ValueError, match="advance"):
        model.score(now + 30 * HOUR_MS)


def test_an_area_that_falls_silent_turns_grey() -> None:
    counts = poisson(0.5, 70)
    counts[1, 66 * 24 :] = 0

    model, _ = fed(counts)

    assert model.readiness() == [Readiness.READY, Readiness.NO_DATA, Readiness.READY, Readiness.READY]


def test_a_step_in_reporting_turns_an_area_grey_and_is_learnt() -> None:
    counts = poisson(0.5, 150)
    counts[1, 120 * 24 :] = poisson(2.5, 30)[1]

    model, _ = fed(counts)

    assert model.ready(1) is Readiness.COVERAGE_CHANGED
    assert model.ready(0) is Readiness.READY
    assert daily(model)[1].mean() == pytest.approx(60.0, rel=0.15)
    feed(model, poisson(0.5, 172), 150 * 24, 172 * 24)
    assert model.ready(0) is Readiness.READY


def test_no_row_of_the_journal_is_large() -> None:
    model, _ = fed(poisson(0.01, 40, areas=713))

    assert max(sum(len(value) for value in row if isinstance(value, bytes)) for _, row in model.dirty()) < 500_000


def test_an_explanation_names_window_areas_and_numbers() -> None:
    counts = poisson(0.2, 80)
    counts[1, -6:] += 2
    model, now = fed(counts)

    why = model.explain(1, now)

    assert why.window_h in {3, 6, 12}
    assert why.observed == counts[1, -why.window_h :].sum()
    assert why.expected == pytest.approx(0.2 * why.window_h, rel=0.4)
    assert why.lower <= why.expected <= why.upper < why.observed
    assert 1.0 < why.multiplier_lower < why.multiplier < why.observed / why.expected
    assert why.score == model.score(now).score[1]
    assert 1 in why.members


def test_a_model_that_saw_one_fewer_scores_as_one_that_never_saw_it_to_the_bit() -> None:
    counts = poisson(0.2, 80)
    counts[1, -6:] += 2
    model, now = fed(counts)
    supposed = model.with_more([(1, now - HOUR_MS, -1), (2, now - 5 * HOUR_MS, 1)])

    model.record(1, now - HOUR_MS, int(counts[1, -1]) - 1)
    model.record(2, now - 5 * HOUR_MS, int(counts[2, -5]) + 1)

    assert supposed.score(now).score.tolist() == model.score(now).score.tolist()


def test_what_was_learnt_of_other_areas_is_refused() -> None:
    model, _ = fed(poisson(0.2, 30))
    rows = model.dirty()
    same, other = UnitModel(model.unit, START * HOUR_MS), UnitModel(unit(5), START * HOUR_MS)
    renamed = UnitModel(replace(model.unit, areas=("W0", "W1", "W2", "X3")), START * HOUR_MS)

    same.restore(rows)

    for each in (other, renamed):
        with pytest.raises(UsageError, match=r"town\|ward\|knife is of other areas .*docs/procedures"):
            each.restore(rows)
