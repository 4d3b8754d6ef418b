"""What ``region check`` says of a pack that can be read: what is in it, and what is weak."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from streams.core.geography import Area, Occasion, Region
from streams.core.taxonomy import CATEGORIES, spelling
from streams.regions.loader import load, pack_folder
from streams.regions.vocabularies import own_schemes, read_schemes

KM2_A_SQUARE_DEGREE = (math.pi * 6371.0088 / 180) ** 2
"""At the equator; times the cosine of the latitude elsewhere."""

SLIVER_KM2 = 0.001
"""Gaps and overlaps below a thousand square metres are what rounding leaves."""

NAMED = 3
"""A finding names at most so many examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelReport:
    """One level: how many areas, and of how many what is known."""

    level: str
    areas: int
    positions: int
    polygons: int
    residents_known: int
    residents: int
    neighbours: tuple[int, float, int]
    """Fewest, median, most."""
    gaps_km2: float
    overlaps_km2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A readable pack and what was found in it; warnings are weak points, not mistakes."""

    region: Region
    levels: tuple[LevelReport, ...]
    schemes: Mapping[str, int]
    """Codes by scheme, the pack's own and the shared ones."""
    warnings: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        region = self.region
        yield f"region {region.name}: zone {region.zone}, days turn at {region.day_starts:02}:00"
        for level in self.levels:
            yield from _level_lines(level)
        yield f"groups: {', '.join(region.groups)}"
        own = f", {len(region.budget.own)} units with their own" if region.budget.own else ""
        kept = "corrected by feedback" if region.budget.feedback else "without feedback"
        yield f"budget: {region.budget.alerts_per_week:g} alerts a week{own}, {kept}"
        yield f"detection: {'the whole region is watched too' if region.whole else 'areas only'}"
        yield f"calendar: {_calendar(region.occasions)}"
        yield f"crosswalk: {len(region.crosswalk)} codes of other geographies"
        if region.succession:
            split = sum(len(parts) > 1 for parts in region.succession.values())
            yield f"vintages: {len(region.succession)} codes that are no more, {split} of them split"
        known = f"{len(region.deprivation)} areas, {region.deprivation_source}" if region.deprivation else "none"
        yield f"deprivation: {known}"
        yield "schemes: " + ", ".join(f"{name} ({codes})" for name, codes in self.schemes.items())
        yield from (f"warning: {warning}" for warning in self.warnings)
        count = len(self.warnings)
        yield f"sound, {count or 'no'} warning{'' if count == 1 else 's'}"


def _level_lines(level: LevelReport) -> Iterator[str]:
    fewest, usual, most = level.neighbours
    yield (
        f"level {level.level}: {level.areas} areas, {level.positions} with a position, {level.polygons} with a polygon,"
        f" neighbours {fewest} to {most} (median {usual:g})"
    )
    if level.residents_known:
        share = level.residents_known / level.areas
        yield f"  residents: {level.residents:,}, known for {share:.0%} of areas"
    if level.polygons:
        yield f"  coverage: gaps {level.gaps_km2:.3f} km2, overlaps {level.overlaps_km2:.3f} km2"


def _calendar(occasions: Sequence[Occasion]) -> str:
    if not occasions:
        return "none"
    kinds = Counter(occasion.kind for occasion in occasions)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def check(name_or_dir: str | Path) -> Report:
    """
    Read a pack and look for what is weak in it.

    Raises
    ------
    UsageError
        One line, if the pack can't be read.

    """
    warnings: list[str] = []
    region = load(name_or_dir, warnings.append)
    levels = [_level(region, level, warnings) for level in region.levels]
    warnings += _outside_parent(region)
    warnings += _overlapping_occasions(region.occasions)
    folder = pack_folder(name_or_dir)
    entries = read_schemes(folder, region.groups)
    told = {group for entry in entries for group in entry.meaning.groups}
    warnings += [
        f"group {group} is in no scheme: nothing will ever be counted" for group in region.groups if group not in told
    ]
    warnings += [
        f"scheme {entry.scheme}, code {entry.code}: {entry.meaning.category} is violence, but no group counts it"
        for entry in own_schemes(folder, region.groups)
        if CATEGORIES[entry.meaning.category].violent and not entry.meaning.groups
    ]
    schemes = Counter(spelling(entry.scheme) for entry in entries)
    return Report(region=region, levels=tuple(levels), schemes=dict(sorted(schemes.items())), warnings=tuple(warnings))


def _level(region: Region, level: str, warnings: list[str]) -> LevelReport:
    areas = [area for area in region.areas if area.level == level]
    polygons = {area.code: region.boundaries[area.code] for area in areas if area.code in region.boundaries}
    near = [len(region.neighbours.get(area.code, ())) for area in areas]
    overlaps = list(_overlaps(polygons))
    gaps = _gaps(polygons)
    warnings += _weak_areas(level, areas, polygons, near)
    warnings += [f"{one} and {other} overlap by {km2:.3f} km2" for one, other, km2 in overlaps]
    if gaps > SLIVER_KM2:
        warnings.append(f"level {level}: {gaps:.3f} km2 between the polygons belong to no area")
    residents = [area.population for area in areas if area.population is not None]
    return LevelReport(
        level=level,
        areas=len(areas),
        positions=sum(area.longitude is not None for area in areas),
        polygons=len(polygons),
        residents_known=len(residents),
        residents=sum(residents),
        neighbours=(min(near), median(near), max(near)),
        gaps_km2=gaps,
        overlaps_km2=sum(km2 for _, _, km2 in overlaps),
    )


def _weak_areas(
    level: str, areas: Sequence[Area], polygons: Mapping[str, BaseGeometry], near: Sequence[int]
) -> Iterator[str]:
    alone = [area.code for area, count in zip(areas, near, strict=True) if not count]
    if alone and len(areas) > 1:
        yield f"level {level}: {_some(alone)} without neighbours: a spike there is only seen alone"
    bare = [area.code for area in areas if area.code not in polygons]
    if polygons and bare:
        yield f"level {level}: {_some(bare)} without a polygon: no position is ever in them"
    names = Counter(spelling(area.name) for area in areas)
    shared = [area.name for area in areas if names[spelling(area.name)] > 1]
    if shared:
        yield f"level {level}: names {_some(sorted(set(shared)))} are not unique: only their codes are understood"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _km2(geometry: BaseGeometry) -> float:
    if geometry.is_empty:
        return 0.0
    _, south, _, north = geometry.bounds
    return float(geometry.area) * KM2_A_SQUARE_DEGREE * math.cos(math.radians((south + north) / 2))


def _overlaps(polygons: Mapping[str, BaseGeometry]) -> Iterator[tuple[str, str, float]]:
    codes, shapes = list(polygons), np.array(list(polygons.values()))
    if not codes:
        return
    for one, other in shapely.STRtree(shapes).query(shapes, predicate="intersects").T:
        if one < other:
            shared = _km2(shapely.intersection(shapes[one], shapes[other]))
            if shared > SLIVER_KM2:
                yield codes[one], codes[other], shared


def _gaps(polygons: Mapping[str, BaseGeometry]) -> float:
    """Square kilometres enclosed by the polygons and in none of them."""
    whole = shapely.union_all(list(polygons.values()))
    holes = [shapely.Polygon(ring) for part in shapely.get_parts(whole) for ring in part.interiors]
    return sum(km2 for km2 in map(_km2, holes) if km2 > SLIVER_KM2)


def _outside_parent(region: Region) -> Iterator[str]:
    for code, parent in region.parents.items():
        if code in region.boundaries and parent in region.boundaries:
            outside = _km2(shapely.difference(region.boundaries[code], region.boundaries[parent]))
            share = outside / _km2(region.boundaries[code])
            if share > 0.01:
                yield f"{code} lies to {share:.0%} outside {parent}, which it is said to be part of"


def _overlapping_occasions(occasions: Sequence[Occasion]) -> Iterator[str]:
    ends: dict[tuple[str, str | None], int] = {}
    for occasion in occasions:
        key = occasion.kind, occasion.area
        if occasion.start_ms < ends.get(key, 0):
            where = f" in {occasion.area}" if occasion.area else ""
            yield f"calendar: two of kind {occasion.kind}{where} overlap; their effect would count twice"
        ends[key] = max(ends.get(key, 0), occasion.end_ms)
