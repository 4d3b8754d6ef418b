"""When in the week, and whether one incident is soon followed by another nearby: what hours tell and months do not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from streams.backtest.hours import Hours
from streams.core.geography import Region
from streams.review.months import Month
from streams.review.panel import Counts, Panel, Provenance

WEEK = 168
DAYS_NEAR = 14
"""Days within which another incident in the same area counts as soon."""
SHUFFLES = 99
QUARTER = 91


class Repeat(NamedTuple):
    """Pairs of incidents of one area within :data:`DAYS_NEAR` days, over what chance gives; limits of 95 %."""

    ratio: float
    low: float
    high: float
    pairs: int


def local_hours(first: int, hours: int, zone: str) -> list[dt.datetime]:
    """Local times of whole hours since the epoch."""
    there = ZoneInfo(zone)
    return [dt.datetime.fromtimestamp((first + k) * 3600, there) for k in range(hours)]


def panel_of_hours(
    hours: Hours, region: Region, level: str, first: Month, end: Month, provenance: Provenance
) -> tuple[Panel, Mapping[str, Repeat]]:
    """
    Counts by local month of the months [first, end) that the hours cover wholly, with clocks and near repeats.

    Parameters
    ----------
    hours
        As read.
    region
        Gives zone and areas.
    level
        Of the areas.
    first, end
        Months.
    provenance
        Where the hours come from.

    """
    times = local_hours(hours.first, hours.hours, region.zone)
    at = np.array([time.year * 12 + time.month - 1 for time in times])
    begin, stop = max(first, _whole_from(times, at)), min(end, _whole_until(times, at))
    inside = (at >= begin) & (at < stop)
    groups = tuple(group for of, group in hours.counts if of == level)
    areas = tuple(region.unit_areas(level))
    counts = np.zeros((len(groups), len(areas), max(stop - begin, 0)), dtype=np.int64)
    clock: dict[str, Counts] = {}
    repeats: dict[str, Repeat] = {}
    slot = np.array([time.weekday() * 24 + time.hour for time in times])
    day = np.array([time.toordinal() for time in times])
    for number, group in enumerate(groups):
        table = hours.counts[level, group][:, inside].astype(np.int64)
        for month in range(begin, stop):
            counts[number, :, month - begin] = table[:, at[inside] == month].sum(axis=1)
        clock[group] = np.bincount(slot[inside], weights=table.sum(axis=0), minlength=WEEK).astype(np.int64)
        repeats[group] = near_repeats(_by_day(table, day[inside]))
    elsewhere = np.zeros((len(groups), counts.shape[2]), dtype=np.int64)
    panel = Panel(
        groups=groups,
        level=level,
        areas=areas,
        first=begin,
        counts=counts,
        elsewhere=elsewhere,
        labels={},
        excluded=(),
        provenance=provenance,
        hours=clock,
    )
    return panel, repeats


def _whole_from(times: list[dt.datetime], at: Counts) -> Month:
    whole = times[0].day == 1 and times[0].hour == 0
    return int(at[0]) if whole else int(at[0]) + 1


def _whole_until(times: list[dt.datetime], at: Counts) -> Month:
    after = times[-1] + dt.timedelta(hours=1)
    return int(at[-1]) + 1 if after.month != times[-1].month else int(at[-1])


def _by_day(table: Counts, day: Counts) -> Counts:
    starts = np.flatnonzero(np.r_[True, np.diff(day) > 0])
    summed: Counts = np.add.reduceat(table, starts, axis=1)
    return summed


def near_repeats(daily: Counts, seed: int = 1) -> Repeat:
    """
    Whether incidents of an area come closer together in time than those of areas at large.

    Knox (1964) with the area as place: pairs of incidents of one area at most :data:`DAYS_NEAR` days apart, over the
    mean of worlds in which the days of each quarter's incidents are dealt anew, so that areas and days keep their
    numbers (Johnson et al. 2007). The limits are 95 % of those worlds around the ratio.
    """
    random = np.random.default_rng(seed)
    seen = _pairs(daily)
    chance = np.array([_pairs(_dealt(daily, random)) for _ in range(SHUFFLES)], dtype=np.float64)
    mean = max(float(chance.mean()), 0.5)
    low, high = np.quantile(chance, [0.025, 0.975])
    return Repeat(seen / mean, seen / max(float(high), 0.5), seen / max(float(low), 0.5), seen)


def _pairs(daily: Counts) -> int:
    """Pairs in one area on the same day or at most so many days apart."""
    total = int((daily * (daily - 1) // 2).sum())
    return total + sum(int((daily[:, lag:] * daily[:, :-lag]).sum()) for lag in range(1, DAYS_NEAR + 1))


def _dealt(daily: Counts, random: np.random.Generator) -> Counts:
    """The same incidents of each area and of each day in a quarter, which is whose dealt anew (Mantel 1967)."""
    out = np.zeros_like(daily)
    for begin in range(0, daily.shape[1], QUARTER):
        part = daily[:, begin : begin + QUARTER]
        areas = np.repeat(np.arange(part.shape[0]), part.sum(axis=1))
        at = np.repeat(np.arange(part.shape[1]), part.sum(axis=0))
        np.add.at(out, (random.permutation(areas), begin + at), 1)
    return out
