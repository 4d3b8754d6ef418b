"""What is told of each area beside its rate: years one by one, level shifts of its own, months with most."""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from schemas.disclosure import Cell, Shown
from streams.review import shifts
from streams.review.months import Month, iso
from streams.review.panel import Counts
from streams.review.peaks import Months
from streams.review.season import Seasonal, dispersion
from streams.review.shifts import Shift

LEAST = 2.0
"""Incidents a month below which an area's series is too thin to date a shift in."""
EACH_SIDE = 20
"""Incidents before and after a shift, at least."""
DIGITS = 2


class Span(NamedTuple):
    """Twelve months up to ``end`` (the month after the last): numbers of areas as they may be told, by code."""

    end: Month
    cells: Mapping[str, Cell]


def own_shifts(counts: Counts, first: Month, season: Seasonal) -> tuple[tuple[Shift, ...], ...]:
    """
    Level shifts of each row of [areas, months], with the season of the region and each area's own scatter.

    An area without a shift is given one with the chance that :data:`streams.review.shifts.FALSE_ALARM` says.
    """
    return tuple(_own(each, first, season) for each in counts)


def _own(counts: Counts, first: Month, season: Seasonal) -> tuple[Shift, ...]:
    if not len(counts) or counts.mean() < LEAST:
        return ()
    own = replace(season, dispersion=dispersion(season.adjusted(counts)))
    found = shifts.found(counts, first, own)
    edges = [0, *(each.at - first for each in found), len(counts)]
    sums = [int(counts[begin:end].sum()) for begin, end in itertools.pairwise(edges)]
    return tuple(each for k, each in enumerate(found) if min(sums[k], sums[k + 1]) >= EACH_SIDE)


def exact(spans: Iterable[Span], code: str) -> bool:
    """Whether all years of an area may be told as they are, so that levels between them give nothing back."""
    return all(span.cells[code].shown is Shown.EXACT for span in spans)


def rounded(shift: Shift) -> Shift:
    """The same with its ratio and levels to two digits, so that no number of a year can be computed from it."""
    ratio, low, high, before, after = (significant(each, DIGITS) for each in shift[3:])
    return Shift(shift.at, shift.earliest, shift.latest, ratio, low, high, before, after)


def shift_row(shift: Shift) -> dict[str, object]:
    """A shift of an area, rounded."""
    shift = rounded(shift)
    return {
        "month": iso(shift.at),
        "earliest": iso(shift.earliest),
        "latest": iso(shift.latest),
        "direction": "up" if shift.ratio > 1 else "down",
        "ratio": shift.ratio,
        "interval": [shift.low, shift.high],
        "before": shift.before,
        "after": shift.after,
    }


def peak_row(months: Months, area: int, month: int, digits: int) -> dict[str, object]:
    """What to expect in one month of an area."""
    return {
        "month": calendar.month_name[month + 1],
        "expected": significant(float(months.expected[area, month]), digits),
        "interval": [int(months.low[area, month]), int(months.high[area, month])],
    }


def year_rows(spans: Iterable[Span], code: str) -> Iterator[dict[str, object]]:
    """The years of an area, newest first."""
    for span in spans:
        yield {"from": iso(span.end - 12), "until": iso(span.end), "incidents": span.cells[code].text}


def significant(value: float, digits: int) -> float:
    """
    A value with so many significant digits.

    >>> significant(1234.5, 2), significant(0.01234, 2)
    (1200.0, 0.012)
    """
    return float(f"{value:.{digits}g}")
