"""``boundaries.geojson``: polygons of areas, WGS 84, longitude before latitude; repaired where rings are invalid."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from schemas.errors import UsageError
from streams.regions.tables import read_text

Warn = Callable[[str], None]
"""Told what is weak but not wrong, one line at a time."""

_POLYGONS = ("Polygon", "MultiPolygon")


def read_features(path: Path, warn: Warn) -> Iterator[tuple[str, Mapping[str, object], BaseGeometry]]:
    """Name in the file ("feature 3"), properties and sound polygon of each feature."""
    file = path.name
    try:
        document = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}, line {error.lineno}: not JSON: {error.msg}") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise UsageError(f"{file} is not a GeoJSON FeatureCollection")
    for number, feature in enumerate(features, start=1):
        where = f"{file}, feature {number}"
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(properties, dict):
            raise UsageError(f"{where}: has no properties")
        yield where, properties, _polygon(where, feature.get("geometry"), warn)


def _polygon(where: str, geometry: object, warn: Warn) -> BaseGeometry:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in _POLYGONS:
        raise UsageError(f"{where}: geometry is {kind or 'missing'}; a Polygon or MultiPolygon is needed")
    try:
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            polygon = shapely.from_geojson(json.dumps(geometry))
    except (shapely.GEOSException, ValueError) as error:
        raise UsageError(f"{where}: geometry is broken: {error}") from error
    if polygon.is_empty:
        raise UsageError(f"{where}: geometry is empty")
    _check_bounds(where, polygon)
    return polygon if polygon.is_valid else _repaired(where, polygon, warn)


def _check_bounds(where: str, polygon: BaseGeometry) -> None:
    west, south, east, north = polygon.bounds
    if _on_globe(west, east, 180) and _on_globe(south, north, 90):
        return
    turned = _on_globe(south, north, 180) and _on_globe(west, east, 90)
    hint = "latitude stands before longitude" if turned else "it is not in degrees of WGS 84"
    raise UsageError(f"{where}: position {west:g}, {south:g} is not longitude, latitude; {hint}")


def _on_globe(low: float, high: float, limit: float) -> bool:
    return low >= -limit and high <= limit


def _repaired(where: str, polygon: BaseGeometry, warn: Warn) -> BaseGeometry:
    reason = shapely.is_valid_reason(polygon)
    parts = shapely.get_parts(shapely.make_valid(polygon))
    kept = [part for part in parts if part.geom_type in _POLYGONS]
    if not kept:
        raise UsageError(f"{where}: ring encloses nothing ({reason})")
    warn(f"{where}: ring was invalid ({reason}) and has been repaired")
    return shapely.union_all(kept)


def read_boundaries(
    path: Path, points: Mapping[str, tuple[float, float] | None], warn: Warn
) -> dict[str, BaseGeometry]:
    """
    Polygons by code.

    *points* holds the position of each area of the region, None where not known; a polygon that is nowhere near its
    area's position, but would be with its axes swapped, is refused.
    """
    polygons: dict[str, BaseGeometry] = {}
    for where, properties, polygon in read_features(path, warn):
        code = properties.get("code")
        if not isinstance(code, str) or code not in points:
            raise UsageError(f"{where}: code {code!r} is no area of areas.csv")
        if code in polygons:
            raise UsageError(f"{where}: code {code} is there twice")
        _check_axes(where, polygon, points[code], warn)
        polygons[code] = polygon
    return polygons


def _check_axes(where: str, polygon: BaseGeometry, point: tuple[float, float] | None, warn: Warn) -> None:
    if point is None or _near(polygon, *point):
        return
    longitude, latitude = point
    if _near(polygon, latitude, longitude):
        raise UsageError(f"{where}: latitude stands before longitude; GeoJSON wants longitude first")
    warn(f"{where}: the area's position in areas.csv ({longitude:g}, {latitude:g}) is not in its polygon")


def _near(polygon: BaseGeometry, longitude: float, latitude: float) -> bool:
    """Whether a point is within the bounds of a polygon, or not further off than they are wide."""
    west, south, east, north = polygon.bounds
    across, up = east - west, north - south
    return west - across <= longitude <= east + across and south - up <= latitude <= north + up
