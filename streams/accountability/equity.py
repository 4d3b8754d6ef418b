"""Alerts by area, band and month, and beside the police's own activity."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.disclosure import Cell, Shown, protected_tree
from schemas.equity import AreaLoad, BandLoad
from schemas.errors import UsageError
from schemas.events import Millis
from streams.accountability.outcomes import Case
from streams.core.geography import Region
from streams.regions.tables import read_rows
from streams.review.months import Month, iso, month

HEADER = ("month", "band", "area", "name", "alerts", "residents", "per_10000_residents", "low", "high")
NOT_KNOWN = "not known"


class Activity(NamedTuple):
    """What the police did of their own accord, by coarse area, and how many months that covers."""

    by_area: Mapping[str, int]
    months: frozenset[Month]


def read_activity(path: Path, region: Region) -> Activity:
    """
    Read ``month,area,number``: stops, patrols or whatever is proactive, by area of the coarse level.

    Raises
    ------
    UsageError
        One line that names file, row and column of the first mistake.

    """
    areas, found, months = set(region.unit_areas(region.partition_level)), Counter[str](), set[Month]()
    if not path.is_file():
        raise UsageError(f"{path} can't be read: no such file")
    for row in read_rows(path, ("month", "area", "number")):
        area, number = row.needed("area"), row.whole("number", 0)
        if area not in areas:
            raise row.mistake("area", f"{area} is no {region.partition_level} of the region")
        try:
            months.add(month(row.needed("month")))
        except ValueError as wrong:
            raise row.mistake("month", f"{row.text('month')!r} is not a month such as 2026-10") from wrong
        if number is None:
            raise row.mistake("number", "is empty")
        found[area] += number
    return Activity(found, frozenset(months))


def opened_by_month(cases: Iterable[Case], region: Region) -> dict[Month, Counter[str]]:
    """Alerts opened by local month and coarse area; those of a finer area are its parent's."""
    zone, parents = ZoneInfo(region.zone), region.parents
    found: dict[Month, Counter[str]] = defaultdict(Counter)
    for case in cases:
        found[local_month(case.opened_at, zone)][parents.get(case.area, case.area)] += 1
    return found


def local_month(at: Millis, zone: ZoneInfo) -> Month:
    """The month of an instant, where the region is."""
    local = dt.datetime.fromtimestamp(at / 1000, zone)
    return local.year * 12 + local.month - 1


def loads(opened: Mapping[str, int], region: Region) -> list[AreaLoad]:
    """Of each coarse area."""
    return [
        AreaLoad(
            area=area.code,
            alerts=opened.get(area.code, 0),
            residents=area.population,
            band=region.deprivation.get(area.code),
        )
        for area in region.areas
        if area.level == region.partition_level
    ]


def monthly_rows(opened: Mapping[Month, Mapping[str, int]], months: Iterable[Month], region: Region) -> list[Row]:
    """
    Rows of each month: bands, each followed by its areas; small numbers banded, others hidden for their sake.

    A month's bands and areas are one tree whose total is not told; rates stand only beside exact numbers.
    """
    names = {area.code: area.name for area in region.areas}
    rows: list[Row] = []
    for at in months:
        bands: dict[str, list[AreaLoad]] = defaultdict(list)
        for load in loads(opened.get(at, {}), region):
            bands[str(load.band or NOT_KNOWN)].append(load)
        tree = protected_tree(
            f"alerts|{iso(at)}", {band: {each.area: each.alerts for each in of} for band, of in bands.items()}
        )
        for band, of in sorted(bands.items()):
            rows.append([iso(at), band, "", "", *_figures(tree.areas[band].whole, of)])
            parts = tree.areas[band].parts
            rows += [[iso(at), band, each.area, names[each.area], *_figures(parts[each.area], [each])] for each in of]
    return rows


Row = Sequence[object]


def _figures(cell: Cell, of: Sequence[AreaLoad]) -> Row:
    known = [each.residents for each in of if each.residents is not None]
    residents = sum(known) if len(known) == len(of) else None
    load = BandLoad(band=None, areas=len(of), alerts=cell.number or 0, residents=residents or 0)
    if cell.shown is not Shown.EXACT or load.rate is None or load.limits is None:
        return [cell.text, residents or "", "", "", ""]
    return [cell.text, residents, *(round(each, 3) for each in (load.rate, *load.limits))]
