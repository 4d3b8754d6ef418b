"""
Times as files write them, to instants.

A time without an offset is wall time in the profile's zone. Where clocks go back, an hour happens twice: the first is
meant. Where they go forward, an hour is skipped: a time within it is read as if the clocks had not been changed yet,
which moves it forward by the gap.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.events import Millis

AUTO = "auto"
"""ISO 8601, or whole milliseconds since the epoch."""
ISO = "iso"
EPOCH_MS = "epoch_ms"
EPOCH_S = "epoch_s"

TimeParser = Callable[[str], Millis]
"""Raises ValueError or OverflowError for what is no time."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_WALL_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - wall time on purpose
_MILLISECOND = dt.timedelta(milliseconds=1)
_DAY: Millis = 86_400_000
_HOUR: Millis = 3_600_000
_REMEMBERED = 65_536
_WHOLE = re.compile(r"[+-]?[0-9]{1,17}")
_PROBE = dt.datetime(2001, 2, 3, 4, 5, 6)  # noqa: DTZ001 - wall time on purpose


def time_parser(form: str, zone: ZoneInfo) -> TimeParser:
    """
    A function from text to instant.

    Parameters
    ----------
    form
        ``auto``, ``iso``, ``epoch_ms``, ``epoch_s``, or a format of ``strptime`` such as ``%d/%m/%Y %H:%M``.
    zone
        Of times that name no offset.

    >>> time_parser("auto", ZoneInfo("Europe/London"))("2020-07-01 12:00")
    1593601200000
    >>> time_parser("auto", ZoneInfo("Europe/London"))("1593601200000")
    1593601200000
    >>> time_parser("%m/%d/%Y %I:%M %p", ZoneInfo("America/Chicago"))("07/01/2020 06:00 AM")
    1593601200000

    Raises
    ------
    ValueError
        *form* is none of these.

    """
    if form == EPOCH_MS:
        return _whole
    if form == EPOCH_S:
        return _seconds
    if form == ISO:
        return _iso(zone)
    if form == AUTO:
        return _auto(zone)
    if "%" not in form:
        raise ValueError(f"{form!r} is none of auto, iso, epoch_ms, epoch_s and holds no % either")
    return _custom(form, zone)


def millis(at: dt.datetime) -> Millis:
    """Milliseconds of an aware time; what is finer is dropped."""
    since = at - _EPOCH
    return since.days * _DAY + since.seconds * 1000 + since.microseconds // 1000


def in_zone(zone: ZoneInfo) -> Callable[[dt.datetime], Millis]:
    """A function from a time, wall time of *zone* unless it has an offset, to the instant."""
    offsets: dict[int, Millis | None] = {}

    def instant(at: dt.datetime) -> Millis:
        if at.tzinfo is not None:
            return millis(at)
        since = at - _WALL_EPOCH
        wall = since.days * _DAY + since.seconds * 1000 + since.microseconds // 1000
        hour = wall // _HOUR
        if hour not in offsets:
            offsets[hour] = _offset_throughout(at, zone)
        offset = offsets[hour]
        return millis(at.replace(tzinfo=zone)) if offset is None else wall - offset

    return instant


def _offset_throughout(at: dt.datetime, zone: ZoneInfo) -> Millis | None:
    """The zone's offset from UTC if it is one during the whole wall hour of *at*, else None."""
    first = at.replace(minute=0, second=0, microsecond=0, tzinfo=zone)
    last = first.replace(minute=59, second=59, microsecond=999_999)
    before, after = first.utcoffset(), last.utcoffset()
    return before // _MILLISECOND if before is not None and before == after else None


def _iso(zone: ZoneInfo) -> TimeParser:
    parse, instant = dt.datetime.fromisoformat, in_zone(zone)
    return lambda text: instant(parse(text))


def _auto(zone: ZoneInfo) -> TimeParser:
    iso = _iso(zone)

    def auto(text: str) -> Millis:
        if text.isdecimal() or text[:1] == "-":
            return _whole(text)
        return iso(text)

    return auto


def _custom(form: str, zone: ZoneInfo) -> TimeParser:
    try:
        dt.datetime.strptime(_PROBE.strftime(form), form)  # noqa: DTZ007 - only asks whether the format can be read
    except (ValueError, re.error) as error:
        raise ValueError(f"{form!r} is no format of times: {error}") from error

    instant = in_zone(zone)

    @lru_cache(_REMEMBERED)
    def custom(text: str) -> Millis:
        return instant(dt.datetime.strptime(text, form))  # noqa: DTZ007 - the zone is given by the profile

    return custom


def _whole(text: str) -> Millis:
    if _WHOLE.fullmatch(text) is None:
        raise ValueError("no whole number")
    return int(text)


def _seconds(text: str) -> Millis:
    whole, _, fraction = text.partition(".")
    if fraction and not fraction.isdecimal():
        raise ValueError("no number of seconds")
    return _whole(whole) * 1000 + int((fraction + "000")[:3])
