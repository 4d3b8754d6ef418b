"""Pictures as SVG: no scripts, no fonts of their own, ink that prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

INK, GRID, BLUE, RED, PALE = "#22272e", "#d7dce2", "#1f5fa8", "#b3372b", "#dbe7f4"
WIDTH, HEIGHT = 720.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 16.0, 28.0, 40.0
LINES = ("#08306b", "#2171b5", "#6baed6", "#f16913", "#a63603", "#54278f")


class Canvas:
    """A frame with two axes; ``x`` and ``y`` take values to places."""

    def __init__(self, title: str, xs: Axis, ys: Axis) -> None:
        self._title = title
        self._xs, self._ys = xs, ys
        self._parts: list[str] = []
        for value, label in ys.marks:
            at = self.y(value)
            self.line((LEFT, at), (WIDTH - RIGHT, at), GRID, 1.0)
            self.text((LEFT - 6, at + 4), label, anchor="end")
        for value, label in xs.marks:
            self.line((self.x(value), HEIGHT - BOTTOM), (self.x(value), HEIGHT - BOTTOM + 4), INK, 1.0)
            self.text((self.x(value), HEIGHT - BOTTOM + 17), label, anchor="middle")
        self.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), INK, 1.0)
        self.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4), xs.name, anchor="middle")
        self.text((LEFT, 12.0), ys.name, anchor="start")

    def x(self, value: float) -> float:
        """Place of a value on the axis across."""
        return LEFT + (WIDTH - LEFT - RIGHT) * self._xs.share(value)

    def y(self, value: float) -> float:
        """Place of a value on the axis up."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self._ys.share(value)

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> None:
        """A straight line between two places."""
        (x1, y1), (x2, y2) = start, end
        place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self._parts.append(f'<line {place} stroke="{colour}" stroke-width="{width:g}"/>')

    def path(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """A line through values."""
        places = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self._parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>')

    def band(self, points: Sequence[tuple[float, float, float]], colour: str) -> None:
        """The space between two lines: *points* of a place across, a low and a high value."""
        there = [f"{self.x(x):.1f},{self.y(high):.1f}" for x, _, high in points]
        back = [f"{self.x(x):.1f},{self.y(low):.1f}" for x, low, _ in reversed(points)]
        self._parts.append(f'<polygon points="{" ".join([*there, *back])}" fill="{colour}"/>')

    def dot(self, x: float, y: float, colour: str, size: float, told: str) -> None:
        """A value, with words for who points at it."""
        place = f'cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="{size:g}"'
        self._parts.append(f'<circle {place} fill="{colour}"><title>{escape(told)}</title></circle>')

    def bar(self, x: float, width: float, y: float, colour: str, told: str) -> None:
        """A bar from the bottom to *y*, from *x* on."""
        left, right, top = self.x(x), self.x(x + width), self.y(y)
        place = f'x="{left:.1f}" y="{top:.1f}" width="{max(right - left - 1, 0.6):.1f}"'
        height = f'height="{HEIGHT - BOTTOM - top:.1f}"'
        self._parts.append(f'<rect {place} {height} fill="{colour}"><title>{escape(told)}</title></rect>')

    def text(self, place: tuple[float, float], words: str, *, anchor: str, colour: str = INK) -> None:
        """Words at a place."""
        x, y = place
        at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        self._parts.append(f'<text {at} fill="{colour}" font-size="12">{escape(words)}</text>')

    def legend(self, names: Sequence[str]) -> None:
        """Names of the lines, in their colours, above the picture."""
        for number, name in enumerate(names):
            place = (WIDTH - RIGHT - 54.0 * (len(names) - 1 - number), 12.0)
            self.text(place, name, anchor="end", colour=LINES[number])

    def drawn(self) -> Markup:
        """The picture."""
        head = f'<svg viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(self._title)}">'
        return Markup(head + f"<title>{escape(self._title)}</title>" + "".join(self._parts) + "</svg>")  # noqa: S704


class Axis:
    """A span of values, straight or in logarithms, with marks."""

    def __init__(self, name: str, low: float, high: float, marks: Iterable[float], *, logs: bool = False) -> None:
        self.name = name
        self._logs = logs
        self._low, self._high = (math.log(low), math.log(high)) if logs else (low, high)
        self.marks = [(mark, f"{mark:g}") for mark in marks if low <= mark <= high]

    def share(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        at = math.log(value) if self._logs else value
        return min(max((at - self._low) / (self._high - self._low), 0.0), 1.0)


def steps(high: float) -> list[float]:
    """About five round marks from 0 to *high*."""
    raw = high / 5.0
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1.0, 2.0, 5.0, 10.0) if size * k >= raw)
    return [step * k for k in range(int(high / step) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Marks 1, 2 and 5 of every power of ten from *low* to *high*."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [k * 10.0**power for power in range(first, last + 1) for k in (1.0, 2.0, 5.0)]
