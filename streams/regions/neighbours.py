"""Neighbours of each area, nearest first: as ``neighbours.csv`` says, else by shared border, else by distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from streams.core.geography import Area
from streams.regions.tables import Row

FILE = "neighbours.csv"
COLUMNS = ("area", "neighbour", "rank")
NEAREST = 8
"""Areas that border on fewer others are given the nearest ones too, up to so many."""

_TOUCHING = 1e-5
"""Degrees (about a metre) that borders may be apart and still be one: not every file keeps shared edges."""

_EARTH_KM = 6371.0088

Neighbours = dict[str, tuple[str, ...]]


def read_neighbours(rows: Sequence[Row], areas: Mapping[str, Area]) -> Neighbours:
    """Neighbours by code as the file ranks them; both ends must be areas of one level."""
    ranked: dict[str, dict[int, str]] = {}
    for row in rows:
        area, neighbour = _area(row, "area", areas), _area(row, "neighbour", areas)
        if area.code == neighbour.code:
            raise row.mistake("neighbour", f"{area.code} is not its own neighbour")
        if area.level != neighbour.level:
            raise row.mistake("neighbour", f"{neighbour.code} is a {neighbour.level}, {area.code} a {area.level}")
        rank = row.whole("rank", 1)
        if rank is None:
            raise row.mistake("rank", "is empty")
        ranks = ranked.setdefault(area.code, {})
        if rank in ranks:
            raise row.mistake("rank", f"{rank} of {area.code} is also that of {ranks[rank]}")
        if neighbour.code in ranks.values():
            raise row.mistake("neighbour", f"{neighbour.code} is there twice for {area.code}")
        ranks[rank] = neighbour.code
    return {code: tuple(ranks[rank] for rank in sorted(ranks)) for code, ranks in ranked.items()}


def _area(row: Row, column: str, areas: Mapping[str, Area]) -> Area:
    code = row.needed(column)
    if code not in areas:
        raise row.mistake(column, f"{code} is no area of areas.csv")
    return areas[code]


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """
    Great-circle distance of two (longitude, latitude), by the spherical law of cosines in its half-angle form.

    R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984) 159.

    >>> round(distance_km((-0.1278, 51.5074), (2.3522, 48.8566)))
    344
    """
    (west, south), (east, north) = (tuple(map(math.radians, point)) for point in (one, other))
    half = math.sin((north - south) / 2) ** 2 + math.cos(south) * math.cos(north) * math.sin((east - west) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(half, 1.0)))


def derived_neighbours(areas: Sequence[Area], boundaries: Mapping[str, BaseGeometry]) -> Neighbours:
    """
    Neighbours of areas of one level: those that share a border, nearest first, then the nearest others.

    Areas without a position and without a border have none.
    """
    bordering = _bordering([area.code for area in areas], boundaries)
    points = {
        area.code: (area.longitude, area.latitude)
        for area in areas
        if area.longitude is not None and area.latitude is not None
    }
    return {area.code: _nearest(area.code, bordering.get(area.code, set()), points) for area in areas}


def _nearest(code: str, bordering: set[str], points: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    here = points.get(code)
    if here is None:
        return tuple(sorted(bordering))
    away = {other: distance_km(here, point) for other, point in points.items() if other != code}
    ordered = sorted(
        away | dict.fromkeys(bordering - away.keys(), math.inf),
        key=lambda other: (other not in bordering, away.get(other, math.inf), other),
    )
    return tuple(ordered[: max(NEAREST, len(bordering))])


def _bordering(codes: Sequence[str], boundaries: Mapping[str, BaseGeometry]) -> dict[str, set[str]]:
    drawn = [code for code in codes if code in boundaries]
    if not drawn:
        return {}
    polygons = np.array([boundaries[code] for code in drawn])
    pairs = shapely.STRtree(polygons).query(polygons, predicate="dwithin", distance=_TOUCHING)
    bordering: dict[str, set[str]] = {code: set() for code in drawn}
    for one, other in pairs.T:
        if one != other:
            bordering[drawn[one]].add(drawn[other])
    return bordering
