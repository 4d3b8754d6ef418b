"""Pictures of a report of a backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from schemas.events import AlertEvent
from streams.backtest.detectability import Detectable
from streams.backtest.measures import by_week
from streams.backtest.run import Result
from streams.backtest.spikes import LENGTHS, SIZES
from streams.core.detection.unit import Unit
from streams.drawing import (
    BLUE,
    BOTTOM,
    GRID,
    HEIGHT,
    INK,
    LEFT,
    LINES,
    RED,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Canvas,
    decades,
    steps,
)


def weeks(alerts: Sequence[AlertEvent], result: Result, unit: Unit) -> Markup:
    """Alerts opened in each week, against the budget."""
    plan = result.plan
    counts = by_week(alerts, plan.first, plan.end)
    nominal = result.calibration.nominal[unit.key]
    high = max([*counts, nominal * 1.5, 1.0])
    across = Axis("week", 0.0, max(len(counts), 1), steps(max(len(counts), 5)))
    canvas = Canvas(f"Alerts a week, {unit.key}", across, Axis("alerts", 0.0, high, steps(max(high, 5.0))))
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
    marks = decades(low, high)
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
        Axis("incidents a day that are normal in the area", low, high, decades(low, high), logs=True),
        Axis("times normal", 1.0, 100.0, (1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0), logs=True),
    )
    for number, length in enumerate(LENGTHS):
        for area, size in zip(areas, daily, strict=True):
            rho = area.multiplier[length]
            if rho is not None:
                canvas.dot(size, rho, LINES[number], 2.5, f"{area.area}: x{rho:g} for {length} h")
    canvas.legend([f"{length} h" for length in LENGTHS])
    return canvas.drawn()
