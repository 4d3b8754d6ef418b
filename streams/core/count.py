"""
The second stage: hour counts of every area, absolute, emitted at ticks.

One row for each (tense, level, area, group, day): its non-empty hours. Records wait in their bucket until every raw
partition has reached its tick (see :mod:`streams.core.align`); then they are folded in one fixed order and each hour
that changed is sent once, with its new absolute value, followed by the tick. Nothing is ever too late: a correction
of an hour years ago changes that hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from schemas.events import (
    DAY,
    HOUR,
    UNKNOWN_AREA,
    Change,
    Contribution,
    Counted,
    HourCount,
    Incident,
    Millis,
    Quality,
    Tick,
)
from streams.core.align import Alignment, Closed
from streams.core.guard import HELD_BACK
from streams.core.revisions import OLD, REVISIONS, named
from streams.core.stage import OLDER_ROWS, Marker, Output, Record, Row, Rows, RowValue

INBOX = "detect.inbox"
TICK_KEY = "tick"
CONTRIBUTIONS = 16
"""An hour names at most so many of its incidents, the newest."""


class RegionRoute(NamedTuple):
    """What this stage needs of a region pack: names of its levels, and its inbox partition."""

    level: str
    ward_level: str | None
    inbox_partition: int


class _Cell(NamedTuple):
    tense: str
    region: str
    level: str
    area: str
    group: str
    day: Millis


@dataclass(slots=True)
class _Hour:
    incidents: int = 0
    victims: int = 0
    newest: list[Contribution] = field(default_factory=list)


class Count:
    """
    The state machine behind one enriched partition.

    Parameters
    ----------
    partition
        The enriched partition.
    routes
        By region name.
    raw_partitions
        Ticks of all of them are aligned.
    inbox_partitions
        Ticks go to each of them.

    """

    row_format = 1
    older_rows = OLDER_ROWS

    def __init__(
        self, partition: int, routes: Mapping[str, RegionRoute], *, raw_partitions: int, inbox_partitions: int
    ) -> None:
        self._partition = partition
        self._routes = routes
        self._raw_partitions = raw_partitions
        self._inbox_partitions = inbox_partitions
        self._waiting: Alignment[Incident] = Alignment(raw_partitions)
        self._days: dict[_Cell, dict[Millis, _Hour]] = {}
        self._cold: Rows = {}
        """Days of an earlier owner that nothing was counted in since."""
        self._changed: set[tuple[_Cell, Millis]] = set()
        self._dirty: set[_Cell] = set()
        self._revised: dict[tuple[str, str, str], list[Contribution]] = {}
        """Old incidents that the tick in hand revises, or of which it holds a revision, by tense, region and group."""

    def apply(self, record: Record) -> list[Output]:
        """Let a change wait for its tick; at a tick that all raw partitions have reached, fold and answer."""
        incident = cast("Incident", record.value)
        if incident.change == Change.HEARTBEAT:
            reached = self._waiting.tick(incident.origin_partition, record.offset, incident.clock or 0)
            return [output for closed in reached for output in self._fold(closed)]
        if incident.area != UNKNOWN_AREA:
            self._waiting.add(incident.origin_partition, record.offset, incident)
        return []

    def _fold(self, closed: Closed[Incident]) -> Iterator[Output]:
        for incident in sorted(closed.items, key=_order):
            told = _told_as(incident)
            if told:
                revised = Contribution(incident.incident_id, incident.received_at, incident.quality)
                self._revised.setdefault((incident.tense, incident.region, told), []).append(revised)
            self._take(incident)
        for cell, hour in sorted(self._changed):
            yield self._count(closed.clock, cell, hour)
        self._changed.clear()
        yield from self._revisions(closed.clock)
        tick = Tick(self._partition, closed.clock)
        for partition in range(self._inbox_partitions):
            yield Output(INBOX, TICK_KEY, tick, partition)

    def _revisions(self, clock: Millis) -> Iterator[Output]:
        for (tense, region, group), revised in sorted(self._revised.items()):
            hour, some = clock - clock % HOUR, named(revised)
            told = HourCount(self._partition, clock, tense, region, "", "", group, hour, len(revised), 0, some)
            yield Output(INBOX, region, told, self._routes[region].inbox_partition)
        self._revised.clear()

    def _take(self, incident: Incident) -> None:
        was = incident.was
        now = None if incident.change == Change.WITHDRAWN else _counted(incident)
        if was is not None and now is not None and was[:4] == now[:4]:
            if was != now:
                self._add(incident, now, 0, now.victims - was.victims)
            self._requalify(incident, now)
            return
        if was is not None:
            self._add(incident, was, -1, -was.victims)
        if now is not None:
            self._add(incident, now, 1, now.victims)

    def _add(self, incident: Incident, counted: Counted, incidents: int, victims: int) -> None:
        for cell in self._cells(incident, counted):
            count = self._hours(cell).setdefault(counted.hour, _Hour())
            count.incidents += incidents
            count.victims += victims
            _name(count.newest, incident, incidents)
            self._changed.add((cell, counted.hour))
            self._dirty.add(cell)

    def _requalify(self, incident: Incident, counted: Counted) -> None:
        """Say anew what is weak about an incident that stays where it is counted."""
        for cell in self._cells(incident, counted):
            count = self._hours(cell).get(counted.hour)
            if count is not None and _qualify(count.newest, incident):
                self._changed.add((cell, counted.hour))
                self._dirty.add(cell)

    def _cells(self, incident: Incident, counted: Counted) -> Iterator[_Cell]:
        route = self._routes[incident.region]
        day = counted.hour - counted.hour % DAY
        places = [(route.level, counted.area)]
        if counted.ward and route.ward_level is not None:
            places.append((route.ward_level, counted.ward))
        for level, area in places:
            for group in counted.groups:
                yield _Cell(incident.tense, incident.region, level, area, group, day)

    def _hours(self, cell: _Cell) -> dict[Millis, _Hour]:
        hours = self._days.get(cell)
        if hours is None:
            kept = cast("tuple[RowValue, ...]", self._cold.pop(_key(cell), ()))
            hours = self._days[cell] = dict(map(_hour, kept))
        return hours

    def _count(self, clock: Millis, cell: _Cell, hour: Millis) -> Output:
        tense, region, level, area, group, _ = cell
        count = self._days[cell][hour]
        value = HourCount(
            self._partition,
            clock,
            tense,
            region,
            level,
            area,
            group,
            hour,
            count.incidents,
            count.victims,
            tuple(count.newest),
        )
        if not (count.incidents or count.victims):
            del self._days[cell][hour]
        return Output(INBOX, area, value, self._routes[region].inbox_partition)

    def dirty(self) -> Iterable[Row]:
        """Rows of the days that changed since the last call; a day without incidents is deleted."""
        rows = [Row(_key(cell), self._row(cell)) for cell in self._dirty]
        self._dirty.clear()
        return rows

    def _row(self, cell: _Cell) -> RowValue | None:
        hours = self._days[cell]
        if not hours:
            del self._days[cell]
            return None
        return tuple((hour, count.incidents, count.victims, tuple(count.newest)) for hour, count in hours.items())

    def marker(self) -> Marker:
        """What has been folded."""
        return self._waiting.marker()

    def resume_at(self, next_offset: int) -> int:
        """Read again from the first record that still waits for its tick."""
        return self._waiting.resume_at(next_offset)

    def restore(self, rows: Rows, marker: Marker | None) -> None:
        """Take over the days, and what had been folded, of an earlier owner."""
        self._cold = rows
        if marker is not None:
            self._waiting.restore(
                cast("int", marker["done"]), cast("list[int]", marker["folded"]), cast("list[int]", marker["boundary"])
            )


def _key(cell: _Cell) -> str:
    return "|".join(map(str, cell))


def _order(incident: Incident) -> tuple[Millis, str, int, int]:
    # never the order of arrival: it depends on how upstream partitions interleave
    return incident.received_at, incident.incident_id, incident.origin_offset, incident.origin_index


def _told_as(incident: Incident) -> str:
    """Group of those that are told of *incident* beside the counts, "" for none."""
    if Quality.REVISION_HELD in incident.quality:
        return HELD_BACK
    was, answered = incident.was, Quality.REVISION_REFUSED in incident.quality
    return REVISIONS if was is not None and was.hour < incident.received_at - OLD and not answered else ""


def _counted(incident: Incident) -> Counted:
    return Counted(incident.area, incident.ward, incident.groups, incident.hour, incident.victims)


def _name(newest: list[Contribution], incident: Incident, incidents: int) -> None:
    if incidents > 0:
        newest.append(Contribution(incident.incident_id, incident.received_at, incident.quality))
        del newest[:-CONTRIBUTIONS]
    elif incidents < 0:
        newest[:] = [each for each in newest if each.incident_id != incident.incident_id]


def _qualify(newest: list[Contribution], incident: Incident) -> bool:
    """Whether *incident* is among those named and had other quality codes; it has these now."""
    for place, each in enumerate(newest):
        if each.incident_id == incident.incident_id and each.quality != incident.quality:
            newest[place] = each._replace(quality=incident.quality)
            return True
    return False


def _hour(value: RowValue) -> tuple[Millis, _Hour]:
    hour, incidents, victims, newest = cast("tuple[int, int, int, tuple[tuple[str, int, list[str]], ...]]", value)
    return hour, _Hour(incidents, victims, [Contribution(ref, at, tuple(quality)) for ref, at, quality in newest])
