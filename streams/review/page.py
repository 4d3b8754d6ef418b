"""The report as pages that need nothing but themselves: one for the region, one for each area."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from streams.review import local, pictures, sentences
from streams.review.audience import Audience
from streams.review.change import Verdict
from streams.review.months import iso, words
from streams.review.outcomes import Outcomes
from streams.review.review import Places, Review
from streams.review.season import YEAR
from streams.review.shifts import Shift
from streams.review.written import Json

SIMILAR = 5
"""Areas with the nearest level of all violence that an area is compared with."""
TOLD = 20
"""Areas of a list that stand on the page; all of them are in the table beside it."""


class Year(NamedTuple):
    """Twelve months in words, and their number as it may be told."""

    to: str
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A group of one area in words: usual a year, the last year, what changed, its rank and how sure that is."""

    group: str
    usual: str
    now: str
    change: str
    rank: int
    of: int
    top: float
    similar: str
    shifts: tuple[str, ...]
    years: tuple[Year, ...]
    peak: str


def write(review: Review, told: Json, outcomes: Outcomes | None, out: Path) -> None:
    """``report.html`` and ``areas/<code>.html``."""
    environment = Environment(
        loader=PackageLoader("streams.review"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"month": words, "iso": iso, "percent": lambda share: f"{share * 100:.0f} %"}
    common = {"review": review, "told": told, "say": sentences, "draw": pictures, "outcomes": outcomes, "year": YEAR}
    names = {area.code: area.name for area in review.region.areas}
    residents = {area.code: area.population for area in review.region.areas if area.population}
    report = environment.get_template("report.html").render(
        **common,
        names=names,
        residents=residents,
        shapes=_shapes(review),
        most=TOLD,
        reported=frozenset(_areas(review)),
        Verdict=Verdict,
        trusted=review.audience is Audience.TRUSTED,
    )
    (out / "report.html").write_text(report, encoding="utf-8")
    folder = out / "areas"
    folder.mkdir(exist_ok=True)
    page = environment.get_template("area.html")
    folders = _areas(review)
    for code, places in folders.items():
        area = next(each for each in review.region.areas if each.code == code)
        around = next((each for each in review.region.areas if each.code == area.parent and each.code in folders), None)
        text = page.render(
            **common, area=area, around=around, lines=_lines(code, places, names), peaks=_peaks(review, places)
        )
        (folder / f"{code}.html").write_text(text, encoding="utf-8")


def _shapes(review: Review) -> Mapping[str, object]:
    return review.region.boundaries


def _areas(review: Review) -> dict[str, list[Places]]:
    """What is told of each area, by code."""
    found: dict[str, list[Places]] = {}
    for places in review.places:
        for code in places.areas:
            found.setdefault(code, []).append(places)
    return found


def _lines(code: str, told: Sequence[Places], names: Mapping[str, str]) -> Iterator[Line]:
    for places in told:
        k = places.areas.index(code)
        low, high = places.estimate.interval()
        digits = 3 if places.told(k) else 1
        yield Line(
            group=places.group,
            usual=f"{_round(float(low[k]), digits)} to {_round(float(high[k]), digits)} a year",
            now=sentences.number(places.now[code]),
            change=_change(places, k),
            rank=places.order.index(k) + 1,
            of=len(places.areas),
            top=float(places.top[k]),
            similar=_similar(places, k, names),
            shifts=tuple(sentences.of_shift(each, places.group) for each in sentences.main_shifts(_shifts(places, k))),
            years=tuple(Year(words(span.end - 1), sentences.number(span.cells[code])) for span in places.spans),
            peak=_peak(places, k),
        )


def _shifts(places: Places, k: int) -> list[Shift]:
    """Shifts of an area with levels and ratios as roundly as they are told."""
    return [local.rounded(shift) for shift in places.told_shifts(k)]


def _peak(places: Places, k: int) -> str:
    """The month with most to expect, where a month stands out."""
    months = places.months
    at = months.highest(k)
    low, high = int(months.low[k, at]), int(months.high[k, at])
    if high < MANY:
        return f"in no month more than {max(high, 1)} to be expected"
    return f"most to be expected in {calendar.month_name[at + 1]}: {low} to {high} (95 %), if rates stay as they are"


def _change(places: Places, k: int) -> str:
    if not places.told(k):
        return "numbers are too small to be told"
    return sentences.of_change(places.changes[k])


def _similar(places: Places, k: int, names: Mapping[str, str]) -> str:
    """The areas nearest in estimated rate, and how many incidents they had."""
    order = places.order
    at = order.index(k)
    near = [each for each in order[max(0, at - SIMILAR) : at + SIMILAR + 1] if each != k]
    near.sort(key=lambda each: abs(float(places.estimate.mean[each] - places.estimate.mean[k])))
    said = [f"{names[places.areas[e]]} {sentences.number(places.now[places.areas[e]])}" for e in near[:3]]
    return ", ".join(said)


def _round(value: float, digits: int) -> str:
    return f"{float(f'{value:.{min(digits, 1 if value < 1 else digits)}g}'):,g}" if value < 1e6 else f"{value:,.0f}"


def _peaks(review: Review, told: Sequence[Places]) -> list[tuple[str, str]]:
    """The months, and where hours are told the hours, in which the groups of an area are usually highest."""
    found = []
    groups = {places.group for places in told}
    for trend in review.trends:
        if trend.group not in groups:
            continue
        found.append((trend.group, peak_of_season(trend.season.factors.tolist())))
        if trend.group in review.panel.hours:
            found.append((trend.group, peak_of_week(review.panel.hours[trend.group].tolist())))
    return found


def peak_of_season(factors: Sequence[float]) -> str:
    """
    The highest months in words.

    >>> peak_of_season([1.0] * 12)
    'no season that chance does not make'
    >>> peak_of_season([0.9, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2, 1.1, 1.0, 1.0, 0.9, 0.9])
    'most in July (20 % above the year), June and August'
    """
    order = sorted(range(YEAR), key=lambda k: (-factors[k], k))
    if factors[order[0]] < WORTH_TELLING:
        return "no season that chance does not make"
    first, second, third = (calendar.month_name[k + 1] for k in (order[0], *sorted(order[1:3])))
    return f"most in {first} ({(factors[order[0]] - 1) * 100:.0f} % above the year), {second} and {third}"


def peak_of_week(clock: Sequence[int]) -> str:
    """
    The four hours of the week in which most happens, together.

    >>> peak_of_week([1] * 164 + [9] * 4)
    'most from Sun 20:00 to Mon 00:00: 18 % of all in 4 of 168 hours'
    """
    week, length = len(clock), 4
    sums = [sum(clock[(k + j) % week] for j in range(length)) for k in range(week)]
    at = max(range(week), key=lambda k: (sums[k], -k))
    share = sums[at] / max(sum(clock), 1)
    begin, end = (f"{pictures.WEEKDAYS[k // 24]} {k % 24:02}:00" for k in (at, (at + length) % week))
    return f"most from {begin} to {end}: {share * 100:.0f} % of all in {length} of {week} hours"


MANY = 3
"""A month whose upper limit is below this is not told by itself."""
WORTH_TELLING = 1.02
