"""The budget in force: a calibration where there is one, else thresholds that hold for most cities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

from streams.core.detection.budget import Calibration
from streams.core.detection.unit import Unit
from streams.core.stage import RowValue

UNCALIBRATED = "uncalibrated"
WEEKS_A_YEAR = 52.1775
DAYS_A_YEAR = 365.2425

_AT_ONE = 3.6
_PER_E_FOLD = 0.95
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
    same rate, but for units with a budget of their own.
    """

    def __init__(self, units: Sequence[Unit], alerts_per_week: float, own_budgets: Mapping[str, float]) -> None:
        shared = [unit for unit in units if unit.key not in own_budgets]
        areas = sum(len(unit.areas) for unit in shared)
        common = alerts_per_week * WEEKS_A_YEAR / max(areas, 1)
        self._areas = {(unit.level, unit.group): len(unit.areas) for unit in units}
        self._keys = {(unit.level, unit.group): unit.key for unit in units}
        self._usual = {
            (unit.level, unit.group): usual_threshold(
                own_budgets[unit.key] * WEEKS_A_YEAR / len(unit.areas) if unit.key in own_budgets else common
            )
            for unit in units
        }
        self._calibration: Calibration | None = None

    @property
    def version(self) -> str:
        """Of the calibration in force."""
        return UNCALIBRATED if self._calibration is None else self._calibration.version

    def threshold(self, level: str, group: str) -> float:
        """Score from which an alert opens."""
        usual = self._usual[level, group]
        if self._calibration is None:
            return usual
        return self._calibration.thresholds.get(self._keys[level, group], usual)

    def chance_days(self, level: str, group: str, score: float) -> float | None:
        """A score this high turns up by chance about once in so many days in the whole region."""
        key = self._keys[level, group]
        if self._calibration is not None and key in self._calibration.days:
            return round(self._calibration.chance_days(key, score), 1)
        return round(DAYS_A_YEAR / (usual_per_area_year(score) * self._areas[level, group]), 1)

    def calibrate(self, body: str) -> None:
        """Put a calibration in force, as JSON ``[version, text]``-row text from :meth:`Calibration.to_row`."""
        version, _, text = body.partition("\n")
        self._calibration = Calibration.from_row((version, text))

    def to_row(self) -> RowValue | None:
        """The calibration in force, for the journal."""
        return None if self._calibration is None else self._calibration.to_row()

    def from_row(self, row: RowValue) -> None:
        """Take a calibration over."""
        self._calibration = Calibration.from_row(cast("tuple[str, str]", tuple(row)))
