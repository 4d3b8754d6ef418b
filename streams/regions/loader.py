"""Reading a region pack: a folder of small tables becomes a :class:`Region`, or one line says what is wrong with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from schemas.errors import UsageError
from streams.core.geography import Area, Region
from streams.core.taxonomy import Taxonomy
from streams.core.vintages import Change, Succession, Unsound, resolved
from streams.regions import calendar, deprivation, neighbours
from streams.regions.boundaries import Warn, read_boundaries
from streams.regions.manifest import FILE as MANIFEST
from streams.regions.manifest import Manifest, read_manifest
from streams.regions.tables import Row, find, read_rows
from streams.regions.vocabularies import read_schemes

BUILT_IN = Path(__file__).parent
AREAS = "areas.csv"
BOUNDARIES = "boundaries.geojson"
CROSSWALK = "crosswalk.csv"
VINTAGES = "vintages.csv"
VINTAGE_COLUMNS = ("old", "new", "share", "from")
AREA_COLUMNS = ("code", "name", "level", "parent", "longitude", "latitude", "population", "vintage")


def built_in() -> tuple[str, ...]:
    """Names of the packs that come with firebreak."""
    return tuple(sorted(path.parent.name for path in BUILT_IN.glob(f"*/{MANIFEST}")))


def pack_folder(name_or_dir: str | Path) -> Path:
    """Folder of a pack, by the name of a built-in one or by its own path."""
    if str(name_or_dir) in built_in():
        return BUILT_IN / name_or_dir
    folder = Path(name_or_dir)
    if not folder.is_dir():
        raise UsageError(f"no region {name_or_dir}: neither built in ({', '.join(built_in())}) nor a folder")
    return folder


def load(name_or_dir: str | Path, warn: Warn | None = None) -> Region:
    """
    Read a pack.

    Parameters
    ----------
    name_or_dir
        ``london``, or a folder.
    warn
        Told what is weak but not wrong.

    Raises
    ------
    UsageError
        One line that names file, row and column of the first mistake.

    """
    tell: Warn = warn if warn is not None else _ignore
    folder = pack_folder(name_or_dir)
    manifest = read_manifest(folder)
    areas = _areas(_rows(folder, AREAS, AREA_COLUMNS[:6], needed=True), manifest)
    points = {area.code: _point(area) for area in areas}
    file = find(folder, BOUNDARIES)
    boundaries = {} if file is None else read_boundaries(file, points, tell)
    areas = tuple(_placed(area, boundaries.get(area.code)) for area in areas)
    known = {area.code: area for area in areas}
    crosswalk = _crosswalk(_rows(folder, CROSSWALK, ("from_code", "to_code")), known)
    bands, told_by = deprivation.read_deprivation(_rows(folder, deprivation.FILE, deprivation.COLUMNS), known)
    return Region(
        name=manifest.name,
        zone=manifest.zone,
        day_starts=manifest.day_starts,
        levels=manifest.levels,
        groups=manifest.groups,
        sentinels=manifest.sentinels,
        budget=manifest.budget,
        areas=areas,
        neighbours=_neighbours(folder, known, manifest.levels, boundaries),
        occasions=calendar.read_calendar(_rows(folder, calendar.FILE, calendar.COLUMNS), manifest.zone, known),
        taxonomy=Taxonomy(read_schemes(folder, manifest.groups), manifest.groups),
        boundaries=boundaries,
        crosswalk=crosswalk,
        succession=_succession(_rows(folder, VINTAGES, VINTAGE_COLUMNS), known, crosswalk),
        deprivation=bands,
        deprivation_source=told_by,
        whole=manifest.whole and sum(area.level == manifest.levels[0] for area in areas) > 1,
    )


def _ignore(warning: str) -> None:
    """Say nothing: who wants warnings runs ``region check``."""


def _rows(folder: Path, name: str, columns: Sequence[str], *, needed: bool = False) -> list[Row]:
    path = find(folder, name)
    if path is not None:
        return list(read_rows(path, columns))
    if needed:
        raise UsageError(f"{folder} is no region pack: it has no {name}")
    return []


def _areas(rows: Sequence[Row], manifest: Manifest) -> tuple[Area, ...]:
    """Areas in order of level, then code."""
    found: dict[str, tuple[Area, Row]] = {}
    for row in rows:
        area = _area(row, manifest.levels)
        if manifest.whole and area.code == manifest.name:
            raise row.mistake("code", f"{area.code} is the name of the region, which is an area itself")
        if area.code in found:
            raise row.mistake("code", f"{area.code} is also in row {found[area.code][1].number}")
        found[area.code] = area, row
    for area, row in found.values():
        _check_parent(area, row, manifest.levels, {code: other for code, (other, _) in found.items()})
    for level in manifest.levels:
        if not any(area.level == level for area, _ in found.values()):
            raise UsageError(f"{AREAS}: no area of level {level}")
    order = {level: index for index, level in enumerate(manifest.levels)}
    return tuple(sorted((area for area, _ in found.values()), key=lambda area: (order[area.level], area.code)))


def _area(row: Row, levels: Sequence[str]) -> Area:
    code, level = row.needed("code"), row.needed("level")
    if level not in levels:
        raise row.mistake("level", f"{level} is not one of the levels {', '.join(levels)} in {MANIFEST}")
    if "|" in code or code == "UNKNOWN":
        raise row.mistake("code", f"{code}: UNKNOWN and the character | are kept for firebreak itself")
    longitude, latitude = row.decimal("longitude", -180, 180), row.decimal("latitude", -90, 90)
    if (longitude is None) != (latitude is None):
        raise row.mistake("latitude" if latitude is None else "longitude", "is empty, but its other half is not")
    return Area(
        code=code,
        name=row.text("name") or code,
        level=level,
        parent=row.text("parent"),
        longitude=longitude,
        latitude=latitude,
        population=row.whole("population", 0),
        vintage=row.text("vintage"),
    )


def _check_parent(area: Area, row: Row, levels: Sequence[str], known: Mapping[str, Area]) -> None:
    if area.level == levels[0]:
        if area.parent:
            raise row.mistake("parent", f"a {area.level} is of the first level and has no parent")
        return
    if not area.parent:
        raise row.mistake("parent", f"is empty; a {area.level} lies in a {levels[0]}")
    if area.parent not in known:
        raise row.mistake("parent", f"{area.parent} is no area of this file")
    if known[area.parent].level != levels[0]:
        raise row.mistake("parent", f"{area.parent} is a {known[area.parent].level}, not a {levels[0]}")


def _point(area: Area) -> tuple[float, float] | None:
    return None if area.longitude is None or area.latitude is None else (area.longitude, area.latitude)


def _placed(area: Area, polygon: BaseGeometry | None) -> Area:
    """The area with a position: its own, else the centre of its polygon."""
    if polygon is None or area.longitude is not None:
        return area
    centre = polygon.centroid
    return replace(area, longitude=round(centre.x, 5), latitude=round(centre.y, 5))


def _neighbours(
    folder: Path, areas: Mapping[str, Area], levels: Sequence[str], boundaries: Mapping[str, BaseGeometry]
) -> neighbours.Neighbours:
    """Neighbours as the file ranks them; those of a level that it leaves out are derived."""
    told = neighbours.read_neighbours(_rows(folder, neighbours.FILE, neighbours.COLUMNS), areas)
    complete = dict.fromkeys(areas, ()) | told
    for level in levels:
        of_level = [area for area in areas.values() if area.level == level]
        if not any(area.code in told for area in of_level):
            complete |= neighbours.derived_neighbours(of_level, boundaries)
    return complete


def _crosswalk(rows: Sequence[Row], known: Mapping[str, Area]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for row in rows:
        code, target = row.needed("from_code"), row.needed("to_code")
        if target not in known:
            raise row.mistake("to_code", f"{target} is no area of {AREAS}")
        if code in known:
            raise row.mistake("from_code", f"{code} is an area itself")
        if code in pairs:
            raise row.mistake("from_code", f"{code} is there twice")
        pairs[code] = target
    return pairs


def _succession(rows: Sequence[Row], known: Mapping[str, Area], crosswalk: Mapping[str, str]) -> Succession:
    """Areas that are no more with those of today that followed them."""
    changes: dict[tuple[str, str], Change] = {}
    first: dict[str, Row] = {}
    for row in rows:
        change = _change(row, known)
        if change.old in crosswalk:
            raise row.mistake("old", f"{change.old} is in {CROSSWALK} too; keep one of them")
        if (change.old, change.new) in changes:
            raise row.mistake("new", f"{change.old} to {change.new} is there twice")
        if change.old in first and first[change.old].text("from") != change.since:
            raise row.mistake(
                "from", f"{change.old} ends on {first[change.old].text('from')} in row {first[change.old].number}"
            )
        changes[change.old, change.new] = change
        first.setdefault(change.old, row)
    for row, change in zip(rows, changes.values(), strict=True):
        _check_new(row, change, known, first)
    try:
        found = resolved(list(changes.values()))
    except Unsound as error:
        raise first[error.old].mistake("old", str(error)) from error
    for old, parts in found.items():
        if len({known[part.new].level for part in parts}) > 1:
            raise first[old].mistake("new", f"successors of {old} are of different levels")
    return found


def _change(row: Row, known: Mapping[str, Area]) -> Change:
    old, share, since = row.needed("old"), row.decimal("share", 0, 1), row.needed("from")
    if old in known:
        raise row.mistake("old", f"{old} is an area of today")
    if not share:
        raise row.mistake("share", "is not above 0")
    try:
        dt.date.fromisoformat(since)
    except ValueError as error:
        raise row.mistake("from", f"{since!r} is not a date such as 2022-05-05") from error
    return Change(old=old, new=row.needed("new"), share=share, since=since)


def _check_new(row: Row, change: Change, known: Mapping[str, Area], first: Mapping[str, Row]) -> None:
    if change.new in known:
        return
    if change.new not in first:
        raise row.mistake("new", f"{change.new} is neither an area of {AREAS} nor an old code of this file")
    if first[change.new].text("from") < change.since:
        raise row.mistake("new", f"{change.new} ended on {first[change.new].text('from')}, before {change.since}")
