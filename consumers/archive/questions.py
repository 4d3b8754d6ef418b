"""What an archive answers: counts as they were known at an instant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import duckdb

from schemas.errors import UsageError
from schemas.events import DAY, Millis

GRAINS = MappingProxyType(
    {"hour": "hour", "day": "date_trunc('day', hour)", "month": "date_trunc('month', hour)", "total": "NULL"}
)
"""What counts are told by; times are UTC."""

VIEWS = """
CREATE VIEW incidents AS
    SELECT * FROM read_parquet('{root}/incidents.enriched/*/*.parquet', hive_partitioning = true, union_by_name = true);
CREATE VIEW changes AS
    SELECT -1 AS sign, region, tense, incident_id, notification.source AS source, received_at,
           was.area AS area, was.ward AS ward, unnest(was.groups) AS "group", was.hour AS hour, was.victims AS victims
    FROM incidents WHERE was IS NOT NULL
    UNION ALL
    SELECT 1, region, tense, incident_id, notification.source, received_at, area, ward, unnest(groups), hour, victims
    FROM incidents WHERE change <> 'WITHDRAWN';
"""
"""Each record as what it takes from the counts and what it adds: a count at any instant is a sum of signs."""

COUNTS = """
SELECT "group", epoch_ms({grain}) AS at, sum(sign) AS incidents, sum(sign * victims) AS victims
FROM changes
WHERE tense = $tense AND received_at < make_timestamptz($known_at * 1000)
  AND ($area = '' OR area = $area OR ward = $area) AND ($group = '' OR "group" = $group)
  AND hour >= make_timestamptz($begin * 1000) AND hour < make_timestamptz($until * 1000)
GROUP BY ALL HAVING sum(sign) <> 0 OR sum(sign * victims) <> 0 ORDER BY ALL
"""

HOURS = """
SELECT place AS area, "group", epoch_ms(hour) AS at, sum(sign) AS incidents, sum(sign * victims) AS victims
FROM (SELECT area AS place, * FROM changes UNION ALL SELECT ward, * FROM changes WHERE ward <> '')
WHERE tense = $tense AND received_at < make_timestamptz($known_at * 1000) AND place <> 'UNKNOWN'
GROUP BY ALL HAVING sum(sign) <> 0 ORDER BY ALL
"""


BY_SOURCE = """
SELECT area, "group", source, week, sum(sign) AS incidents
FROM (SELECT *, CAST(floor((epoch_ms(hour) - $until) / $width) AS BIGINT) AS week FROM changes)
WHERE tense = $tense AND area <> 'UNKNOWN' AND week < 0 AND week >= -CAST($weeks AS BIGINT)
  AND epoch_ms(received_at) < $until + (week + 1) * CAST($width AS BIGINT) + $settle
GROUP BY ALL HAVING sum(sign) <> 0 ORDER BY ALL
"""
"""Each week as it was known *settle* after its end, so that late reports weigh alike in old weeks and new ones."""

WEEK = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    Which counts.

    ``area`` is a code of either level, "" for all; ``group`` "" for all. Hours in [``begin``, ``until``), from what
    was received before ``known_at``. ``by`` is one of :data:`GRAINS`.
    """

    known_at: Millis
    area: str = ""
    group: str = ""
    begin: Millis = 0
    until: Millis = 4_102_444_800_000
    by: str = "total"
    tense: str = "ACTUAL"

    def __post_init__(self) -> None:
        if self.by not in GRAINS:
            raise UsageError(f"--by {self.by} is none of {', '.join(GRAINS)}")


class Count(NamedTuple):
    """Incidents and victims of a group in a period that begins at ``at`` (ms; None with the total)."""

    group: str
    at: Millis | None
    incidents: int
    victims: int


class HourOfArea(NamedTuple):
    """One line of an hours file; ``at`` in ms."""

    area: str
    group: str
    at: Millis
    incidents: int
    victims: int


class WeekOfSource(NamedTuple):
    """Incidents that one source told of in one week: -1 is the last, -2 the one before."""

    area: str
    group: str
    source: str
    week: int
    incidents: int


class Archive:
    """
    An archive that is asked.

    Parameters
    ----------
    root
        Its folder.

    Raises
    ------
    UsageError
        Nothing is archived there.

    """

    def __init__(self, root: Path) -> None:
        if next(root.glob("incidents.enriched/*/*.parquet"), None) is None:
            raise UsageError(f"{root} holds no archived incidents: run `firebreak archive`, or say --archive DIR")
        self._duck = duckdb.connect()
        self._duck.execute("SET TimeZone = 'UTC'")
        self._duck.execute(VIEWS.format(root=str(root).replace("'", "''")))

    def counts(self, question: Question) -> list[Count]:
        """Answer a question; groups and periods without incidents are left out."""
        given = {
            "tense": question.tense,
            "known_at": question.known_at,
            "area": question.area,
            "group": question.group,
            "begin": question.begin,
            "until": question.until,
        }
        asked = COUNTS.format(grain=GRAINS[question.by])
        return [Count(*row) for row in self._duck.execute(asked, given).fetchall()]

    def hours(self, known_at: Millis, tense: str = "ACTUAL") -> Iterator[HourOfArea]:
        """Hour counts of every area of both levels, as a backtest or a calibration reads them."""
        found = self._duck.execute(HOURS, {"tense": tense, "known_at": known_at})
        while rows := found.fetchmany(10_000):
            yield from (HourOfArea(*row) for row in rows)

    def weeks_of_sources(
        self, until: Millis, weeks: int, settle: Millis, tense: str = "ACTUAL"
    ) -> Iterator[WeekOfSource]:
        """Counts by area of the coarse level, group, source and week up to *until*, each as known *settle* after it."""
        given = {"tense": tense, "until": until, "weeks": weeks, "width": WEEK, "settle": settle}
        yield from (WeekOfSource(*row) for row in self._duck.execute(BY_SOURCE, given).fetchall())
