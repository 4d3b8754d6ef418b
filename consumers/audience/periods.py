"""Closed periods of the calendar: ISO weeks, months and years of local time, which never overlap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.events import Millis


class Length(StrEnum):
    """How long a period is."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Period(NamedTuple):
    """One period, from ``begin`` until ``end`` (half-open)."""

    name: str
    begin: Millis
    end: Millis


def closed(length: Length, zone: ZoneInfo, since: Millis, until: Millis) -> Iterator[Period]:
    """Periods that lie wholly in [*since*, *until*), oldest first."""
    day = _first_day(length, dt.datetime.fromtimestamp(since / 1000, zone).date())
    while True:
        after = _first_day(length, day + dt.timedelta(days={"week": 7, "month": 31, "year": 366}[length]))
        begin, end = _midnight(day, zone), _midnight(after, zone)
        if end > until:
            return
        if begin >= since:
            yield Period(_name(length, day), begin, end)
        day = after


def _first_day(length: Length, day: dt.date) -> dt.date:
    if length is Length.WEEK:
        return day - dt.timedelta(days=day.weekday())
    return day.replace(day=1) if length is Length.MONTH else day.replace(day=1, month=1)


def _midnight(day: dt.date, zone: ZoneInfo) -> Millis:
    return int(dt.datetime.combine(day, dt.time(), zone).timestamp() * 1000)


def _name(length: Length, day: dt.date) -> str:
    if length is Length.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return f"{day:%Y-%m}" if length is Length.MONTH else f"{day:%Y}"
