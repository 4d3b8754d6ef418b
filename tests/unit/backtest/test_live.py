"""A backtest is the live code: its scores and its alerts are those of the third stage that lives hour by hour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from support.pasts import START, Past, past
from support.quick import quick_backtests
from support.tables import score_table

from schemas.events import HOUR, AlertEvent, Command, CommandKind, HourCount, Tick
from schemas.jsonform import alert_event_json
from streams.backtest.hours import read_hours
from streams.backtest.plan import Plan, budget_of, chosen_units, planned
from streams.backtest.run import Result, calibrated, learn_all, run
from streams.backtest.walk import DayModel, local_days
from streams.core.detect import Detect
from streams.core.detection.budget import Calibration
from streams.core.detection.unit import UnitModel
from streams.core.stage import Record
from streams.regions.loader import load

UNIT = ("borough", "street_violence")
TEST_DAYS = 14


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with quick_backtests():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return past(tmp_path_factory.mktemp("past"))


@pytest.fixture(scope="module")
def plan(made: Past) -> Plan:
    return plan_of(made)


@pytest.fixture(scope="module")
def result(plan: Plan) -> Result:
    return run(plan, spikes=False)


def plan_of(made: Past, *, tick_hours: int = 1) -> Plan:
    region = load(made.pack)
    hours = read_hours(made.file, region)
    units = chosen_units(region, hours, (), ())
    return planned(
        region,
        hours,
        first=made.end - TEST_DAYS * 24 + 5,
        end=made.end - 3,
        tick_hours=tick_hours,
        units=units,
        budget=budget_of(region, units, per_area_year=None, per_week=4.0),
        seed=3,
    )


def test_every_score_is_that_of_a_model_that_lives_hour_by_hour(made: Past, plan: Plan, result: Result) -> None:
    live = UnitModel(plan.units[0], START * HOUR)
    scores = []
    for hour in range(START, plan.end):
        for area in np.flatnonzero(made.counts[:, hour - START]):
            live.record(int(area), hour * HOUR, int(made.counts[area, hour - START]))
        live.advance((hour + 1) * HOUR)
        if hour >= plan.first:
            scores.append(live.score((hour + 1) * HOUR).score)

    assert (np.array(scores).T.astype(np.float32) == result.units[0].stretch.scores).all()
    assert np.ptp(result.units[0].stretch.scores) > 3.0, "a spike is among them"


def live_events(made: Past, plan: Plan, calibration: Calibration, tick_hours: int) -> list[AlertEvent]:
    """The third stage fed from the first hour on; nothing is alerted before the calibration comes."""
    quiet = replace(plan.region, alerts_per_week=1e-9)
    stage = Detect([quiet], enriched_partitions=1, counts=False)
    events: list[AlertEvent] = []
    offset = 0

    def feed(now: int, value: object) -> None:
        nonlocal offset
        events.extend(o.value for o in stage.apply(Record(offset, now, value)) if isinstance(o.value, AlertEvent))
        offset += 1

    for hour in range(START, plan.end):
        now = (hour + 1) * HOUR
        if hour == plan.first:
            assert not events
            body = "\n".join(calibration.to_row())
            feed(now, Command("c", CommandKind.CALIBRATE, "town", "", "x", now, body=body))
        for area in np.flatnonzero(made.counts[:, hour - START]):
            number = int(made.counts[area, hour - START])
            code = plan.units[0].areas[area]
            feed(now, HourCount(0, now, "ACTUAL", "town", *_place(code), hour * HOUR, number, number, ()))
        if (hour + 1) % tick_hours == 0:
            feed(now, Tick(0, now))
    return events


def _place(code: str) -> tuple[str, str, str]:
    return "borough", code, "street_violence"


@pytest.mark.parametrize("tick_hours", [1, 6])
def test_the_alerts_are_those_of_the_live_stage_to_the_byte(made: Past, tick_hours: int) -> None:
    plan = plan_of(made, tick_hours=tick_hours)
    result = run(plan, spikes=False)

    live = live_events(made, plan, result.calibration, tick_hours)

    assert [alert_event_json(event) for event in result.events] == [alert_event_json(event) for event in live]
    assert [event.area for event in live if event.kind == "OPENED"].count("D") >= 1
    assert {event.calibration for event in live} == {result.calibration.version}


def test_what_comes_after_the_test_changes_no_score_in_it(made: Past, plan: Plan, result: Result) -> None:
    shorter = run(replace(plan, end=plan.end - 100), spikes=False)

    assert (shorter.units[0].stretch.scores == result.units[0].stretch.scores[:, :-100]).all()


def test_the_same_seed_gives_the_same_thresholds(plan: Plan, result: Result) -> None:
    models = learn_all(plan)

    again, _ = calibrated(models, plan.budget, plan.seed)
    other, _ = calibrated(models, plan.budget, plan.seed + 1)

    assert again == result.calibration
    assert other != again


def test_days_are_local_and_23_hours_where_the_clock_goes_forward(plan: Plan) -> None:
    days = list(local_days(plan.units[0], START, plan.end))

    lengths = [end - first for first, end in days]
    assert days[0][0] == START
    assert days[-1][1] == plan.end
    assert [length for length in lengths[:-1] if length != 24] == [23]


def test_made_up_weeks_are_scored_as_the_models_own_table(plan: Plan) -> None:
    model = learn_all(plan)[0]
    rng = np.random.default_rng(1)
    expected = model.outlook(12)
    counts = rng.poisson(expected).astype(np.float64)
    table = score_table(model, counts, expected)

    for area in range(6):
        rows = model.sampled_rows(area)
        ends = [169, 190, counts.shape[1]]
        scores = model.score_samples(area, counts[None, rows], expected[None, rows], ends)
        assert np.allclose(scores[0], [table[end - 169, area] for end in ends], rtol=1e-9)


def test_a_score_that_was_not_made_ahead_is_made(plan: Plan) -> None:
    model = learn_all(plan)[0]
    counts = plan.hours.between(UNIT, plan.first, plan.first + 10)
    model.live(plan.first, counts)
    now = (plan.first + 5) * HOUR

    plain = UnitModel.score(model, now + HOUR // 2)

    assert (model.score(now + HOUR // 2).score == plain.score).all()
    assert (model.score(now, [2]).score == model.score(now).score[[2]]).all()


def test_a_day_model_learns_what_a_plain_one_does(made: Past, plan: Plan) -> None:
    days = DayModel(plan.units[0], START * HOUR)
    for first, end in local_days(plan.units[0], START, plan.first):
        days.learn(first, made.counts[:, first - START : end - START])
    plain = UnitModel(plan.units[0], START * HOUR)
    for hour in range(START, plan.first):
        for area in np.flatnonzero(made.counts[:, hour - START]):
            plain.record(int(area), hour * HOUR, int(made.counts[area, hour - START]))
        plain.advance((hour + 1) * HOUR)

    assert (days.outlook(3) == plain.outlook(3)).all()
