"""``calendar.csv``: holidays and fixtures in local wall time, read as half-open intervals of UTC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Sequence
from zoneinfo import ZoneInfo

from schemas.events import Millis
from streams.core.geography import Occasion
from streams.regions.tables import Row

FILE = "calendar.csv"
COLUMNS = ("start", "end", "kind")
_KIND = re.compile(r"[a-z][a-z0-9_]*")


def read_calendar(rows: Sequence[Row], zone: str, codes: Collection[str]) -> tuple[Occasion, ...]:
    """Occasions of a calendar, sorted; *codes* are those of the region's areas."""
    where = ZoneInfo(zone)
    occasions = {_occasion(row, where, codes): row for row in rows}
    return tuple(sorted(occasions, key=lambda each: (each.start_ms, each.end_ms, each.kind, each.area or "")))


def _occasion(row: Row, zone: ZoneInfo, codes: Collection[str]) -> Occasion:
    # where clocks go back, the interval is taken at its longest
    start, end = _instant(row, "start", zone, fold=0), _instant(row, "end", zone, fold=1)
    if end <= start:
        raise row.mistake("end", f"{row.text('end')} is not after {row.text('start')}")
    kind, area = row.needed("kind"), row.text("area")
    if not _KIND.fullmatch(kind):
        raise row.mistake("kind", f"{kind!r} is not a word of a-z, 0-9 and _")
    if area and area not in codes:
        raise row.mistake("area", f"{area} is no area of the region")
    return Occasion(start_ms=start, end_ms=end, kind=kind, area=area or None)


def _instant(row: Row, column: str, zone: ZoneInfo, *, fold: int) -> Millis:
    text = row.needed(column)
    try:
        wall = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise row.mistake(column, f"{text!r} is not a local time such as 2026-12-31T18:00") from error
    if wall.tzinfo is not None:
        raise row.mistake(column, f"{text} has an offset; the calendar is in local time of {zone.key}")
    local = wall.replace(tzinfo=zone, fold=fold)
    instant = local.astimezone(dt.UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != wall:
        raise row.mistake(column, f"{text} does not exist in {zone.key}: the clocks go forward over it")
    return round(instant.timestamp() * 1000)
