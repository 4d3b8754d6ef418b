"""Pictures of a report as SVG: no scripts, no fonts of their own, ink that prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from schemas.events import AlertEvent
from streams.backtest.detectability import Detectable
from streams.backtest.measures import by_week
from streams.backtest.run import Result
from streams.backtest.spikes import LENGTHS, SIZES
from streams.core.detection.unit import Unit

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


def _steps(high: float) -> list[float]:
    """About five round marks from 0 to *high*."""
    raw = high / 5.0
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1.0, 2.0, 5.0, 10.0) if size * k >= raw)
    return [step * k for k in range(int(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [k * 10.0**power for power in range(first, last + 1) for k in (1.0, 2.0, 5.0)]


def weeks(alerts: Sequence[AlertEvent], result: Result, unit: Unit) -> Markup:
    """Alerts opened in each week, against the budget."""
    plan = result.plan
    counts = by_week(alerts, plan.first, plan.end)
    nominal = result.calibration.nominal[unit.key]
    high = max([*counts, nominal * 1.5, 1.0])
    across = Axis("week", 0.0, max(len(counts), 1), _steps(max(len(counts), 5)))
    canvas = Canvas(f"Alerts a week, {unit.key}", across, Axis("alerts", 0.0, high, _steps(max(high, 5.0))))
    for week, count in enumerate(counts):
        canvas.bar(week, 1.0, count, BLUE, f"week {week + 1}: {count}")
    realised = sum(counts) / max(len(counts), 1)
    for value, colour in ((nominal, RED), (realised, INK)):
        canvas.line((LEFT, canvas.y(value)), (WIDTH - RIGHT, canvas.y(value)), colour, 1.5)
    told = f"nominal {nominal:.2f} a week (red), realised {realised:.2f} (black)"
    canvas.text((WIDTH - RIGHT, 12.0), told, anchor="end")
    return canvas.drawn()


def rates(rows: Sequence[Mapping[str, float]], unit: Unit, result: Result) -> Markup:
    """Alerts a week at each score: what chance promises across, what this past gave upwards."""
    some = [row for row in rows if row["realised"] > 0]
    if not some:
        return Markup("<p>No score came near a threshold.</p>")
    values = [row[name] for row in some for name in ("nominal", "realised")]
    low, high = min(values) / 1.5, max(values) * 1.5
    marks = _decades(low, high)
    canvas = Canvas(
        f"Calibration, {unit.key}",
        Axis("alerts a week by chance alone", low, high, marks, logs=True),
        Axis("alerts a week in this past", low, high, marks, logs=True),
    )
    canvas.path([(low, low), (high, high)], GRID)
    canvas.path([(row["nominal"], row["realised"]) for row in some], BLUE)
    for row in some:
        told = f"score {row['score']:g}: {row['nominal']:.3g} by chance, {row['realised']:.3g} here"
        canvas.dot(row["nominal"], row["realised"], BLUE, 4.0, told)
    budget = result.calibration.nominal[unit.key]
    if low < budget < high:
        canvas.line((canvas.x(budget), TOP), (canvas.x(budget), HEIGHT - BOTTOM), RED, 1.0)
    return canvas.drawn()


def shade(share: float | None) -> str:
    """Background for a share: white to blue."""
    if share is None:
        return "#ffffff"
    part = min(max(share, 0.0), 1.0)
    low, high = (255, 255, 255), (107, 174, 214)
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return f"#{red:02x}{green:02x}{blue:02x}"


def spikes(rows: Sequence[Mapping[str, float | int | None]]) -> Markup:
    """Share found by length, one line for each size."""
    canvas = Canvas(
        "Injected spikes found, by length and size",
        Axis("length of the spike, hours", 2.5, 200.0, LENGTHS, logs=True),
        Axis("share found", 0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
    )
    for number, size in enumerate(SIZES):
        points = [(row["length"], row["found"]) for row in rows if row["size"] == size]
        known = [(float(length), float(share)) for length, share in points if length is not None and share is not None]
        if known:
            canvas.path(known, LINES[number])
            for length, share in known:
                canvas.dot(length, share, LINES[number], 4.0, f"x{size:g}, {length:g} h: {share:.0%}")
    canvas.legend([f"x{size:g}" for size in SIZES])
    return canvas.drawn()


def detectability(areas: Sequence[Detectable]) -> Markup:
    """Smallest multiplier found with 80 % against the size of the area, one colour for each length of spike."""
    daily = [max(area.daily, 1e-3) for area in areas]
    low, high = min(daily) / 1.2, max(daily) * 1.2
    canvas = Canvas(
        "Detectability: smallest multiple of the normal rate that is found with 80 %",
        Axis("incidents a day that are normal in the area", low, high, _decades(low, high), logs=True),
        Axis("times normal", 1.0, 100.0, (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0), logs=True),
    )
    for number, length in enumerate(LENGTHS):
        for area, size in zip(areas, daily, strict=True):
            rho = area.multiplier[length]
            if rho is not None:
                canvas.dot(size, rho, LINES[number], 2.5, f"{area.area}: x{rho:g} for {length} h")
    canvas.legend([f"{length} h" for length in LENGTHS])
    return canvas.drawn()
