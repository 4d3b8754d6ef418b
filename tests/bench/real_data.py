"""
Backtests on public data: ``python -m bench.real_data NAME ../../shared/data OUT [backtest options]`` (from ``tests``).

Makes the region pack and the hours file of one of the sets below with plain code, of its own, and tells the command
that runs the backtest on them; ``run`` gives the figures.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from regions.packs import chicago, chicago_districts

from streams.backtest import report
from streams.backtest.hours import hour_of, iso_hour, read_hours
from streams.backtest.plan import budget_of, chosen_units, planned
from streams.backtest.run import run
from streams.regions.loader import load

CHICAGO = ZoneInfo("America/Chicago")
Cells = Counter[tuple[str, str, int]]
"""Incidents by area, group and hour since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A past: how its pack and cells are made, and what of it is tested at which budget (None: the pack's)."""

    pack: Callable[[Path, Path], object] | str
    cells: Callable[[Path], Cells]
    first: str
    until: str
    alerts_per_week: float | None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _hour(local: str, zone: ZoneInfo) -> int:
    return int(dt.datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()) // 3600


def district_cells(data: Path) -> Cells:
    """Chicago's aggravated assaults of ten years, by police district."""
    cells: Cells = Counter()
    for row in _rows(data / "chicago-aggravated-assaults-2010-2019.csv.gz"):
        if row["district"] != "31":
            cells[row["district"], "street_violence", _hour(row["date"], CHICAGO)] += 1
    return cells


def _groups(row: Mapping[str, str]) -> Iterator[str]:
    violent = row["PrimaryType"] in {"ASSAULT", "BATTERY", "ROBBERY", "HOMICIDE", "CRIM SEXUAL ASSAULT"}
    if violent and row["Domestic"] == "True":
        yield "domestic_abuse"
    if row["PrimaryType"] in {"ASSAULT", "BATTERY"} and row["Domestic"] == "False":
        yield "street_violence"
    if row["PrimaryType"] == "ROBBERY":
        yield "robbery"
    if violent and "GUN" in row["Description"]:
        yield "firearm"


def community_cells(data: Path) -> Cells:
    """Chicago, January to August 2018, by community area: four groups."""
    cells: Cells = Counter()
    for row in _rows(data / "chicago-crimes-2018-jan-aug.csv.gz"):
        area = row["CommunityArea"].split(".")[0]
        if area and area != "0":
            for group in _groups(row):
                cells[area, group, _hour(row["Date"], CHICAGO)] += 1
    return cells


def borough_cells(data: Path) -> Cells:
    """London's monthly counts of four years, spread over the hours of each month as violence usually is."""
    rng = np.random.default_rng(2020)
    codes = {area.name: area.code for area in load("london").areas if area.level == "borough"}
    groups = {"VIOLENCE WITH INJURY": "street_violence", "ROBBERY OF PERSONAL PROPERTY": "robbery"}
    cells: Cells = Counter()
    for row in _rows(data / "london-mps-borough-monthly-2010-2024.csv.gz"):
        group, code = groups.get(row["minortext"]), codes.get(row["boroughname"])
        if group is not None and code is not None:
            for month in (f"{year}{number:02}" for year in range(2016, 2021) for number in range(1, 13)):
                if month <= "202008":
                    _spread(cells, (code, group), month, int(row[month] or 0), rng)
    return cells


def _spread(cells: Cells, place: tuple[str, str], month: str, count: int, rng: np.random.Generator) -> None:
    year, number = int(month[:4]), int(month[4:])
    first = dt.datetime(year, number, 1, tzinfo=dt.UTC)
    end = dt.datetime(year + number // 12, number % 12 + 1, 1, tzinfo=dt.UTC)
    start, hours = int(first.timestamp()) // 3600, int((end - first).total_seconds()) // 3600
    weight = 1.0 + 0.8 * np.cos(2 * np.pi * (np.arange(hours) % 24 - 21) / 24)
    for hour, incidents in enumerate(rng.multinomial(count, weight / weight.sum())):
        if incidents:
            cells[(*place, start + hour)] += int(incidents)


CASES: Mapping[str, Case] = {
    "chicago-districts": Case(
        pack=chicago_districts, cells=district_cells, first="2015-01-01", until="2020-01-01", alerts_per_week=1.0
    ),
    "chicago-communities": Case(
        pack=chicago, cells=community_cells, first="2018-04-15", until="2018-08-08", alerts_per_week=None
    ),
    "london-2020": Case(
        pack="london", cells=borough_cells, first="2020-01-01", until="2020-09-01", alerts_per_week=0.25
    ),
}


def write_cells(cells: Cells, path: Path) -> None:
    """An hours file of *cells*."""
    with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=3) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("area", "group", "hour", "incidents"))
        writer.writerows((area, group, iso_hour(hour), count) for (area, group, hour), count in sorted(cells.items()))


def backtested(name: str, data: Path, out: Path, alerts_per_week: float | None = None) -> dict[str, object]:
    """Make the files of a case in *out*, run its backtest without spikes, and give its report."""
    case = CASES[name]
    out.mkdir(parents=True, exist_ok=True)
    if isinstance(case.pack, str):
        region = load(case.pack)
    else:
        case.pack(data, out / "pack")
        region = load(out / "pack")
    write_cells(case.cells(data), out / "hours.csv.gz")
    hours = read_hours(out / "hours.csv.gz", region)
    units = chosen_units(region, hours, (), ())
    plan = planned(
        region,
        hours,
        first=hour_of(case.first),
        end=hour_of(case.until),
        tick_hours=1,
        units=units,
        budget=budget_of(region, units, per_area_year=None, per_week=alerts_per_week or case.alerts_per_week),
        seed=1,
    )
    result = run(plan, spikes=False)
    return report.write(result, out, {area.code: area.name for area in region.areas})


if __name__ == "__main__":
    told = backtested(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    units = told.pop("units")
    assert isinstance(units, list)
    for unit in units:
        some = {key: value for key, value in unit.items() if key not in {"detectability", "spikes", "rates"}}
        sys.stdout.write(json.dumps(some) + "\n")
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
