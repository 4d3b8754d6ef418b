"""What each area and hour of one unit holds, with the incidents by name: enough to say what an alert rests on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, cast

from schemas.events import DAY, HOUR, Contribution, HourCount, Millis
from streams.core.links import Links
from streams.core.stage import Row, RowValue

KEPT: Millis = 8 * DAY
"""The longest window and a day."""


class Cell(NamedTuple):
    """One hour of one area."""

    incidents: int
    contributions: tuple[Contribution, ...]


class Recount(NamedTuple):
    """How many incidents more (or fewer) one hour of one area would count."""

    area: str
    hour: Millis
    change: int


class Ledger:
    """
    The last days (``kept`` ms) of one unit by area and hour; ``prefix`` begins the keys of its rows.

    It holds what was counted; what is linked by *links* counts once, and is named once.
    """

    def __init__(self, prefix: str, kept: Millis = KEPT, links: Links | None = None) -> None:
        self._prefix = prefix
        self._kept = kept
        self._links = Links("") if links is None else links
        self._linked: dict[str, set[tuple[str, Millis]]] = {}
        """Cells that name an incident which is linked."""
        self._touched = False
        self._cells: dict[str, dict[Millis, Cell]] = {}
        self._dirty: set[tuple[str, Millis]] = set()
        self.changed: set[str] = set()
        """Areas with another count since :meth:`settle`."""
        self.lowered: set[str] = set()
        """Areas that lost an incident since then: a correction."""

    def take(self, count: HourCount, now: Millis) -> tuple[Contribution, ...]:
        """Set one hour of one area; answer the incidents that it did not name before."""
        self.changed.add(count.area)
        if count.hour < now - self._kept:
            return tuple(each for each in count.contributions if each.received_at > now - DAY)
        hours = self._cells.setdefault(count.area, {})
        before = hours.get(count.hour)
        if before is not None and count.incidents < before.incidents:
            self.lowered.add(count.area)
        hours[count.hour] = Cell(count.incidents, count.contributions)
        self._dirty.add((count.area, count.hour))
        self._note(count.area, count.hour, () if before is None else before.contributions, count.contributions)
        known = () if before is None else {each.incident_id for each in before.contributions}
        return tuple(each for each in count.contributions if each.incident_id not in known)

    def _note(self, area: str, hour: Millis, before: Iterable[Contribution], now: Iterable[Contribution]) -> None:
        """Remember which linked incidents the cell names."""
        if not self._links:
            return
        named = {each.incident_id for each in now if each.incident_id in self._links}
        for each in before:
            if each.incident_id in self._linked and each.incident_id not in named:
                self._linked[each.incident_id].discard((area, hour))
                self._touched = True
        for incident_id in named:
            self._linked.setdefault(incident_id, set()).add((area, hour))
            self._touched = True

    def _stands(self, incident_id: str) -> bool:
        return bool(self._linked.get(incident_id))

    def _hidden(self, incident_id: str) -> bool:
        return self._links.hidden(incident_id, self._stands)

    def _left_out(self, contributions: Iterable[Contribution]) -> int:
        return sum(self._hidden(each.incident_id) for each in contributions) if self._links else 0

    def counted(self, count: HourCount, now: Millis) -> int:
        """Incidents of an hour that was just taken, each event once; of one that is kept no more, as far as it says."""
        if not self._links:
            return count.incidents
        if count.hour >= now - self._kept:
            return count.incidents - self._left_out(count.contributions)
        return count.incidents - sum(self._links.hidden(each.incident_id, _always) for each in count.contributions)

    def recounted(self) -> Iterator[tuple[str, Millis, int]]:
        """Area, hour and incidents of the cells whose count may have changed because what they are linked with did."""
        if not self._touched:
            return
        self._touched = False
        for area, hour in sorted({place for places in self._linked.values() for place in places}):
            cell = self._cells[area][hour]
            self.changed.add(area)
            yield area, hour, cell.incidents - self._left_out(cell.contributions)

    def names(self, incident_id: str) -> bool:
        """Whether an hour that is kept names *incident_id*."""
        return any(self._naming({incident_id}))

    def _naming(self, incidents: Collection[str]) -> Iterator[tuple[str, Millis]]:
        for area, hours in self._cells.items():
            for hour, cell in hours.items():
                if any(each.incident_id in incidents for each in cell.contributions):
                    yield area, hour

    def relink(self, incidents: Collection[str]) -> list[tuple[str, Millis, int]]:
        """Area, hour and incidents of the cells that name one of *incidents*, whose links have changed."""
        found = sorted(self._naming(incidents))
        for incident_id in incidents:
            self._linked.pop(incident_id, None)
        for area, hour in found:
            self._note(area, hour, (), self._cells[area][hour].contributions)
            self.changed.add(area)
            self.lowered.add(area)
        cells = [(area, hour, self._cells[area][hour]) for area, hour in found]
        return [(area, hour, cell.incidents - self._left_out(cell.contributions)) for area, hour, cell in cells]

    def settle(self) -> None:
        """Forget which areas changed."""
        self.changed.clear()
        self.lowered.clear()

    def forget(self, now: Millis) -> None:
        """Drop the hours that no window reaches any more."""
        for area, hours in self._cells.items():
            for hour in [hour for hour in hours if hour < now - self._kept]:
                del hours[hour]
                self._dirty.add((area, hour))
        for places in self._linked.values():
            places.difference_update([(area, hour) for area, hour in places if hour not in self._cells[area]])

    def contributions(self, areas: Iterable[str], now: Millis, window: int) -> list[Contribution]:
        """Incidents of *areas* within the last *window* hours up to *now*, newest first."""
        found = [
            each
            for _, _, cell in self._within(areas, now, window)
            for each in cell.contributions
            if not (self._links and self._hidden(each.incident_id))
        ]
        return sorted(found, key=lambda each: (-each.received_at, each.incident_id))

    def _within(self, areas: Iterable[str], now: Millis, window: int) -> Iterator[tuple[str, Millis, Cell]]:
        first = now - now % HOUR - (window - 1) * HOUR if now % HOUR else now - window * HOUR
        for area in areas:
            for hour, cell in self._cells.get(area, {}).items():
                if first <= hour <= now:
                    yield area, hour, cell

    def without(self, incident_id: str) -> list[Recount]:
        """
        What would be counted otherwise, were *incident_id* taken back.

        One that is linked and counts leaves its place to the next of its set; one that does not count changes nothing.
        """
        same = self._links.same(incident_id)
        counted, *others = [each for each in same if each == incident_id or self._stands(each)]
        if counted != incident_id:
            return []
        fewer = [Recount(area, hour, -1) for area, hour in self._naming({incident_id})]
        return fewer + [Recount(area, hour, 1) for area, hour in self._naming(others[:1])]

    def at(self, area: str, hour: Millis) -> tuple[Contribution, ...]:
        """Incidents that one hour of one area names."""
        cell = self._cells.get(area, {}).get(hour)
        return () if cell is None else cell.contributions

    def together(self, hour: Millis) -> Cell:
        """What one hour holds over all areas."""
        cells = [hours[hour] for _, hours in sorted(self._cells.items()) if hour in hours]
        return Cell(sum(cell.incidents for cell in cells), tuple(each for cell in cells for each in cell.contributions))

    def kept(self) -> list[Millis]:
        """The hours that are kept of any area, sorted."""
        return sorted({hour for hours in self._cells.values() for hour in hours})

    def received(self, first: Mapping[str, Millis]) -> None:
        """Give incidents that are named anew the time at which they were *first* received."""
        for area, hour in list(self._naming(first)) if first else ():
            incidents, named = self._cells[area][hour]
            dated = tuple(each._replace(received_at=first.get(each.incident_id, each.received_at)) for each in named)
            self._cells[area][hour] = Cell(incidents, dated)
            self._dirty.add((area, hour))

    def since(self, first: Millis) -> Iterator[tuple[str, Millis, int]]:
        """Area, hour and incidents of the cells from the hour of *first* on that hold any, sorted."""
        for area, hours in sorted(self._cells.items()):
            for hour, cell in sorted(hours.items()):
                if cell.incidents > 0 and hour + HOUR > first:
                    yield area, hour, cell.incidents

    def total(self) -> int:
        """Incidents of all areas and hours kept."""
        cells = [cell for hours in self._cells.values() for cell in hours.values()]
        return sum(cell.incidents - self._left_out(cell.contributions) for cell in cells)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        for area, hour in sorted(self._dirty):
            cell = self._cells[area].get(hour)
            yield Row(f"{self._prefix}|{area}|{hour}", None if cell is None else cast("RowValue", cell))
        self._dirty.clear()

    def restore(self, key: str, value: RowValue) -> None:
        """Take one row over."""
        area, hour = key.split("|")[-2:]
        incidents, named = cast("tuple[int, tuple[tuple[str, int, list[str]], ...]]", value)
        contributions = tuple(Contribution(ref, at, tuple(quality)) for ref, at, quality in named)
        self._cells.setdefault(area, {})[int(hour)] = Cell(incidents, contributions)
        self._note(area, int(hour), (), contributions)


def _always(_incident_id: str) -> bool:
    return True
