"""What each area and hour of one unit holds, with the incidents by name: enough to say what an alert rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

from schemas.events import DAY, HOUR, Contribution, HourCount, Millis
from streams.core.stage import Row, RowValue

KEPT: Millis = 8 * DAY
"""The longest window and a day."""


class Cell(NamedTuple):
    """One hour of one area."""

    incidents: int
    contributions: tuple[Contribution, ...]


class Ledger:
    """The last days (``kept`` ms) of one unit by area and hour; ``prefix`` begins the keys of its rows."""

    def __init__(self, prefix: str, kept: Millis = KEPT) -> None:
        self._prefix = prefix
        self._kept = kept
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
        known = () if before is None else {each.incident_id for each in before.contributions}
        return tuple(each for each in count.contributions if each.incident_id not in known)

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

    def contributions(self, areas: Iterable[str], now: Millis, window: int) -> list[Contribution]:
        """Incidents of *areas* within the last *window* hours up to *now*, newest first."""
        first = now - now % HOUR - (window - 1) * HOUR if now % HOUR else now - window * HOUR
        found = [
            each
            for area in areas
            for hour, cell in self._cells.get(area, {}).items()
            if first <= hour <= now
            for each in cell.contributions
        ]
        return sorted(found, key=lambda each: (-each.received_at, each.incident_id))

    def total(self) -> int:
        """Incidents of all areas and hours kept."""
        return sum(cell.incidents for hours in self._cells.values() for cell in hours.values())

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
