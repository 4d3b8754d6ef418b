"""What the console knows: rows of the cache, decoded, and how fresh they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schemas.errors import Malformed
from schemas.events import HOUR, Alert, AlertEvent, AreaCount, Millis
from schemas.wire import Wire

OPEN = frozenset({"OPEN", "ACKNOWLEDGED"})
MINUTE: Millis = 60_000
STALE_AFTER: Millis = MINUTE
"""Age of the stream's clock from which everything on the screen is called old: it ticks every few seconds."""
QUIET_AFTER: Millis = 15 * MINUTE
"""A source that has been quiet for less is called live, whatever its habit."""
SILENT_GAPS = 12
"""A source is called silent after so many of its usual gaps."""
TABLES = (
    *("areas.counts", "alerts.state", "alerts.events", "notifications.deliveries", "audit"),
    *("series", "sources", "feed", "rejects"),
)

Json = Mapping[str, object]


class Source(NamedTuple):
    """A source: its newest record, how many there were, and its usual gap in ms."""

    name: str
    last: Millis
    records: int
    gap: Millis

    def standing(self, now: Millis) -> str:
        """live, quiet, or silent: by its usual gap."""
        age = now - self.last
        if age < QUIET_AFTER:
            return "live"
        return "silent" if age > max(SILENT_GAPS * self.gap, 2 * QUIET_AFTER) else "quiet"


@dataclass(slots=True)
class Link:
    """Whether the cache can be read: since when not, and why; ``built`` is False while it is being filled."""

    away_since: Millis | None = None
    why: str = ""
    built: bool = False


@dataclass(slots=True)
class World:
    """
    Rows by table, decoded as they come.

    One thread writes (:mod:`consumers.console.mirror`), others read: a table is replaced or one entry of it, never
    changed half.
    """

    wire: Wire
    areas: dict[tuple[str, str], AreaCount] = field(default_factory=dict)
    clocks: dict[str, Millis] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    events: dict[str, dict[bytes, AlertEvent]] = field(default_factory=lambda: defaultdict(dict))
    deliveries: dict[bytes, Json] = field(default_factory=dict)
    audit: dict[bytes, Json] = field(default_factory=dict)
    series: dict[tuple[str, str], dict[str, AreaCount]] = field(default_factory=lambda: defaultdict(dict))
    heard: dict[tuple[str, str], tuple[int, Millis, Millis]] = field(default_factory=dict)
    feed: dict[bytes, Json] = field(default_factory=dict)
    rejects: dict[tuple[str, str, str], tuple[int, Millis]] = field(default_factory=dict)
    answers: dict[str, AlertEvent] = field(default_factory=dict)
    """The first event that each command caused, by its id."""
    link: Link = field(default_factory=Link)

    def put(self, table: str, key: bytes, value: bytes | None) -> None:
        """Take one row in; one that this version can't read is left out."""
        try:
            _PUT[table](self, key, value)
        except (Malformed, msgspec.DecodeError, ValueError, KeyError, TypeError):
            return

    @property
    def as_of(self) -> Millis | None:
        """The oldest of the regions' clocks: what all counts are as of; None while nothing is known."""
        return min(self.clocks.values(), default=None)

    def stale(self, now: Millis) -> bool:
        """Whether what is on the screen may be old."""
        return self.as_of is None or now - self.as_of > STALE_AFTER or self.link.away_since is not None

    def sources(self) -> list[Source]:
        """All sources by name."""
        found: dict[str, list[tuple[int, Millis, Millis]]] = defaultdict(list)
        for (name, _), each in list(self.heard.items()):
            found[name].append(each)
        return [_source(name, each) for name, each in sorted(found.items())]

    def history(self, alert_id: str) -> list[AlertEvent]:
        """Events of an alert, oldest first."""
        return sorted(self.events.get(alert_id, {}).values(), key=lambda each: each.clock)

    def all_events(self) -> Iterator[AlertEvent]:
        """Events of all alerts and silences."""
        for events in list(self.events.values()):
            yield from list(events.values())

    def of_area(self, area: str, group: str) -> list[AreaCount]:
        """Counts of an area hour by hour, oldest first, of the last week only."""
        rows = sorted(self.series.get((area, group), {}).values(), key=lambda each: each.as_of)
        return [each for each in rows if not rows or each.as_of > rows[-1].as_of - 7 * 24 * HOUR]


def _source(name: str, parts: list[tuple[int, Millis, Millis]]) -> Source:
    records = sum(count for count, _, _ in parts)
    first, last = min(begin for _, begin, _ in parts), max(end for _, _, end in parts)
    return Source(name, last, records, (last - first) // max(records - 1, 1))


def _area(world: World, key: bytes, value: bytes | None) -> None:
    area, _, group = key.decode().rpartition("|")
    if value is None:
        world.areas.pop((area, group), None)
        return
    count = world.wire.area_count.decode(value)
    world.clocks[count.region] = max(count.as_of, world.clocks.get(count.region, 0))
    if count.area:
        world.areas[count.area, count.group] = count


def _alert(world: World, key: bytes, value: bytes | None) -> None:
    if value is None:
        world.alerts.pop(key.decode(), None)
    else:
        world.alerts[key.decode()] = world.wire.alert.decode(value)


def _event(world: World, key: bytes, value: bytes | None) -> None:
    if value is not None:
        event = world.wire.alert_event.decode(value)
        world.events[event.alert_id] = {**world.events.get(event.alert_id, {}), key: event}
        world.answers.setdefault(event.cause, event)


def _series(world: World, key: bytes, value: bytes | None) -> None:
    if value is not None:
        area, group, slot = key.decode().split("|")
        at = (area, group)
        world.series[at] = {**world.series.get(at, {}), slot: world.wire.area_count.decode(value)}


def _heard(world: World, key: bytes, value: bytes | None) -> None:
    if value is not None:
        name, _, partition = key.decode().rpartition("|")
        told = msgspec.json.decode(value)
        world.heard[name, partition] = (int(told["records"]), int(told["first"]), int(told["last"]))


def _rejected(world: World, key: bytes, value: bytes | None) -> None:
    if value is not None:
        source, reason, partition = key.decode().rsplit("|", 2)
        told = msgspec.json.decode(value)
        world.rejects[source, reason, partition] = (int(told["records"]), int(told["last"]))


def _json(name: str) -> Callable[[World, bytes, bytes | None], None]:
    def put(world: World, key: bytes, value: bytes | None) -> None:
        table: dict[bytes, Json] = getattr(world, name)
        if value is None:
            table.pop(key, None)
        else:
            table[key] = msgspec.json.decode(value, type=dict[str, object])

    return put


_PUT: Mapping[str, Callable[[World, bytes, bytes | None], None]] = MappingProxyType(
    {
        "areas.counts": _area,
        "alerts.state": _alert,
        "alerts.events": _event,
        "series": _series,
        "sources": _heard,
        "notifications.deliveries": _json("deliveries"),
        "audit": _json("audit"),
        "feed": _json("feed"),
        "rejects": _rejected,
    }
)
