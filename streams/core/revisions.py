"""
Mass changes: a source that rewrites its past all at once is looked at by people before alerts move.

What counts is how many incidents older than a week are revised within an hour of the stream: a system of record amends
what is fresh all the time, and what is old one by one. Beyond :data:`LEAST` and :data:`TIMES` what is usual of the
hours that have any, it is an event of the data. Usual is their exponentially weighted mean (Roberts 1959, "Control
chart tests based on geometric moving averages", with the observations winsorised).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, cast

from schemas.events import DAY, HOUR, Contribution, HourCount, Millis
from streams.core.stage import Row, RowValue

REVISIONS = "revisions"
"""Group of the counts, of no level and no area, that tell how many old incidents a tick revised."""
OLD: Millis = 7 * DAY
LEAST = 100
"""Revisions of old incidents within an hour that are never a mass change."""
TIMES = 8.0
WEIGHT = 0.1
TEACHES = 0.25
"""Of the limit: no hour teaches more, so that a month of mass changes makes them usual, and one does not."""
HELD: Millis = HOUR
"""So long after its last tick a mass change holds alerts where they are."""
NAMED = 8
"""Of so many incidents a mass change tells the names."""
MASS_CHANGE = "MASS_CHANGE"
"""Why an area is GREY."""


class Mass(NamedTuple):
    """A mass change when it became one: the hour's revisions so far, what is usual, and some of the incidents."""

    revised: int
    usual: float
    incidents: tuple[str, ...]


class Revisions:
    """How much of its past one region usually sees revised within an hour, and until when alerts are held."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._hour: Millis = 0
        self._revised = 0
        self._usual = 0.0
        self._held_until: Millis = 0
        self._dirty = False

    def take(self, counts: Sequence[HourCount], clock: Millis) -> Mass | None:
        """Take in what all partitions revised for one tick; answer a mass change when it begins."""
        if not counts:
            return None
        self._dirty = True
        if counts[0].hour != self._hour:
            self._close()
            self._hour, self._revised = counts[0].hour, 0
        self._revised += sum(count.incidents for count in counts)
        if self._revised <= self._limit():
            return None
        began, self._held_until = clock >= self._held_until, clock + HELD
        if not began:
            return None
        some = named(each for count in counts for each in count.contributions)
        return Mass(self._revised, round(self._usual, 1), tuple(each.incident_id for each in some))

    def held(self, now: Millis) -> bool:
        """Whether alerts are held at *now*."""
        return now < self._held_until

    def _limit(self) -> float:
        return max(LEAST, TIMES * self._usual)

    def _close(self) -> None:
        if self._revised:
            self._usual += WEIGHT * (min(self._revised, TEACHES * self._limit()) - self._usual)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        if self._dirty:
            yield Row(f"revisions|{self._region}", (self._hour, self._revised, self._usual, self._held_until))
            self._dirty = False

    def restore(self, value: RowValue) -> None:
        """Take over from an earlier owner."""
        self._hour, self._revised, self._usual, self._held_until = cast("tuple[int, int, float, int]", value)


def named(revised: Iterable[Contribution]) -> tuple[Contribution, ...]:
    """Give those told by name: the first by id, so that it does not matter through which partitions they came."""
    return tuple(sorted(revised)[:NAMED])
