from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter

import pytest

from streams.regions.holidays import (
    RULES,
    bank_holidays,
    calendar_rows,
    easter,
    federal_holidays,
    weekday_of_month,
)

YEARS = range(2010, 2031)
DAY = dt.timedelta(days=1)


def gauss_easter(year: int) -> dt.date:
    """Easter by Gauss's rule with its two exceptions, as an oracle."""
    k, (p, q) = year // 100, ((13 + 8 * (year // 100)) // 25, year // 400)
    m, n = (15 - p + k - q) % 30, (4 + k - q) % 7
    d = (19 * (year % 19) + m) % 30
    e = (2 * (year % 4) + 4 * (year % 7) + 6 * d + n) % 7
    if (d, e) == (29, 6) or ((d, e) == (28, 6) and year % 19 > 10):
        e -= 7
    return dt.date(year, 3, 22) + dt.timedelta(days=d + e)


def full_moon_easter(year: int) -> dt.date:
    """The Sunday after the ecclesiastical full moon of the Gregorian lunar tables, valid for 1900 to 2199."""
    golden = year % 19
    moon = dt.date(year, 3, 21) + dt.timedelta(days=(19 * golden + 24) % 30)
    if (19 * golden + 24) % 30 == 29 or ((19 * golden + 24) % 30 == 28 and golden > 10):
        moon -= DAY
    return moon + dt.timedelta(days=(6 - moon.weekday()) or 7)


def test_easter_agrees_with_two_other_ways_to_find_it() -> None:
    assert [easter(year) for year in range(1900, 2200)] == [gauss_easter(year) for year in range(1900, 2200)]
    assert [easter(year) for year in range(1900, 2200)] == [full_moon_easter(year) for year in range(1900, 2200)]


@pytest.mark.parametrize("number", [1, 2, 3, 4, -1])
def test_a_weekday_of_a_month_is_the_one_found_by_walking_its_days(number: int) -> None:
    for year, month, weekday in itertools.product((2024, 2026), range(1, 13), range(7)):
        first = dt.date(year, month, 1)
        days = [first + n * DAY for n in range(31)]
        walked = [day for day in days if day.month == month and day.weekday() == weekday]

        assert weekday_of_month(year, month, weekday, number) == walked[number if number < 0 else number - 1]


PUBLISHED = {
    2011: "01-03 04-22 04-25 04-29 05-02 05-30 08-29 12-26 12-27",
    2012: "01-02 04-06 04-09 05-07 06-04 06-05 08-27 12-25 12-26",
    2020: "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28",
    2021: "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28",
    2022: "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27",
    2023: "01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26",
    2024: "01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26",
    2026: "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
}
"""As the government published them."""


@pytest.mark.parametrize("year", PUBLISHED)
def test_bank_holidays_are_those_that_were_published(year: int) -> None:
    assert [f"{day:%m-%d}" for day in bank_holidays(year)] == PUBLISHED[year].split()


@pytest.mark.parametrize("year", YEARS)
def test_bank_holidays_keep_the_laws_of_their_weekdays(year: int) -> None:
    days = bank_holidays(year)
    extra = {2011: 1, 2012: 1, 2022: 2, 2023: 1}

    assert len(days) == 8 + extra.get(year, 0)
    assert all(day.weekday() < 5 for day in days)
    assert days[0] - dt.date(year, 1, 1) <= 2 * DAY
    assert {easter(year) - 2 * DAY, easter(year) + DAY} <= set(days)
    assert [day for day in days if day.month == 8] == [day for day in days if day.month == 8 and day.weekday() == 0]
    assert days[-2] >= dt.date(year, 12, 25)
    assert days[-1] <= dt.date(year, 12, 28)


def test_federal_holidays_are_those_that_are_known() -> None:
    days = [f"{day:%m-%d %a}" for day in federal_holidays(2026)]

    assert days == [
        "01-01 Thu",
        "01-19 Mon",
        "02-16 Mon",
        "05-25 Mon",
        "06-19 Fri",
        "07-04 Sat",
        "09-07 Mon",
        "10-12 Mon",
        "11-11 Wed",
        "11-26 Thu",
        "12-25 Fri",
    ]
    assert dt.date(2020, 6, 19) not in federal_holidays(2020)


@pytest.mark.parametrize("rule", RULES)
def test_a_calendar_is_sorted_and_no_two_of_its_times_overlap(rule: str) -> None:
    rows = calendar_rows(rule, 2010, 2030)

    spans = [(dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end)) for start, end, _, _ in rows]
    assert all(start < end for start, end in spans)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(spans))
    kinds = Counter(kind for _, _, kind, _ in rows)
    assert (kinds["new_year"], kinds["christmas"]) == (21, 21)


@pytest.mark.parametrize("year", YEARS)
def test_every_bank_holiday_of_a_year_is_marked(year: int) -> None:
    rows = calendar_rows("england-and-wales", year, year)
    spans = [(dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end)) for start, end, _, _ in rows]

    noons = [dt.datetime.combine(day, dt.time(12)) for day in bank_holidays(year)]

    assert all(any(start <= noon < end for start, end in spans) for noon in noons)
