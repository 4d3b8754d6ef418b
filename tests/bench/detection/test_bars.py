"""The detector in small worlds of its own: better than the usual rule, even over areas, in its budget, in its time."""

import timeit

import numpy as np
import numpy.typing as npt
import pytest
from bench.detection import bars, weekly, world
from bench.detection.drive import unit_of, year_of

from streams.core.detection.budget import calibrate
from streams.core.detection.localtime import HOUR_MS
from streams.core.detection.unit import Unit, UnitModel
from streams.core.detection.weekly import weekly_surprise

Floats = npt.NDArray[np.float64]
Year = tuple[world.World, UnitModel, Floats, Floats]


@pytest.fixture(scope="module")
def year() -> Year:
    made = world.build("boroughs", 1)
    return (made, *year_of(made))


def usual_rule(counts: npt.NDArray[np.int64], test: int) -> Floats:
    """Standard score of the last 24 hours over 28 days of calendar days, each hour."""
    total = np.cumsum(counts, axis=1, dtype=np.float64)
    ends = np.arange(test, counts.shape[1])
    days = np.stack([total[:, ends - 24 * k] - total[:, ends - 24 * (k + 1)] for k in range(29)])
    z: Floats = (days[0] - days[1:].mean(axis=0)) / np.maximum(days[1:].std(axis=0), 0.5)
    return z


def share_found(made: world.World, spiked: Floats, clean: Floats, rate: float) -> float:
    seen = tuple(spike for spike in made.spikes if spike.extra >= bars.ENOUGH)
    return bars.found(spiked, seen, made.test, bars.matched(clean, rate)).share


@pytest.mark.parametrize(("rate", "margin"), [(1.0, 0.15), (4.0, 0.1), (12.0, 0.0)])
def test_it_finds_clearly_more_than_the_usual_rule(year: Year, rate: float, margin: float) -> None:
    made, _, spiked, clean = year
    usual = share_found(made, usual_rule(made.counts, made.test), usual_rule(made.clean, made.test), rate)

    assert share_found(made, spiked, clean, rate) > usual + margin


def test_it_is_quick_to_find_them(year: Year) -> None:
    made, _, spiked, clean = year
    seen = tuple(spike for spike in made.spikes if spike.extra >= bars.ENOUGH)

    assert bars.found(spiked, seen, made.test, bars.matched(clean, 4.0)).delay <= 10.0


def test_quiet_and_busy_areas_share_the_false_alerts(year: Year) -> None:
    made, _, _, clean = year
    alerts = bars.false_alerts(clean, bars.matched(clean, 4.0))

    quiet, busy = bars.thirds(alerts, made.smooth.mean(axis=1))

    assert 0.5 <= quiet / busy <= 2.0


def test_a_budget_set_beforehand_is_roughly_kept(year: Year) -> None:
    _, model, _, clean = year
    budget = calibrate([model], np.random.default_rng(1), per_area_year=12.0, years=1)

    kept = bars.false_alerts(clean, budget.thresholds[model.unit.key]).mean()

    assert kept == pytest.approx(12.0, rel=0.35)


def test_a_world_is_its_clean_copy_but_for_the_spikes(year: Year) -> None:
    made = year[0]
    extra = made.counts - made.clean
    covered = np.zeros(extra.shape, dtype=bool)
    for spike in made.spikes:
        covered[spike.area, spike.onset : spike.end] = True

    assert (extra >= 0).all()
    assert not extra[~covered].any()
    assert extra.sum() == pytest.approx(sum(spike.extra for spike in made.spikes), rel=0.1)


def test_one_pass_over_a_city_of_wards_is_quick() -> None:
    made = world.build("wards", 1, days=240, test_days=60)
    unit: Unit = unit_of(made)
    model = UnitModel(unit, made.start_hour * HOUR_MS)
    for first in range(0, 40 * 24, 24):
        model.record_hours(made.start_hour + first, made.counts[:, first : first + 24])
        model.advance((made.start_hour + first + 24) * HOUR_MS + 1)
    now = (made.start_hour + 40 * 24) * HOUR_MS - 1_000_000

    whole = min(timeit.repeat(lambda: model.score(now), number=5, repeat=5)) / 5
    some = min(timeit.repeat(lambda: model.score(now, [7]), number=5, repeat=5)) / 5

    assert whole < 0.015
    assert some < whole / 2


def test_episodes_of_the_bench_merge_within_a_day() -> None:
    above = np.zeros(200, dtype=bool)
    above[[0, 40, 64, 89, 150]] = True

    assert bars.episode_starts(above) == [40, 89, 150]


def test_weekly_false_alarms_are_even_over_families() -> None:
    series = weekly.scenarios(1)
    every = slice(None, None, 4)
    part = weekly.Series(series.counts[every], series.family[every], series.outbreak[every])

    surprise = weekly_surprise(part.counts, weekly.WEEKS - weekly.JUDGED, np.random.default_rng(0))

    measures = weekly.measured(surprise, part, weekly.matched(surprise, part, 0.01))
    assert measures.fpr == pytest.approx(0.01, abs=0.001)
    assert measures.pod > 0.45
    assert all(0.003 < rate < 0.025 for rate in measures.families)
