"""Public holidays by their rules, as rows of ``calendar.csv``: start, end, kind, area."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Container, Iterator, Mapping

Span = tuple[dt.datetime, dt.datetime, str]
"""[start, end) in local wall time, and kind."""

BANK_HOLIDAY = "bank_holiday"
CHRISTMAS = "christmas"
NEW_YEAR = "new_year"

MONDAY, THURSDAY, SATURDAY = 0, 3, 5

_MOVED = {
    (2012, "spring"): dt.date(2012, 6, 4),
    (2020, "may"): dt.date(2020, 5, 8),
    (2022, "spring"): dt.date(2022, 6, 2),
}
"""Bank holidays of England and Wales that were moved by proclamation."""

_SPECIAL = (
    dt.date(2011, 4, 29),
    dt.date(2012, 6, 5),
    dt.date(2022, 6, 3),
    dt.date(2022, 9, 19),
    dt.date(2023, 5, 8),
)
"""Royal wedding, Diamond Jubilee, Platinum Jubilee, State Funeral, Coronation."""


def easter(year: int) -> dt.date:
    """
    Easter Sunday of the Gregorian calendar.

    The anonymous algorithm in J. Meeus, Astronomical Algorithms (1991), chapter 8.

    >>> easter(2026)
    datetime.date(2026, 4, 5)
    """
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    j = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * j) // 451
    month, day = divmod(h + j - 7 * m + 114, 31)
    return dt.date(year, month, day + 1)


def weekday_of_month(year: int, month: int, weekday: int, number: int) -> dt.date:
    """
    The *number*-th *weekday* (0 = Monday) of a month; -1 is the last.

    >>> weekday_of_month(2026, 8, 0, -1)
    datetime.date(2026, 8, 31)
    """
    if number < 0:
        after = dt.date(year + month // 12, month % 12 + 1, 1)
        return after - dt.timedelta(days=(after.weekday() - weekday - 1) % 7 + 1)
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def bank_holidays(year: int) -> list[dt.date]:
    """
    Bank and public holidays of England and Wales, as granted: those on a weekend by their substitute day.

    Banking and Financial Dealings Act 1971, schedule 1, with royal proclamations to 2023.
    """
    sunday = easter(year)
    days = {
        _substitute(dt.date(year, 1, 1)),
        sunday - dt.timedelta(days=2),
        sunday + dt.timedelta(days=1),
        _MOVED.get((year, "may"), weekday_of_month(year, 5, MONDAY, 1)),
        _MOVED.get((year, "spring"), weekday_of_month(year, 5, MONDAY, -1)),
        weekday_of_month(year, 8, MONDAY, -1),
        *_christmas_days(year),
        *(day for day in _SPECIAL if day.year == year),
    }
    return sorted(days)


def _substitute(day: dt.date, taken: Container[dt.date] = ()) -> dt.date:
    """The day, or where it is on a weekend the next weekday that is not taken."""
    if day.weekday() < SATURDAY:
        return day
    while day.weekday() >= SATURDAY or day in taken:
        day += dt.timedelta(days=1)
    return day


def _christmas_days(year: int) -> set[dt.date]:
    both = dt.date(year, 12, 25), dt.date(year, 12, 26)
    days = {day for day in both if day.weekday() < SATURDAY}
    for day in both:
        days.add(_substitute(day, days))
    return days


def federal_holidays(year: int) -> list[dt.date]:
    """
    Legal public holidays of the United States on their own dates, observed or not (5 U.S.C. 6103; Juneteenth 2021).

    What people do follows the day itself, not the day off that federal offices take for it.
    """
    days = [
        dt.date(year, 1, 1),
        weekday_of_month(year, 1, MONDAY, 3),
        weekday_of_month(year, 2, MONDAY, 3),
        weekday_of_month(year, 5, MONDAY, -1),
        dt.date(year, 7, 4),
        weekday_of_month(year, 9, MONDAY, 1),
        weekday_of_month(year, 10, MONDAY, 2),
        dt.date(year, 11, 11),
        weekday_of_month(year, 11, THURSDAY, 4),
        dt.date(year, 12, 25),
    ]
    if year >= 2021:
        days.append(dt.date(year, 6, 19))
    return sorted(days)


def _day(day: dt.date, kind: str, *, from_hour: int = 0, days: int = 1) -> Span:
    midnight = dt.datetime.combine(day, dt.time())
    return midnight + dt.timedelta(hours=from_hour), midnight + dt.timedelta(days=days), kind


def _new_year(year: int) -> Span:
    first = dt.datetime.combine(dt.date(year, 1, 1), dt.time())
    return first - dt.timedelta(hours=6), first + dt.timedelta(hours=6), NEW_YEAR


def _spans(year: int, holidays: list[dt.date], christmas_days: int) -> Iterator[Span]:
    """Holidays of a year, none over another: the night to 1 January and Christmas are kinds of their own."""
    christmas = dt.date(year, 12, 25)
    own = {christmas + dt.timedelta(days=n) for n in range(christmas_days)}
    yield _new_year(year)
    for day in holidays:
        if day not in own:
            yield _day(day, BANK_HOLIDAY, from_hour=6 if (day.month, day.day) == (1, 1) else 0)
    yield _day(christmas, CHRISTMAS, days=christmas_days)


def england_and_wales(year: int) -> Iterator[Span]:
    """Bank holidays of a year, the night to 1 January, and 25 to 26 December."""
    return _spans(year, bank_holidays(year), 2)


def united_states(year: int) -> Iterator[Span]:
    """Federal holidays of a year, the night to 1 January, and 25 December."""
    return _spans(year, federal_holidays(year), 1)


RULES: Mapping[str, Callable[[int], Iterator[Span]]] = {
    "england-and-wales": england_and_wales,
    "united-states": united_states,
}
"""By the name that ``region import --holidays`` takes."""


def calendar_rows(rule: str, first: int, last: int) -> list[tuple[str, str, str, str]]:
    """Rows of ``calendar.csv`` for the years *first* to *last*, sorted."""
    spans = sorted(span for year in range(first, last + 1) for span in RULES[rule](year))
    return [(f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}", kind, "") for start, end, kind in spans]
