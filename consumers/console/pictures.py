"""Pictures of pages as SVG, in classes of the style sheet: no colours and no styles of their own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from markupsafe import Markup, escape

from consumers.gazetteer import folder_of
from schemas.events import HOUR, AreaCount

WIDTH, HEIGHT = 720, 220
LEFT, BOTTOM, TOP = 40, 26, 12
MAP = 640.0
Point = tuple[float, float]


def series(counts: Sequence[AreaCount], title: str, label: Callable[[int], str]) -> Markup:
    """Incidents of the last 24 hours, hour by hour, with the range that is normal."""
    if len(counts) < 2:
        return Markup("")
    first, last = counts[0].as_of, counts[-1].as_of
    high = max(max(each.incidents_24h, each.upper or 0) for each in counts) * 1.1 + 1

    def place(at: int, value: float) -> Point:
        x = LEFT + (WIDTH - LEFT - 8) * (at - first) / max(last - first, 1)
        return x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / high

    known = [each for each in counts if each.lower is not None and each.upper is not None]
    parts = []
    if known:
        there = [place(each.as_of, each.upper or 0) for each in known]
        back = [place(each.as_of, each.lower or 0) for each in reversed(known)]
        parts.append(f'<polygon class="band" points="{_points([*there, *back])}"/>')
        expected = [place(each.as_of, each.expected or 0.0) for each in known]
        parts.append(f'<polyline class="expected" points="{_points(expected)}"/>')
    parts.append(f'<polyline class="line" points="{_points([place(e.as_of, e.incidents_24h) for e in counts])}"/>')
    for mark in _marks(high):
        _, y = place(first, mark)
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{mark:g}</text>')
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - 8}" y1="{y:.0f}" y2="{y:.0f}"/>')
    for at in range(first - first % (24 * HOUR) + 24 * HOUR, last, 24 * HOUR):
        x, _ = place(at, 0)
        parts.append(f'<text x="{x:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(label(at))}</text>')
    return _svg(f"0 0 {WIDTH} {HEIGHT}", title, "chart", parts)


def _marks(high: float) -> list[float]:
    raw = high / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= raw)
    return [step * k for k in range(int(high / step) + 1)]


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


class Map:
    """
    Outlines of a region's coarse areas, drawn once.

    Parameters
    ----------
    pack
        Name or folder of the region pack; one without outlines gives an empty map.

    """

    def __init__(self, pack: str) -> None:
        file = folder_of(pack) / "boundaries.geojson"
        self.paths: Mapping[str, str] = {}
        self.height = 0.0
        if file.is_file():
            self.paths, self.height = _drawn(file)

    def drawn(self, title: str, states: Mapping[str, tuple[str, str]]) -> Markup:
        """The map; ``states`` are the class and the words of each area by code."""
        if not self.paths:
            return Markup("")
        parts = []
        for code, path in self.paths.items():
            state, said = states.get(code, ("GREY", "not known"))
            shape = f'<path class="area {escape(state)}" d="{path}"><title>{escape(said)}</title></path>'
            parts.append(f'<a href="/areas/{escape(code)}" aria-label="{escape(said)}">{shape}</a>')
        return _svg(f"-2 -2 {MAP + 4:.0f} {self.height + 4:.0f}", title, "map", parts)


def _drawn(file: Path) -> tuple[dict[str, str], float]:
    told = json.loads(file.read_text("utf-8"))
    shapes = {str(each["properties"]["code"]): list(_rings(each["geometry"])) for each in told["features"]}
    points = [point for rings in shapes.values() for ring in rings for point in ring]
    west, south = min(x for x, _ in points), min(y for _, y in points)
    east, north = max(x for x, _ in points), max(y for _, y in points)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = MAP / ((east - west) * squeeze)

    def path(ring: Sequence[Point]) -> str:
        places = [f"{(x - west) * squeeze * scale:.0f},{(north - y) * scale:.0f}" for x, y in ring]
        kept = [place for number, place in enumerate(places) if not number or place != places[number - 1]]
        return f"M{' '.join(kept)}Z"

    return {code: "".join(map(path, rings)) for code, rings in shapes.items()}, (north - south) * scale


def _rings(geometry: Mapping[str, object]) -> Iterator[list[Point]]:
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    for part in parts:  # type: ignore[attr-defined]  # GeoJSON
        for ring in part:
            yield [(float(point[0]), float(point[1])) for point in ring]


def _svg(box: str, title: str, name: str, parts: Sequence[str]) -> Markup:
    role = "img" if name == "chart" else "group"
    head = f'<svg class="{name}" viewBox="{box}" role="{role}" aria-label="{escape(title)}">'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - every word in it is escaped
