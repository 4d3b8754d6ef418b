"""
Where an incident is: a region, its areas, and the way from a position or a code to an area.

A region has one or two levels, coarse to fine ("borough", "ward"). The first is the partition level: every located
incident has an area of it, and, where that can be told, an area of the finer one. Positions are WGS 84 degrees,
longitude before latitude. Codes and names are compared without regard to case and to the amount of white space.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from schemas.events import WHOLE_LEVEL, Millis
from streams.core.detection.calendar import Period
from streams.core.taxonomy import Taxonomy, spelling
from streams.core.vintages import Succession

GRID_DEPTH = 10
"""The bounds of a level are halved so many times in each direction: 1024 x 1024 cells."""

_CELL_MARGIN = 1e-9
"""Degrees (0.1 mm) by which a cell is taken too large, so that rounding can't put a point into the wrong one."""

_EDGE_MARGIN = 1e-6
"""Degrees around the bounds of a level, so that a point on its outermost edge is on the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One area; ``parent`` is "" at the partition level, position and population are None where not known."""

    code: str
    name: str
    level: str
    parent: str = ""
    longitude: float | None = None
    latitude: float | None = None
    population: int | None = None
    vintage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Something known beforehand: [start_ms, end_ms) in UTC, of a *kind*, in one area (its code) or in all (None)."""

    start_ms: Millis
    end_ms: Millis
    kind: str
    area: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertBudget:
    """
    Alerts a week that the region's team can work, in all; ``own`` sets units (level, group) apart with their own.

    ``feedback``: what people close alerts as moves the thresholds.
    """

    alerts_per_week: float
    own: Mapping[tuple[str, str], float] = field(default_factory=dict)
    feedback: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """
    A region pack, read and found sound.

    ``areas`` are sorted by level, then code; codes are unique over all levels. ``neighbours`` holds for each code the
    other areas of its level, nearest first. ``boundaries`` may be empty, or hold one level or both. ``crosswalk`` maps
    codes of other geographies (census areas, say) to areas of the region, ``succession`` codes of areas that are no
    more to those that followed them.
    """

    name: str
    zone: str
    day_starts: int
    """Local hour at which a day turns."""
    levels: tuple[str, ...]
    groups: tuple[str, ...]
    sentinels: tuple[str, ...]
    budget: AlertBudget
    areas: tuple[Area, ...]
    neighbours: Mapping[str, tuple[str, ...]]
    occasions: tuple[Occasion, ...]
    taxonomy: Taxonomy
    boundaries: Mapping[str, BaseGeometry] = field(default_factory=dict)
    crosswalk: Mapping[str, str] = field(default_factory=dict)
    succession: Succession = field(default_factory=dict)
    deprivation: Mapping[str, int] = field(default_factory=dict)
    """Bands by area, 1 the most deprived fifth; empty where not known."""
    deprivation_source: str = ""
    whole: bool = False
    """Whether the region is watched as one area too."""

    @property
    def partition_level(self) -> str:
        """The coarse level, by which incidents are spread over partitions."""
        return self.levels[0]

    @property
    def ward_level(self) -> str | None:
        """The fine level, if there is one."""
        return self.levels[1] if len(self.levels) > 1 else None

    @property
    def scored_groups(self) -> tuple[str, ...]:
        """Groups whose counts are scored: all but the sentinels."""
        return tuple(group for group in self.groups if group not in self.sentinels)

    @property
    def unit_levels(self) -> tuple[str, ...]:
        """Levels of the units of detection: the region's own, and the whole last."""
        return (*self.levels, WHOLE_LEVEL) if self.whole else self.levels

    @property
    def parents(self) -> Mapping[str, str]:
        """Area of the partition level that each finer area lies in."""
        return {area.code: area.parent for area in self.areas if area.parent}

    @property
    def own_budgets(self) -> Mapping[str, float]:
        """Alerts a week of the units that have a budget of their own, by ``region|level|group``."""
        return {f"{self.name}|{level}|{group}": alerts for (level, group), alerts in self.budget.own.items()}

    def unit_areas(self, level: str) -> tuple[str, ...]:
        """Codes of the areas of *level*, sorted: the order in which a unit of detection numbers them."""
        if level == WHOLE_LEVEL:
            return (self.name,) if self.whole else ()
        return tuple(sorted(area.code for area in self.areas if area.level == level))

    def neighbour_indexes(self, level: str) -> tuple[tuple[int, ...], ...]:
        """For each of :meth:`unit_areas`, the numbers of its neighbours, nearest first."""
        codes = self.unit_areas(level)
        number = {code: index for index, code in enumerate(codes)}
        return tuple(tuple(number[near] for near in self.neighbours.get(code, ())) for code in codes)

    def periods(self, level: str) -> tuple[Period, ...]:
        """
        The occasions as a unit at *level* sees them, areas by number, sorted.

        An occasion of a coarser area is one of each of its finer areas; that of a finer area is one of the area it
        lies in, once however many of its areas have it. To the whole region what is known of an area is nothing.
        """
        number = {code: index for index, code in enumerate(self.unit_areas(level))}
        periods = {
            (occasion.start_ms, occasion.end_ms, occasion.kind, index)
            for occasion in self.occasions
            for index in self._numbers(number, occasion.area)
        }
        ordered = sorted(periods, key=lambda period: (*period[:3], -1 if period[3] is None else period[3]))
        return tuple(Period(start_ms=start, end_ms=end, kind=kind, area=area) for start, end, kind, area in ordered)

    def _numbers(self, number: Mapping[str, int], area: str | None) -> Iterable[int | None]:
        if area is None:
            return (None,)
        if area in number:
            return (number[area],)
        parents = self.parents
        if parents.get(area) in number:
            return (number[parents[area]],)
        return [number[code] for code, parent in parents.items() if parent == area and code in number]


class Place(NamedTuple):
    """Area of the partition level, area of the finer level ("" if not known), and vintage of what was looked up."""

    area: str
    ward: str
    vintage: str


Find = Callable[[float, float], Place | None]


class Split(NamedTuple):
    """What a code says whose area was split: one of *among*; certain is the area they all lie in (None: the region)."""

    among: frozenset[Place]
    certain: Place | None


class Locator:
    """
    From a position or a code to a place, in one region.

    ``locate(longitude, latitude)`` answers from a grid: most cells lie wholly in one area, and only in the others are
    polygons asked. A point on a border belongs to the area whose code is first. A point in no area, or a position that
    is no number, is None. Where both levels have boundaries the finer one is asked first.
    """

    locate: Find

    def __init__(self, region: Region, *, depth: int = GRID_DEPTH) -> None:
        self._places = {area.code: _place(area) for area in region.areas}
        self._codes = dict(_spellings(region, self._places))
        self._splits = dict(_splits(region, self._places))
        levels = (_drawn(region, level, self._places) for level in reversed(region.levels))
        self.locate = _first([_finder(drawn, depth) for drawn in levels if drawn])

    def locate_code(self, code: str) -> Place | None:
        """Place of an area's code, of a code in the crosswalk, or of a name that only one area of its level has."""
        place = self._places.get(code)
        return self._codes.get(spelling(code)) if place is None else place

    def split(self, code: str) -> Split | None:
        """What is certain of a code whose area was split."""
        return self._splits.get(spelling(code))


def _place(area: Area) -> Place:
    return Place(area.parent, area.code, area.vintage) if area.parent else Place(area.code, "", area.vintage)


def _spellings(region: Region, places: Mapping[str, Place]) -> Iterator[tuple[str, Place]]:
    """Spellings and their places; what comes later has precedence: codes, then names of the coarse level."""
    for level in reversed(region.levels):
        names: dict[str, list[str]] = {}
        for area in region.areas:
            if area.level == level:
                names.setdefault(spelling(area.name), []).append(area.code)
        yield from ((name, places[codes[0]]) for name, codes in names.items() if len(codes) == 1)
    yield from ((spelling(code), places[target]) for code, target in region.crosswalk.items())
    for old, parts in region.succession.items():
        if len(parts) == 1:
            yield spelling(old), places[parts[0].new]
    yield from ((spelling(code), place) for code, place in places.items())


def _splits(region: Region, places: Mapping[str, Place]) -> Iterator[tuple[str, Split]]:
    for old, parts in region.succession.items():
        if len(parts) > 1:
            among = frozenset(places[part.new] for part in parts)
            above = {place.area for place in among if place.ward}
            certain = places[above.pop()] if len(above) == 1 and all(place.ward for place in among) else None
            yield spelling(old), Split(among, certain)


Drawn = list[tuple[Place, BaseGeometry]]
"""Places of one level with their polygons, in order of code."""


def _drawn(region: Region, level: str, places: Mapping[str, Place]) -> Drawn:
    boundaries = region.boundaries
    return [(places[code], boundaries[code]) for code in region.unit_areas(level) if code in boundaries]


def _first(finders: Sequence[Find]) -> Find:
    """The first answer of several finders."""
    if len(finders) == 1:
        return finders[0]

    def locate(longitude: float, latitude: float) -> Place | None:
        for find in finders:
            place = find(longitude, latitude)
            if place is not None:
                return place
        return None

    return locate


def _finder(drawn: Drawn, depth: int) -> Find:
    """A function that looks a point up on a grid of 2^depth cells in each direction."""
    polygons = np.array([polygon for _, polygon in drawn])
    shapely.prepare(polygons)
    frame = _Frame.around(polygons, depth)
    cells, disputed = _rasterise(polygons, frame)
    grid = _compact(cells)
    places: list[Place | None] = [None, *(place for place, _ in drawn)]
    borders = [[drawn[index] for index in candidates] for candidates in disputed]
    west, south, across, up = frame.west, frame.south, frame.across, frame.up
    east, north, rows, known = frame.east, frame.north, frame.cells + 1, len(places)
    intersects = shapely.intersects_xy

    # everything the function needs is in its closure: an attribute look-up each would double its cost
    def find(longitude: float, latitude: float) -> Place | None:
        if not (west <= longitude < east and south <= latitude < north):
            return None
        found = grid[int((longitude - west) * across) * rows + int((latitude - south) * up)]
        if found < known:
            return places[found]
        for place, polygon in borders[found - known]:
            if intersects(polygon, longitude, latitude):
                return place
        return None

    return find


def _compact(cells: Indexes) -> array[int]:
    """Cells by column, in two bytes each where they fit: the whole grid should stay in the processor's cache."""
    typecode, width = ("H", np.uint16) if cells.max() < 1 << 16 else ("I", np.uint32)
    return array(typecode, cells.astype(width).tobytes())


Indexes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Bounds of a grid, and cells a degree."""

    west: float
    south: float
    east: float
    north: float
    depth: int

    @classmethod
    def around(cls, polygons: npt.NDArray[np.object_], depth: int) -> _Frame:
        west, south, east, north = (float(bound) for bound in shapely.total_bounds(polygons))
        margin = _EDGE_MARGIN
        return cls(west=west - margin, south=south - margin, east=east + margin, north=north + margin, depth=depth)

    @property
    def cells(self) -> int:
        return 1 << self.depth

    @property
    def across(self) -> float:
        return self.cells / (self.east - self.west)

    @property
    def up(self) -> float:
        return self.cells / (self.north - self.south)

    def boxes(self, x: Indexes, y: Indexes, size: int) -> npt.NDArray[np.object_]:
        """Squares of *size* x *size* cells from cell (x, y), a little too large."""
        west, south = self.west + x / self.across, self.south + y / self.up
        east, north = self.west + (x + size) / self.across, self.south + (y + size) / self.up
        margin = _CELL_MARGIN
        return np.asarray(shapely.box(west - margin, south - margin, east + margin, north + margin))


def _rasterise(polygons: npt.NDArray[np.object_], frame: _Frame) -> tuple[Indexes, list[tuple[int, ...]]]:
    """
    What lies in each cell, and the sets of polygons (by number) that dispute one.

    A cell holds 0 for nothing, k + 1 for polygon k, n + 1 + j for disputed set j of n polygons; there is one row and
    one column more than cells, for positions that rounding puts beyond the last.

    Squares are quartered until one polygon covers them, none touches them, or they are one cell; each quarter is held
    against those polygons alone that touched the whole.
    """
    grid = np.zeros((frame.cells + 1, frame.cells + 1), dtype=np.int64)
    disputed: dict[tuple[int, ...], int] = {}
    x = y = np.zeros(1, dtype=np.int64)
    square, polygon = np.zeros(len(polygons), dtype=np.int64), np.arange(len(polygons))
    for step in range(frame.depth, -1, -1):
        size = 1 << step
        boxes = frame.boxes(x, y, size)
        touching = shapely.intersects(polygons[polygon], boxes[square])
        square, polygon = square[touching], polygon[touching]
        touched, first = np.unique(square, return_index=True)
        # pairs are in order of polygon: where the first one covers the square, it has every point of it
        covered = shapely.covers(polygons[polygon[first]], boxes[touched])
        for column, row, owner in zip(x[touched[covered]], y[touched[covered]], polygon[first[covered]], strict=True):
            grid[column : column + size, row : row + size] = owner + 1
        open_squares = touched[~covered]
        keep = np.isin(square, open_squares)
        square, polygon = np.searchsorted(open_squares, square[keep]), polygon[keep]
        x, y = x[open_squares], y[open_squares]
        if step:
            x, y, square, polygon = _quartered(x, y, size // 2, square, polygon)
    for cell, candidates in enumerate(np.split(polygon, np.flatnonzero(np.diff(square)) + 1) if len(polygon) else ()):
        number = disputed.setdefault(tuple(candidates.tolist()), len(disputed))
        grid[x[cell], y[cell]] = len(polygons) + 1 + number
    return grid, list(disputed)


def _quartered(
    x: Indexes, y: Indexes, half: int, square: Indexes, polygon: Indexes
) -> tuple[Indexes, Indexes, Indexes, Indexes]:
    """Four squares for each, with the candidates of the whole; sorted by square, then polygon."""
    quarters = [(0, 0), (0, half), (half, 0), (half, half)]
    count = len(x)
    columns = np.concatenate([x + dx for dx, _ in quarters])
    rows = np.concatenate([y + dy for _, dy in quarters])
    squares = np.concatenate([square + index * count for index in range(4)])
    return columns, rows, squares, np.tile(polygon, 4)
