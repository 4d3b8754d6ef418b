"""How things stand, from the newest record of each area, alert and source. Pure: instants and values are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from consumers.observe.arrivals import Arrivals
from schemas.events import INJECTOR_SOURCE, Alert, AreaCount, Millis, Tense

MOST_SOURCES = 100
"""Sources with a name of their own; the rest are one, called :data:`OTHERS`."""
OTHERS = "(others)"
MOST_AREAS = 150
"""A level with more areas is told by state only: places belong on the console, and labels are to be few."""
OPEN = frozenset({"OPEN", "ACKNOWLEDGED"})


class Unit(NamedTuple):
    """One level and group of a region."""

    region: str
    level: str
    group: str


@dataclass(slots=True)
class Standing:
    """The newest of everything."""

    clock: dict[str, Millis] = field(default_factory=dict)
    """By region: the time that the stream has reached."""
    sources: dict[str, Arrivals] = field(default_factory=dict)
    counts: dict[Unit, dict[str, AreaCount]] = field(default_factory=dict)
    """By unit, then by area."""
    alerts: dict[str, Alert] = field(default_factory=dict)
    """Those that are open, by id."""

    def heard(self, key: bytes, at: Millis) -> str:
        """Take in that a source sent something, told by its key; answer its name, "" for a tick or an injection."""
        source, bar, _ = key.decode(errors="replace").partition("|")
        if not bar or source == INJECTOR_SOURCE:
            return ""
        if source not in self.sources and len(self.sources) >= MOST_SOURCES:
            source = OTHERS
        self.sources.setdefault(source, Arrivals()).heard(at)
        return source

    def counted(self, count: AreaCount) -> None:
        """Take a rolling count in, or the heartbeat that is sent as one."""
        self.clock[count.region] = max(count.as_of, self.clock.get(count.region, 0))
        if count.area:
            self.counts.setdefault(Unit(count.region, count.level, count.group), {})[count.area] = count

    def retired(self, key: bytes) -> None:
        """Forget an area and group, told by the key ``area|group``."""
        area, _, group = key.decode(errors="replace").rpartition("|")
        for unit, areas in self.counts.items():
            if unit.group == group:
                areas.pop(area, None)

    def alert(self, alert: Alert) -> None:
        """Take the state of an alert in."""
        if alert.status in OPEN and alert.tense != Tense.INJECTION:
            self.alerts[alert.alert_id] = alert
        else:
            self.alerts.pop(alert.alert_id, None)

    def areas(self) -> Iterator[AreaCount]:
        """Counts of levels that are few enough to be told one by one."""
        for areas in self.counts.values():
            if len(areas) <= MOST_AREAS:
                yield from areas.values()

    def states(self) -> Counter[tuple[str, str, str, str]]:
        """Number of areas by region, level, group and state."""
        return Counter((*unit, each.state) for unit, areas in self.counts.items() for each in areas.values())

    def open_alerts(self) -> Counter[tuple[str, str, str, str]]:
        """Number of open alerts by region, group, severity and status."""
        return Counter((each.region, each.group, each.severity, each.status) for each in self.alerts.values())

    def unacknowledged_since(self) -> Millis | None:
        """When the oldest alert that nobody has acknowledged was opened; None if there is none."""
        return min((each.opened_at for each in self.alerts.values() if each.status == "OPEN"), default=None)
