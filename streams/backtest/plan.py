"""What a backtest is asked to do: region, hours, span, budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from schemas.errors import UsageError
from streams.backtest.hours import Hours, iso_hour
from streams.core.detection.settings import Settings
from streams.core.detection.unit import Unit
from streams.core.geography import Region
from streams.core.places import plan_of
from streams.core.regionplan import RegionPlan

WEEK_DAYS = 7.0
YEAR_DAYS = 365.25
WEEKS_A_YEAR = YEAR_DAYS / WEEK_DAYS
ENOUGH_ALERTS = 400
"""So many simulated false alerts make a threshold certain to about 5 %."""
SLACK = 7 * 24
"""Hours without a line at the end of a file are hours without an incident, but not more than a week of them."""
MOST_AREA_YEARS = 2600
MOST_YEARS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """
    False alerts that the team can work.

    ``weekly``: alerts a week in all, over the units without one of their ``own`` (by ``region|level|group``).
    """

    weekly: float
    own: Mapping[str, float]

    def of(self, units: Sequence[Unit]) -> float:
        """Alerts a week of *units* together."""
        shared = any(unit.key not in self.own for unit in units)
        return sum(self.own.get(unit.key, 0.0) for unit in units) + (self.weekly if shared else 0.0)

    def years(self, units: Sequence[Unit]) -> int:
        """Null years to simulate, for thresholds that are certain enough and a time that is bearable."""
        smallest = min([*(self.own[unit.key] for unit in units if unit.key in self.own), self.of(units)])
        areas = sum(len(unit.areas) for unit in units)
        wanted = math.ceil(ENOUGH_ALERTS / max(smallest * WEEKS_A_YEAR, 1e-6))
        return max(1, min(wanted, MOST_YEARS, MOST_AREA_YEARS // areas))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A backtest of *units* over [first, end), hours since the epoch, with the history before *first*."""

    region: RegionPlan
    units: tuple[Unit, ...]
    hours: Hours
    first: int
    end: int
    tick_hours: int
    budget: Budget
    seed: int

    @property
    def weeks(self) -> float:
        """Length of what is tested."""
        return (self.end - self.first) / 168.0


def chosen_units(region: Region, hours: Hours, levels: Sequence[str], groups: Sequence[str]) -> tuple[Unit, ...]:
    """
    Units that *hours* has counts of, in the order of the region pack, and of those the *levels* and *groups* asked for.

    Raises
    ------
    UsageError
        A level or group is asked for that is not there.

    """
    for asked, known, what in ((levels, region.unit_levels, "level"), (groups, region.scored_groups, "scored group")):
        stranger = next((name for name in asked if name not in known), None)
        if stranger is not None:
            raise UsageError(f"--{what.split()[-1]} {stranger}: region {region.name} has no such {what}")
    units = tuple(
        unit
        for unit in plan_of(region).units
        if (unit.level, unit.group) in hours.counts
        and (not levels or unit.level in levels)
        and (not groups or unit.group in groups)
    )
    if not units:
        there = ", ".join(f"{level} {group}" for level, group in hours.counts)
        raise UsageError(f"the hours file has no counts of what is asked for; it has {there}")
    return units


def budget_of(region: Region, units: Sequence[Unit], *, per_area_year: float | None, per_week: float | None) -> Budget:
    """The budget asked for, else that of the region pack; *per_area_year* gives each unit one of its own."""
    if per_area_year is not None and per_week is not None:
        raise UsageError("--budget-per-area-year and --alerts-per-week exclude each other")
    if per_area_year is not None:
        own = {unit.key: per_area_year * len(unit.areas) / WEEKS_A_YEAR for unit in units}
        return Budget(weekly=sum(own.values()), own=own)
    if per_week is not None:
        return Budget(weekly=per_week, own={})
    own = {unit.key: region.own_budgets[unit.key] for unit in units if unit.key in region.own_budgets}
    return Budget(weekly=region.budget.alerts_per_week, own=own)


def check_span(hours: Hours, first: int, end: int) -> None:
    """Refuse a span that the hours don't hold, or that leaves no history; UsageError."""
    least = Settings().min_days
    if not first < end:
        raise UsageError(f"--until {iso_hour(end)} is not after --from {iso_hour(first)}")
    if end > hours.end + SLACK:
        raise UsageError(
            f"--until {iso_hour(end)} is after the last hour of the file, which ends {iso_hour(hours.end)}"
        )
    if (first - hours.first) < least * 24:
        before = (first - hours.first) / 24
        raise UsageError(
            f"--from {iso_hour(first)} leaves {max(before, 0):.0f} days to learn from "
            f"(the file begins {iso_hour(hours.first)}); at least {least} are needed, and a year is better"
        )


def planned(
    region: Region,
    hours: Hours,
    *,
    first: int,
    end: int,
    tick_hours: int,
    units: tuple[Unit, ...],
    budget: Budget,
    seed: int,
) -> Plan:
    """A backtest, its span checked."""
    check_span(hours, first, end)
    plan = replace(plan_of(region), units=units)
    return Plan(
        region=plan, units=units, hours=hours, first=first, end=end, tick_hours=tick_hours, budget=budget, seed=seed
    )
