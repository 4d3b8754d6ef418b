"""Times of the week, as routes and quiet hours name them: ``mon-fri 07:00-23:00``, ``22:00-07:00``."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_SPAN = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?\s+)?(\d\d):(\d\d)-(\d\d):(\d\d)")
_CLOCK = re.compile(r"(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    Minutes of some days, half-open; one that ends at or before its begin runs into the next day.

    ``days`` are those on which it begins, Monday 0; ``begin`` and ``end`` are minutes of the day.
    """

    days: frozenset[int]
    begin: int
    end: int

    @property
    def length(self) -> int:
        """Minutes."""
        return (self.end - self.begin - 1) % _DAY + 1

    def holds(self, at: dt.datetime) -> bool:
        """
        Whether the local time *at* is within.

        >>> night = span("fri-sat 22:00-07:00")
        >>> night.holds(dt.datetime(2026, 3, 1, 6, 59)), night.holds(dt.datetime(2026, 3, 1, 22, 0))
        (True, False)
        """
        return self.left(at) > 0

    def left(self, at: dt.datetime) -> int:
        """Minutes until the end of the one that *at* is within, 0 if in none."""
        minute = at.hour * 60 + at.minute
        for day, since in ((at.weekday(), minute - self.begin), ((at.weekday() - 1) % 7, minute + _DAY - self.begin)):
            if day in self.days and 0 <= since < self.length:
                return self.length - since
        return 0


def span(text: str) -> Span:
    """
    Parse one span.

    Raises
    ------
    ValueError
        It is none, in words.

    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is no time: write 22:00-07:00, or mon-fri 07:00-23:00")
    first, last = match[1] or "mon", match[2] or match[1] or "sun"
    for day in (first, last):
        if day not in DAYS:
            raise ValueError(f"{day!r} is no day: {', '.join(DAYS)}")
    begin, end = DAYS.index(first), DAYS.index(last)
    days = frozenset((begin + each) % 7 for each in range((end - begin) % 7 + 1))
    return Span(days=days, begin=_minute(match[3], match[4]), end=_minute(match[5], match[6]))


def clock(text: str) -> int:
    """
    Minute of the day that ``07:40`` names.

    Raises
    ------
    ValueError
        It is no such time.

    """
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time of day: write 07:40")
    return _minute(match[1], match[2]) % _DAY


def within(spans: Sequence[Span], at: dt.datetime) -> bool:
    """Whether *at* is in one of *spans*; always, if there are none."""
    return not spans or any(each.holds(at) for each in spans)


def _minute(hour: str, minute: str) -> int:
    if int(hour) > 24 or int(minute) > 59 or (int(hour) == 24 and int(minute)):
        raise ValueError(f"{hour}:{minute} is no time of day")
    return int(hour) * 60 + int(minute)
