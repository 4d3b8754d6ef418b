"""Pictures of a review."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from markupsafe import Markup, escape
from scipy import stats
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from streams.drawing import BLUE, GRID, INK, PALE, RED, Axis, Canvas, decades, steps
from streams.review.change import Change, Verdict
from streams.review.months import Month
from streams.review.review import Places, Trend
from streams.review.season import YEAR
from streams.review.sentences import SURE_ENOUGH, name, of_change

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNSURE = "#6f7a85"
UP, DOWN, SAME, NOTHING = "#b3372b", "#1f5fa8", "#e8ebee", "#ffffff"
SCALE = ("#f7fbff", "#deebf7", "#c6dbef", "#9ecae1", "#6baed6", "#3182bd", "#08519c")
MAP_WIDTH = 720.0


def trend(one: Trend, first: Month) -> Markup:
    """Months without their season, with limits, and the levels between shifts."""
    values = [float(each) for each in one.adjusted]
    high = max([*map(float, one.high), 1.0])
    years = [at for at in range(first, first + one.used + 1) if at % YEAR == 0]
    every = max(1, math.ceil(len(years) / 9))
    across = _Years(first, first + one.used, years[::every])
    canvas = Canvas(f"{name(one.group)}, a month, without season", across, Axis("a month", 0.0, high, steps(high)))
    canvas.band([(first + k, float(one.low[k]), float(one.high[k])) for k in range(one.used)], PALE)
    canvas.path([(first + k, value) for k, value in enumerate(values)], BLUE)
    edges = [first, *(shift.at for shift in one.shifts), first + one.used]
    share = one.season.expected_share
    for begin, end in itertools.pairwise(edges):
        part = slice(begin - first, end - first)
        level = float(one.counts[part].sum() / share[part].sum())
        canvas.path([(begin, level), (max(end - 1, begin), level)], RED)
    return canvas.drawn()


class _Years(Axis):
    """An axis of months whose marks are years."""

    def __init__(self, first: Month, end: Month, years: Sequence[Month]) -> None:
        super().__init__("", float(first), float(max(end - 1, first + 1)), [])
        self.marks = [(float(at), str(at // YEAR)) for at in years]


def season(one: Trend) -> Markup:
    """Twelve multipliers."""
    factors = [float(each) for each in one.season.factors]
    high = max([*factors, 1.2])
    across = _Labels(MONTHS)
    canvas = Canvas(f"{name(one.group)}, season", across, Axis("times the usual", 0.0, high, steps(high)))
    for k, factor in enumerate(factors):
        canvas.bar(k, 1.0, factor, BLUE, f"{MONTHS[k]}: {factor:.2f} times the usual")
    return canvas.drawn()


class _Labels(Axis):
    """An axis of words, one a step."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__("", 0.0, float(len(words)), [])
        self.marks = [(k + 0.5, word) for k, word in enumerate(words)]


def clock(group: str, counts: Sequence[int]) -> Markup:
    """The hours of the week as a table of squares, darker where more happens."""
    size, left, top = 26.0, 44.0, 20.0
    most, whole = max([*counts, 1]), max(sum(counts), 1)
    parts = [_text(left + hour * size, 13, f"{hour:02}") for hour in range(0, 24, 3)]
    parts += [_text(0, top + day * size + 17, word) for day, word in enumerate(WEEKDAYS)]
    for slot, count in enumerate(counts):
        day, hour = divmod(slot, 24)
        shade = SCALE[min(int(count / most * len(SCALE)), len(SCALE) - 1)]
        told = f"{WEEKDAYS[day]} {hour:02}:00: {count / whole:.2%}"
        place = f'x="{left + hour * size:.0f}" y="{top + day * size:.0f}" width="{size - 1:.0f}"'
        parts.append(f'<rect {place} height="{size - 1:.0f}" fill="{shade}">{_title(told)}</rect>')
    box = f"0 0 {left + 24 * size:.0f} {top + 7 * size:.0f}"
    return _svg(box, f"{name(group)} by hour of the week", parts)


def ladder(places: Places, names: Mapping[str, str], most: int = 25) -> Markup:
    """The highest areas with the limits of their estimates, surely highest ones in colour."""
    low, high = places.estimate.interval()
    order, row, left, width = places.order[:most], 20.0, 210.0, 480.0
    top = max(float(high[k]) for k in order)
    bottom = 12 + len(order) * row
    parts = []
    for mark in (mark for mark in steps(top) if mark <= top):
        x = left + width * mark / top
        parts += [_line((x, 4), (x, bottom), GRID, 1), _text(x, bottom + 12, f"{mark:g}", "middle")]
    for line, k in enumerate(order):
        y, area = 12 + line * row, names[places.areas[k]]
        mean, begin, end = (float(each[k]) for each in (places.estimate.mean, low, high))
        colour = BLUE if places.top[k] >= SURE_ENOUGH else UNSURE
        digits = 3 if places.told(k) else 2
        told = f"{area}: {mean:.{digits}g} a year, {begin:.{digits}g} to {end:.{digits}g}"
        at = left + width * mean / top
        parts.append(_text(left - 8, y + 4, area, "end"))
        parts.append(_line((left + width * begin / top, y), (left + width * end / top, y), colour, 2))
        parts.append(f'<circle cx="{at:.1f}" cy="{y:.0f}" r="4" fill="{colour}">{_title(told)}</circle>')
    return _svg(f"0 0 720 {bottom + 18:.0f}", f"{name(places.group)}: estimated incidents a year", parts)


def funnel(places: Places, residents: Mapping[str, int], names: Mapping[str, str]) -> Markup:
    """
    Incidents of the last year over what as many residents have in the region, against that expectation.

    Limits of 95 and 99.8 % around 1, for counts that scatter by chance only (Spiegelhalter 2005).
    """
    known = [k for k, code in enumerate(places.areas) if code in residents and places.now[code].number is not None]
    if len(known) < len(places.areas):
        return Markup("")
    numbers = [places.now[places.areas[k]].number or 0 for k in known]
    people = [residents[places.areas[k]] for k in known]
    rate = sum(numbers) / sum(people)
    expected = [max(rate * each, 1e-9) for each in people]
    ratios = [number / each for number, each in zip(numbers, expected, strict=True)]
    high = max([*ratios, 2.0]) * 1.05
    xs = Axis("incidents a year expected for its residents", 0.0, max(expected) * 1.05, steps(max(expected)))
    canvas = Canvas(f"{name(places.group)}: funnel", xs, Axis("times the region's rate", 0.0, high, steps(high)))
    along = [max(expected) * 1.05 * k / 60 for k in range(1, 61)]
    for sure in (0.025, 0.001):
        for side in (sure, 1.0 - sure):
            canvas.path([(x, min(float(stats.poisson.ppf(side, x)) / x, high)) for x in along], GRID)
    for k, x, y in zip(known, expected, ratios, strict=True):
        canvas.dot(x, y, BLUE, 4.0, f"{names[places.areas[k]]}: {y:.2f} times")
    return canvas.drawn()


def change_funnel(places: Places, names: Mapping[str, str]) -> Markup:
    """
    The last year over the one before, the region's own change taken out, against the incidents of both.

    Limits of 95 and 99.8 % around 1 for a ratio of two counts that chance alone moves: given both together, the later
    is binomial (Spiegelhalter 2005, A.3.2; Breslow and Day 1987, 2.4). Only areas whose numbers may be told.
    """
    pairs = {k: (each.now, each.before) for k, each in enumerate(places.changes) if places.told(k) and each.before > 0}
    if len(pairs) < FEWEST:
        return Markup("")
    now, before = (int(places.counts[:, part].sum()) for part in (slice(-YEAR, None), slice(-2 * YEAR, -YEAR)))
    change = max(now, 1) / max(before, 1)
    both = {k: float(sum(pair)) for k, pair in pairs.items()}
    low, high = min(both.values()) / 1.1, max(both.values()) * 1.1
    xs = Axis("incidents of both years", low, high, decades(low, high), logs=True)
    canvas = Canvas(
        f"{name(places.group)}: funnel", xs, Axis("times the region's change", 0.0, HIGHEST, steps(HIGHEST))
    )
    along = [low * (high / low) ** (k / 60) for k in range(61)]
    for side in (0.001, 0.025, 0.975, 0.999):
        canvas.path([(x, _limit(x, side, change)) for x in along], GRID)
    for k, (later, earlier) in pairs.items():
        ratio = later / earlier / change
        canvas.dot(both[k], min(ratio, HIGHEST), BLUE, 4.0, f"{names[places.areas[k]]}: {ratio:.2f} times")
    return canvas.drawn()


def _limit(both: float, side: float, change: float) -> float:
    later = float(stats.binom.ppf(side, round(both), change / (1.0 + change)))
    return min(later / max(round(both) - later, 0.5) / change, HIGHEST)


FEWEST = 5
"""Areas below which no funnel is drawn."""
HIGHEST = 3.0
"""Ratios above this are drawn there."""


def change_map(places: Places, shapes: Mapping[str, BaseGeometry], names: Mapping[str, str]) -> Markup:
    """Areas by what changed: up, down, or no evidence of either; in words when pointed at."""
    known = [(k, shapes[code]) for k, code in enumerate(places.areas) if code in shapes]
    if not known:
        return Markup("")
    bounds = [shape.bounds for _, shape in known]
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    east, north = max(b[2] for b in bounds), max(b[3] for b in bounds)
    squeeze = math.cos(math.radians((south + north) / 2))
    scale = MAP_WIDTH / ((east - west) * squeeze)

    def at(x: float, y: float) -> tuple[float, float]:
        return (x - west) * squeeze * scale, (north - y) * scale

    parts = []
    for k, shape in known:
        said = of_change(places.changes[k]) if places.told(k) else "numbers too small to be told"
        told = f"{names[places.areas[k]]}: {said}"
        fill = _colour(places.changes[k])
        parts.append(f'<path d="{_outline(shape, at)}" fill="{fill}" stroke="#5b6570">{_title(told)}</path>')
        sign = {Verdict.UP: "▲", Verdict.DOWN: "▼"}.get(places.changes[k].verdict)
        if sign:
            x, y = at(shape.representative_point().x, shape.representative_point().y)
            parts.append(_text(x, y + 5, sign, "middle", "#ffffff"))
    box = f"-2 -2 {MAP_WIDTH + 4:.0f} {(north - south) * scale + 4:.0f}"
    return _svg(box, f"{name(places.group)}: where it changed", parts)


def _outline(shape: BaseGeometry, at: Callable[[float, float], tuple[float, float]]) -> str:
    parts = shape.geoms if isinstance(shape, MultiPolygon) else [shape] if isinstance(shape, Polygon) else []
    rings = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return " ".join(f"M{' '.join('{:.0f},{:.0f}'.format(*at(x, y)) for x, y in ring.coords)}Z" for ring in rings)


def _colour(one: Change) -> str:
    return {Verdict.UP: UP, Verdict.DOWN: DOWN, Verdict.NONE: SAME}.get(one.verdict, NOTHING)


def spark(counts: Sequence[int], first: Month, what: str) -> Markup:
    """Years as bars."""
    sums: dict[int, int] = {}
    months: dict[int, int] = {}
    for k, count in enumerate(counts):
        year = (first + k) // YEAR
        sums[year] = sums.get(year, 0) + count
        months[year] = months.get(year, 0) + 1
    whole = {year: total for year, total in sums.items() if months[year] == YEAR}
    if not whole:
        return Markup("")
    most = max([*whole.values(), 1])
    canvas = Canvas(what, _Labels([str(year)[2:] for year in whole]), Axis("a year", 0.0, most, steps(max(most, 5))))
    for k, (year, total) in enumerate(whole.items()):
        canvas.bar(k, 1.0, total, BLUE, f"{year}: {total:,}")
    return canvas.drawn()


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = INK) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12" fill="{colour}">{escape(words)}</text>'


def _line(start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> str:
    (x1, y1), (x2, y2) = start, end
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width:g}"/>'


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>"


def _svg(box: str, title: str, parts: Sequence[str]) -> Markup:
    head = f'<svg viewBox="{box}" role="img" aria-label="{escape(title)}">{_title(title)}'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 - every word in it is escaped
