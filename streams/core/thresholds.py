"""The budget in force: a calibration where there is one, else thresholds that hold for most cities."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import cast

from schemas.events import Millis
from streams.core.alert import AlertState
from streams.core.controller import Case, Controller, Rates, Weighing, week_of
from streams.core.detection.budget import Calibration
from streams.core.detection.unit import Unit
from streams.core.stage import Row, RowValue

UNCALIBRATED = "uncalibrated"
SHARED = ""
"""The pool of all units without a budget of their own; a unit with one is a pool by its key."""
WEEKS_A_YEAR = 52.1775
DAYS_A_YEAR = 365.2425

_AT_ONE = 2.5
_PER_E_FOLD = 0.75
"""Threshold at one false alert an area-year, and its rise for each e-fold fewer; see ``docs/detection.md``."""


def usual_threshold(per_area_year: float) -> float:
    """
    Threshold that gives about *per_area_year* false alerts in a typical area, before anything is calibrated.

    >>> usual_threshold(1.0) < usual_threshold(0.1)
    True
    """
    return _AT_ONE - _PER_E_FOLD * math.log(per_area_year)


def usual_per_area_year(score: float) -> float:
    """False alerts an area-year with a threshold at *score*: the inverse of :func:`usual_threshold`."""
    return math.exp((_AT_ONE - score) / _PER_E_FOLD)


class StandingBudget:
    """
    Thresholds of one region's units.

    ``alerts_per_week`` is the total over all units; it is shared in proportion to areas, so that each area has the
    same rate, but for units with a budget of their own. With *feedback*, what people close moves the thresholds of all
    units that share a budget, until a new calibration.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        alerts_per_week: float,
        own_budgets: Mapping[str, float],
        *,
        feedback: bool = True,
    ) -> None:
        shared = [unit for unit in units if unit.key not in own_budgets]
        areas = sum(len(unit.areas) for unit in shared)
        common = alerts_per_week / max(areas, 1)
        self._areas = {(unit.level, unit.group): len(unit.areas) for unit in units}
        self._keys = {(unit.level, unit.group): unit.key for unit in units}
        self._pools = {unit.key: unit.key if unit.key in own_budgets else SHARED for unit in units}
        self._asked = {unit.key: own_budgets.get(unit.key, common * len(unit.areas)) for unit in units}
        self._usual = {
            (unit.level, unit.group): usual_threshold(self._asked[unit.key] * WEEKS_A_YEAR / len(unit.areas))
            for unit in units
        }
        self._calibration: Calibration | None = None
        self._feedback = feedback
        self._controllers = {pool: Controller() for pool in sorted(set(self._pools.values()))}
        self._changed: set[str] = set()

    @property
    def version(self) -> str:
        """Of the calibration in force."""
        return UNCALIBRATED if self._calibration is None else self._calibration.version

    def threshold(self, level: str, group: str) -> float:
        """Score from which an alert opens."""
        usual = self._usual[level, group]
        key = self._keys[level, group]
        known = usual if self._calibration is None else self._calibration.thresholds.get(key, usual)
        return known + self._correction(key)

    def _correction(self, key: str) -> float:
        return self._controllers[self._pools[key]].correction if self._feedback else 0.0

    def chance_days(self, level: str, group: str, score: float) -> float | None:
        """
        A score this high turns up by chance about once in so many days in the whole region.

        What feedback adds to the threshold it takes from the score here: more false alerts than promised means that
        scores turn up by chance more often than null years say.
        """
        key = self._keys[level, group]
        score -= self._correction(key)
        if self._calibration is not None and key in self._calibration.days:
            return round(self._calibration.chance_days(key, score), 1)
        return round(DAYS_A_YEAR / (usual_per_area_year(score) * self._areas[level, group]), 1)

    def rates(self) -> dict[str, Rates]:
        """What is promised and what came, by pool."""
        return {pool: self._rates(pool) for pool in self._controllers}

    def rates_of(self, level: str, group: str) -> Rates | None:
        """What is promised and what came of the budget that a unit has part in; None of one that is watched no more."""
        key = self._keys.get((level, group))
        return None if key is None else self._rates(self._pools[key])

    def _rates(self, pool: str) -> Rates:
        controller = self._controllers[pool]
        return Rates(self._nominal(pool), controller.realised, controller.correction if self._feedback else 0.0)

    def _nominal(self, pool: str) -> float:
        known = {} if self._calibration is None else self._calibration.nominal
        return sum(known.get(key, self._asked[key]) for key, of in self._pools.items() if of == pool)

    def turn(
        self, before: Millis | None, now: Millis, alerts: Callable[[], Iterable[AlertState]]
    ) -> Iterator[tuple[str, Weighing]]:
        """At the tick *now* judge what people made of *alerts* if a week has turned; answer pools and what was made."""
        entered = all(controller.since is not None for controller in self._controllers.values())
        if entered and before is not None and week_of(before) == week_of(now):
            return
        cases: dict[str, list[Case]] = {pool: [] for pool in self._controllers}
        for alert in alerts():
            if not alert.sentinel and not alert.inhibited_by:
                pool = self._pools[self._keys[alert.level, alert.group]]
                cases[pool].append(Case(alert.episode.opened_ms, alert.people.outcome, alert.retracted))
        for pool, controller in self._controllers.items():
            after, weighing = controller.turn(before, now, cases[pool], self._nominal(pool))
            self._controllers[pool] = after
            self._changed.add("feedback")
            if weighing is not None and self._feedback:
                yield pool, weighing

    def calibrate(self, body: str) -> None:
        """Put a calibration in force, as JSON ``[version, text]``-row text from :meth:`Calibration.to_row`."""
        version, _, text = body.partition("\n")
        self._calibration = Calibration.from_row((version, text))
        self._controllers = {pool: Controller() for pool in self._controllers}
        self._changed.update(("calibration", "feedback"))

    def dirty(self, region: str) -> Iterator[Row]:
        """Rows changed since the last call: the calibration in force, and what feedback made of it."""
        if "calibration" in self._changed and self._calibration is not None:
            yield Row(f"calibration|{region}", self._calibration.to_row())
        if "feedback" in self._changed:
            learnt = ((pool, controller.to_row()) for pool, controller in self._controllers.items())
            yield Row(f"feedback|{region}", tuple(learnt))
        self._changed.clear()

    def restore(self, kind: str, row: RowValue) -> None:
        """Take one row over; a pool that the region pack has no more is forgotten."""
        if kind == "calibration":
            self._calibration = Calibration.from_row(cast("tuple[str, str]", tuple(row)))
            return
        for pool, learnt in cast("tuple[tuple[str, RowValue], ...]", row):
            if pool in self._controllers:
                self._controllers[pool] = Controller.from_row(learnt)
