"""The facts that the documents are made of; what was not measured is None, and said as such."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.catalogue import Catalogue, TopicSpec
from schemas.disclosure import Table, protected
from schemas.equity import BandLoad, Going, by_band, goes_with
from schemas.errors import Malformed, UsageError
from schemas.events import AlertEvent, AlertKind, Tense
from schemas.jsonform import alert_event_from_json
from streams.accountability.equity import Activity
from streams.accountability.equity import loads as loads_of
from streams.backtest.hours import Hours
from streams.core.geography import Region
from streams.core.taxonomy import CATEGORIES
from streams.review.audience import PROTECTED
from streams.review.clocks import local_hours
from streams.review.focus import rank_correlation
from streams.review.months import iso

RESIDENTS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLoad:
    """Alerts of one coarse area over the days that the file of alerts covers, and for its residents."""

    area: str
    name: str
    alerts: int
    residents: int | None

    @property
    def per_residents(self) -> float | None:
        """Alerts for ten thousand residents; None where residents are not known."""
        return None if not self.residents else RESIDENTS * self.alerts / self.residents


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that can be said."""

    region: Region
    topics: tuple[TopicSpec, ...]
    organisation: str
    contact: str
    categories: tuple[str, ...]
    loads: tuple[AlertLoad, ...] | None
    outcomes: Mapping[str, int] | None
    backtest: Mapping[str, object] | None
    bands: tuple[BandLoad, ...] = ()
    going: Going | None = None
    """How alerts go with the police's own activity; None without alerts."""

    @property
    def protected(self) -> tuple[str, ...]:
        """Groups of which nothing finer than the coarse areas is published."""
        return tuple(group for group in self.region.groups if group in PROTECTED)

    @property
    def correlation(self) -> float | None:
        """Rank correlation of alerts with residents over the coarse areas: how far load follows people."""
        known = [each for each in self.loads or () if each.residents]
        if len(known) < FEW:
            return None
        return rank_correlation([each.alerts for each in known], [each.residents or 0 for each in known])


FEW = 5


def gathered(
    region: Region,
    organisation: str,
    contact: str,
    alerts: Sequence[AlertEvent] | None,
    backtest: Path | None,
    activity: Activity | None = None,
) -> Facts:
    """
    The facts, from the region pack, the catalogue of topics and files of results.

    Raises
    ------
    UsageError
        A file can't be used.

    """
    opened, outcomes = (None, None) if alerts is None else _alerts(alerts)
    loads = None if opened is None else tuple(_loads(region, opened))
    return Facts(
        region=region,
        topics=tuple(Catalogue.load().values()),
        organisation=organisation,
        contact=contact,
        categories=tuple(each.label for each in CATEGORIES.values() if each.violent),
        loads=loads,
        outcomes=outcomes,
        backtest=None if backtest is None else _report(backtest),
        bands=_bands(region, loads or ()),
        going=None if loads is None else _going(loads, activity),
    )


def _bands(region: Region, loads: Iterable[AlertLoad]) -> tuple[BandLoad, ...]:
    alerts = {each.area: each.alerts for each in loads}
    return tuple(by_band(loads_of(alerts, region))) if region.deprivation and alerts else ()


def _going(loads: Iterable[AlertLoad], activity: Activity | None) -> Going:
    by_area, months = (activity.by_area, len(activity.months)) if activity else ({}, 0)
    return goes_with({each.area: each.alerts for each in loads}, by_area, months, np.random.default_rng(SEED))


SEED = 1
"""Of the draws for an interval: the same files give the same page."""


def _loads(region: Region, opened: Counter[str]) -> Iterable[AlertLoad]:
    parent = {area.code: area.parent or area.code for area in region.areas}
    coarse = Counter[str]()
    for code, count in opened.items():
        coarse[parent.get(code, code)] += count
    for area in region.areas:
        if area.level == region.partition_level:
            yield AlertLoad(area=area.code, name=area.name, alerts=coarse[area.code], residents=area.population)


def read_events(path: Path) -> list[AlertEvent]:
    """
    Read events of alerts as JSON lines.

    Raises
    ------
    UsageError
        A line is none.

    """
    found: list[AlertEvent] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            try:
                found.append(alert_event_from_json(json.loads(line)))
            except (Malformed, ValueError, TypeError, AttributeError) as wrong:
                told = " ".join(str(wrong).split())
                raise UsageError(f"{path.name}, line {number}: no alert event ({told})") from wrong
    return found


def _alerts(events: Iterable[AlertEvent]) -> tuple[Counter[str], Counter[str]]:
    opened, outcomes = Counter[str](), Counter[str]()
    for event in events:
        opened[event.area] += event.kind == AlertKind.OPENED and event.tense != Tense.INJECTION
        outcomes[event.outcome] += event.kind == AlertKind.CLOSED and event.tense != Tense.INJECTION
    return +opened, +outcomes


def _report(path: Path) -> Mapping[str, object]:
    try:
        told = json.loads(_text(path))
    except ValueError as wrong:
        raise UsageError(f"{path.name}: {wrong}") from wrong
    missing = [name for name in NEEDED if not isinstance(told, dict) or name not in told]
    if missing:
        raise UsageError(f"{path.name}: no report of a backtest: {missing[0]} is missing")
    return {name: told[name] for name in NEEDED}


NEEDED = ("from", "until", "realised_alerts_per_week", "nominal_alerts_per_week", "realised_of_nominal")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UsageError(f"{path} can't be read: {getattr(wrong, 'strerror', None) or wrong}") from wrong


def monthly(hours: Hours, region: Region) -> list[Sequence[object]]:
    """
    Rows of month, area, group and number of the coarse areas, closed local months only, small numbers banded.

    A month is published once, when it is closed, each group and month as one table whose total is not told.
    """
    level = region.partition_level
    times = local_hours(hours.first, hours.hours, region.zone)
    at = np.array([time.year * 12 + time.month - 1 for time in times])
    begin = int(at[0]) + (not (times[0].day == 1 and times[0].hour == 0))
    rows: list[Sequence[object]] = []
    for month in range(begin, int(at[-1])):
        for (of, group), counts in sorted(hours.counts.items()):
            if of != level:
                continue
            numbers = counts[:, at == month].sum(axis=1, dtype=np.int64)
            parts = {code: int(number) for code, number in zip(region.unit_areas(level), numbers, strict=True)}
            shown = protected(Table(name=f"{group}|{month}", parts=parts)).parts
            rows += [(iso(month), code, group, shown[code].text) for code in parts]
    return rows
