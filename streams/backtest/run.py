"""The backtest itself: learn, calibrate, live through the span, try spikes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.events import HOUR, AlertEvent
from streams.backtest.alerts import AlertRun
from streams.backtest.detectability import Detectable, areas_tried, detectability
from streams.backtest.measures import Coverage
from streams.backtest.plan import Budget, Plan
from streams.backtest.spikes import Outcome, Scores, Stretch, hours_scored, measured
from streams.backtest.walk import DayModel, learnt, local_days
from streams.core.detection.budget import Calibration, calibrate
from streams.core.detection.unit import Unit

Told = Callable[[int], None]
Step = Callable[[str, int], Told]
"""Begins a step of so many parts (0: not known), and answers what is told of the parts done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitResult:
    """
    What one unit did in the span.

    scores, expected: [areas, hours]. outcomes and detectables are empty if spikes were not asked for.
    """

    unit: Unit
    stretch: Stretch
    coverage: Coverage
    outcomes: tuple[Outcome, ...]
    detectables: tuple[Detectable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a backtest found."""

    plan: Plan
    years: int
    calibration: Calibration
    events: tuple[AlertEvent, ...]
    units: tuple[UnitResult, ...]


def quiet_step(_name: str, _parts: int) -> Told:
    """A step that nobody watches."""
    return lambda _: None


def calibrated(
    models: Sequence[DayModel], budget: Budget, seed: int, step: Step = quiet_step
) -> tuple[Calibration, int]:
    """Thresholds that keep *budget*, by null years of *models*; and how many years."""
    years = budget.years([model.unit for model in models])
    told = step(f"calibrate on {years} null years", 0)
    answer = calibrate(
        models, np.random.default_rng([seed, 1]), alerts_per_week=budget.weekly, fixed=budget.own, years=years
    )
    told(1)
    return answer, years


def learn_all(plan: Plan, step: Step = quiet_step) -> list[DayModel]:
    """A model of each unit that has learnt all before the span."""
    first = plan.hours.first
    told = step("learn", (plan.first - first) * len(plan.units))
    return [learnt(unit, plan.hours.counts[unit.level, unit.group], first, plan.first, told) for unit in plan.units]


def run(plan: Plan, step: Step = quiet_step, *, spikes: bool = True) -> Result:
    """Do what *plan* says; spikes are tried and detectability is worked out unless told otherwise."""
    models = learn_all(plan, step)
    calibration, years = calibrated(models, plan.budget, plan.seed, step)
    before = [copy.deepcopy(model) for model in models] if spikes else []
    stretches, coverages, events = _lived(plan, models, calibration, step)
    outcomes: list[tuple[Outcome, ...]] = [()] * len(models)
    detectables: list[tuple[Detectable, ...]] = [()] * len(models)
    for index, model in enumerate(before):
        threshold = calibration.thresholds[model.unit.key]
        rng = np.random.default_rng([plan.seed, 2, index])
        detectables[index] = detectability(
            model, threshold, rng, step(f"detectability {model.unit.group}", areas_tried(len(model.unit.areas)))
        )
        told = step(f"spikes {model.unit.group}", hours_scored(*stretches[index].counts.shape))
        outcomes[index] = tuple(measured(model, stretches[index], threshold, rng, told))
    return Result(
        plan=plan,
        years=years,
        calibration=calibration,
        events=tuple(events),
        units=tuple(
            UnitResult(unit=unit, stretch=stretch, coverage=coverage, outcomes=found, detectables=detectable)
            for unit, stretch, coverage, found, detectable in zip(
                plan.units, stretches, coverages, outcomes, detectables, strict=True
            )
        ),
    )


def _lived(
    plan: Plan, models: Sequence[DayModel], calibration: Calibration, step: Step
) -> tuple[list[Stretch], list[Coverage], list[AlertEvent]]:
    """Live through the span: scores and expectations of all hours, and the alerts."""
    by_unit = {(model.unit.level, model.unit.group): model for model in models}
    alerts = AlertRun(plan.region, by_unit, calibration, plan.first, plan.tick_hours)
    stretches = [_empty(plan, unit) for unit in plan.units]
    coverages = [Coverage() for _ in models]
    events: list[AlertEvent] = []
    told = step("live through", plan.end - plan.first)
    for start, turn in local_days(plan.units[0], plan.first, plan.end):
        part = slice(start - plan.first, turn - plan.first)
        for model, stretch, coverage in zip(models, stretches, coverages, strict=True):
            stretch.scores[:, part] = model.live(start, stretch.counts[:, part]).T
            stretch.expected[:, part] = model.expected_hours(start, turn - start)
            coverage.learn(*model.expected_all(turn * HOUR, 24))
        counts = {unit: stretch.counts[:, part] for unit, stretch in zip(by_unit, stretches, strict=True)}
        events += alerts.hours(start, counts)
        told(turn - start)
    return stretches, coverages, events


def _empty(plan: Plan, unit: Unit) -> Stretch:
    counts = plan.hours.between((unit.level, unit.group), plan.first, plan.end)
    scores: Scores = np.zeros(counts.shape, dtype=np.float32)
    return Stretch(first=plan.first, counts=counts, expected=np.zeros(counts.shape, dtype=np.float32), scores=scores)
