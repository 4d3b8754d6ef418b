"""Building a pack for a city from what it has: polygons, tables of areas, a file of incidents with an area column."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from schemas.errors import UsageError
from streams.core.geography import Area
from streams.core.taxonomy import GROUPS, spelling
from streams.regions import calendar, neighbours
from streams.regions.boundaries import Warn, read_features
from streams.regions.check import Report, check
from streams.regions.holidays import calendar_rows
from streams.regions.loader import AREA_COLUMNS, AREAS, BOUNDARIES
from streams.regions.manifest import FILE as MANIFEST
from streams.regions.tables import Row, read_rows, write_rows

_METRES_A_DEGREE = 111_195.0
_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygons:
    """A GeoJSON file, the property that holds an area's code, and the one that holds its name (None: the code)."""

    file: Path
    code: str
    name: str | None = None
    simplify_m: float = 0.0
    """
    Corners whose triangle with their neighbours covers less than a square of so many metres are dropped.

    M. Visvalingam and J. D. Whyatt, "Line generalisation by repeated elimination of points", The Cartographic Journal
    30 (1993) 46-51; shared borders stay shared.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Incidents:
    """A CSV of incidents whose *code* column names areas; positions are medians of their incidents' positions."""

    file: Path
    code: str
    longitude: str | None = None
    latitude: str | None = None
    fewest: int = 1
    """A code on fewer rows is a mistake of typing and no area."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``region import`` is asked for."""

    name: str
    zone: str
    out: Path
    level: str = "area"
    polygons: Polygons | None = None
    tables: Sequence[Path] = ()
    incidents: Incidents | None = None
    groups: Sequence[str] = GROUPS
    day_starts: str = "06:00"
    alerts_per_week: float = 7.0
    holidays: str | None = None
    years: tuple[int, int] = (2010, 2030)
    vintage: str = ""
    overwrite: bool = False


@dataclass(slots=True)
class _Draft:
    areas: dict[str, Area] = field(default_factory=dict)
    polygons: dict[str, BaseGeometry] = field(default_factory=dict)


def import_region(plan: Plan, warn: Warn) -> Report:
    """
    Write a pack and check it; a pack that is not sound is not written.

    Files that an import does not make (``schemes``, a calendar without ``--holidays``) are left as they are.

    Raises
    ------
    UsageError
        One line: what is missing, or wrong in which file, row and column.

    """
    _check_plan(plan)
    draft = _Draft()
    if plan.polygons is not None:
        _take_polygons(draft, plan, plan.polygons, warn)
    if plan.incidents is not None:
        _take_incidents(draft, plan, plan.incidents)
    for table in plan.tables:
        _take_table(draft, plan, table)
    plan.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=plan.out.parent, prefix=f".{plan.out.name}-") as work:
        folder = Path(work) / plan.out.name
        if plan.out.exists():
            shutil.copytree(plan.out, folder)
        folder.mkdir(exist_ok=True)
        _write(plan, draft, folder)
        report = check(folder)
        shutil.copytree(folder, plan.out, dirs_exist_ok=True)
    if not draft.polygons:
        (plan.out / BOUNDARIES).unlink(missing_ok=True)
    return report


def _check_plan(plan: Plan) -> None:
    if plan.polygons is None and not plan.tables and plan.incidents is None:
        raise UsageError("nothing to import: give --boundaries, --areas or --areas-from")
    if plan.out.exists() and any(plan.out.iterdir()) and not plan.overwrite:
        raise UsageError(f"{plan.out} is not empty; give another folder, or --overwrite")
    if plan.years[0] > plan.years[1]:
        raise UsageError(f"--years {plan.years[0]} {plan.years[1]}: the first is after the last")


def _take_polygons(draft: _Draft, plan: Plan, source: Polygons, warn: Warn) -> None:
    for where, properties, polygon in read_features(source.file, warn):
        code = _property(where, properties, source.code)
        if code in draft.polygons:
            draft.polygons[code] = shapely.union_all([draft.polygons[code], polygon])
            continue
        name = code if source.name is None else _property(where, properties, source.name)
        draft.areas[code] = Area(code=code, name=name, level=plan.level, vintage=plan.vintage)
        draft.polygons[code] = polygon
    if not draft.polygons:
        raise UsageError(f"{source.file.name} has no features")
    _check_axes(source.file.name, plan.zone, list(draft.polygons.values()))
    draft.polygons = dict(
        zip(draft.polygons, _simplified(list(draft.polygons.values()), source.simplify_m), strict=True)
    )
    for code, polygon in draft.polygons.items():
        centre = polygon.centroid
        longitude, latitude = round(centre.x, _DECIMALS), round(centre.y, _DECIMALS)
        draft.areas[code] = replace(draft.areas[code], longitude=longitude, latitude=latitude)


def _property(where: str, properties: Mapping[str, object], key: str) -> str:
    value = properties.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None or isinstance(value, bool | dict | list) else str(value).strip()
    if not text:
        raise UsageError(f"{where}: property {key!r} is missing or empty; it has {', '.join(sorted(properties))}")
    return text


def _check_axes(file: str, zone: str, polygons: Sequence[BaseGeometry]) -> None:
    """Refuse latitude before longitude: the zone's offset tells the longitude to within some tens of degrees."""
    west, south, east, north = (float(bound) for bound in shapely.total_bounds(polygons))
    expected = _meridian(zone)
    x, y = (west + east) / 2, (south + north) / 2
    if abs(x - expected) > 30 and abs(y - expected) < 20:
        raise UsageError(
            f"{file}: longitude {x:.1f} does not fit zone {zone}, but latitude {y:.1f} would: they stand in wrong order"
        )


def _meridian(zone: str) -> float:
    offset = dt.datetime(2026, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or dt.timedelta()
    return offset.total_seconds() / 240


def _simplified(polygons: Sequence[BaseGeometry], metres: float) -> Sequence[BaseGeometry]:
    if not metres:
        return polygons
    simple = shapely.coverage_simplify(np.array(polygons), metres / _METRES_A_DEGREE)
    return [polygon if polygon.is_valid else shapely.make_valid(polygon) for polygon in simple]


def _take_incidents(draft: _Draft, plan: Plan, source: Incidents) -> None:
    rows = _Tally()
    columns = [source.code, *(column for column in (source.longitude, source.latitude) if column is not None)]
    for row in read_rows(source.file, columns):
        rows.add(row, source)
    found = rows.areas(source.fewest)
    if not found:
        raise UsageError(f"{source.file.name}, column {source.code}: no code is on {source.fewest} rows or more")
    for code, (longitude, latitude) in found.items():
        area = draft.areas.get(code) or Area(code=code, name=code, level=plan.level, vintage=plan.vintage)
        if area.longitude is None:
            area = replace(area, longitude=longitude, latitude=latitude)
        draft.areas[code] = area


class _Tally:
    """Codes of an incident file, however they are spelt, and where their incidents are."""

    def __init__(self) -> None:
        self._spellings: dict[str, Counter[str]] = {}
        self._points: dict[str, list[tuple[float, float]]] = {}

    def add(self, row: Row, source: Incidents) -> None:
        code = row.text(source.code)
        if not code:
            return
        spelt = spelling(code)
        self._spellings.setdefault(spelt, Counter())[code] += 1
        if source.longitude is None or source.latitude is None:
            return
        point = _number(row.text(source.longitude)), _number(row.text(source.latitude))
        if all(map(math.isfinite, point)) and point != (0.0, 0.0):
            self._points.setdefault(spelt, []).append(point)

    def areas(self, fewest: int) -> dict[str, tuple[float | None, float | None]]:
        """Position by code as it is spelt most often, of codes on enough rows."""
        answer: dict[str, tuple[float | None, float | None]] = {}
        for spelt, spellings in sorted(self._spellings.items()):
            if spellings.total() >= fewest:
                code = min(spellings, key=lambda each: (-spellings[each], each))
                answer[code] = _middle(self._points.get(spelt, []))
        return answer


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _middle(points: Iterable[tuple[float, float]]) -> tuple[float | None, float | None]:
    known = list(points)
    if not known:
        return None, None
    across, up = zip(*known, strict=True)
    return round(median(across), _DECIMALS), round(median(up), _DECIMALS)


def _take_table(draft: _Draft, plan: Plan, file: Path) -> None:
    """Areas of a table; what it says of an area that is already known has precedence."""
    for row in read_rows(file, ("code",)):
        code = row.needed("code")
        area = draft.areas.get(code) or Area(code=code, name=code, level=plan.level, vintage=plan.vintage)
        longitude, latitude = row.decimal("longitude", -180, 180), row.decimal("latitude", -90, 90)
        population = row.whole("population", 0)
        draft.areas[code] = Area(
            code=code,
            name=row.text("name") or area.name,
            level=row.text("level") or area.level,
            parent=row.text("parent") or area.parent,
            longitude=area.longitude if longitude is None else longitude,
            latitude=area.latitude if latitude is None else latitude,
            population=area.population if population is None else population,
            vintage=row.text("vintage") or area.vintage,
        )


def _write(plan: Plan, draft: _Draft, folder: Path) -> None:
    levels = _levels(draft.areas)
    areas = sorted(draft.areas.values(), key=lambda area: (levels.index(area.level), area.code))
    (folder / MANIFEST).write_text(_manifest(plan, levels), encoding="utf-8")
    write_rows(folder / AREAS, AREA_COLUMNS, map(_cells, areas))
    _write_polygons(folder / BOUNDARIES, draft)
    write_rows(folder / neighbours.FILE, neighbours.COLUMNS, _ranked(areas, levels, draft.polygons))
    if plan.holidays is not None:
        rows = calendar_rows(plan.holidays, *plan.years)
        write_rows(folder / calendar.FILE, ("start", "end", "kind", "area"), rows)


def _levels(areas: Mapping[str, Area]) -> list[str]:
    """Levels, coarse to fine: areas with a parent are of the fine one."""
    fine = sorted({area.level for area in areas.values() if area.parent})
    coarse = sorted({area.level for area in areas.values()} - set(fine))
    return [*coarse, *fine]


def _cells(area: Area) -> Sequence[object]:
    position = area.longitude, area.latitude
    return area.code, area.name, area.level, area.parent, *position, area.population, area.vintage


def _manifest(plan: Plan, levels: Sequence[str]) -> str:
    return "\n".join(
        (
            f"name = {json.dumps(plan.name)}",
            f"zone = {json.dumps(plan.zone)}",
            f"day_starts = {json.dumps(plan.day_starts)}",
            f"levels = {json.dumps(levels)}",
            f"groups = {json.dumps(list(plan.groups))}",
            "",
            "[budget]",
            f"alerts_per_week = {plan.alerts_per_week:g}",
            "",
            "[detection]",
            "whole_region = true",
            "",
        )
    )


def _write_polygons(path: Path, draft: _Draft) -> None:
    if not draft.polygons:
        path.unlink(missing_ok=True)
        return
    features = (_feature(code, draft.areas[code].name, polygon) for code, polygon in sorted(draft.polygons.items()))
    lines = ",\n".join(features)
    path.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', encoding="utf-8")


def _feature(code: str, name: str, polygon: BaseGeometry) -> str:
    rounded = shapely.transform(polygon, lambda positions: np.round(positions, _DECIMALS))
    properties = json.dumps({"code": code, "name": name}, ensure_ascii=False)
    return f'{{"type":"Feature","properties":{properties},"geometry":{shapely.to_geojson(rounded)}}}'


def _ranked(
    areas: Sequence[Area], levels: Sequence[str], polygons: Mapping[str, BaseGeometry]
) -> Iterator[tuple[str, str, int]]:
    for level in levels:
        of_level = [area for area in areas if area.level == level]
        for code, near in neighbours.derived_neighbours(of_level, polygons).items():
            yield from ((code, other, rank) for rank, other in enumerate(near, start=1))
