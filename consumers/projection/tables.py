"""Which rows of the cache a record means: its own, and those that are made for screens from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

import msgspec

from consumers.cache import Row
from consumers.loop import Record
from schemas.errors import Malformed
from schemas.events import HOUR, Change, Millis, Tense
from schemas.wire import Wire

TOPICS = (
    "areas.counts",
    "alerts.state",
    "alerts.events",
    "notifications.deliveries",
    "audit",
    "incidents.enriched",
    "incidents.rejected",
)
"""Topics that are projected."""
TABLES = (
    "areas.counts",
    "alerts.state",
    "alerts.events",
    "notifications.deliveries",
    "audit",
    "series",
    "sources",
    "feed",
    "rejects",
)
WEEK = 7 * 24
"""Hours of an area that its series keeps."""
FEED = 50
"""Newest incidents of each partition that the feed keeps."""


class Heard(msgspec.Struct, frozen=True):
    """What one partition has of a source: records, and when the first and the newest of them were received."""

    records: int
    first: Millis
    last: Millis


class Arrived(msgspec.Struct, frozen=True):
    """One incident of the feed, without its place: area of the coarse level, and what is said of it."""

    incident: str
    kind: str
    received: Millis
    hour: Millis
    region: str
    area: str
    category: str
    groups: tuple[str, ...]
    late_s: int
    quality: tuple[str, ...]
    tense: str


_JSON = msgspec.json.Encoder()


class Rows:
    """
    Rows of records; remembers how often each source was heard, from the beginning of the topics on.

    Parameters
    ----------
    wire
        The codecs.
    coarse
        Names of the coarse levels: of their areas a series is kept.

    """

    def __init__(self, wire: Wire, coarse: Collection[str]) -> None:
        self._wire, self._coarse = wire, frozenset(coarse)
        self._heard: dict[tuple[str, str], Heard] = {}

    def of(self, record: Record) -> Iterator[Row]:
        """Rows that a record means, none of an injection; one this version can't read means its own row only."""
        made = _OWN.get(record.topic)
        if made is not None:
            yield Row(record.topic, made(record), record.offset, record.value)
        try:
            yield from self._derived(record)
        except Malformed:
            return

    def _derived(self, record: Record) -> Iterator[Row]:
        if record.value is None:
            return
        if record.topic == "areas.counts":
            count = self._wire.area_count.decode(record.value)
            if count.area and count.level in self._coarse:
                slot = count.as_of // HOUR % WEEK
                yield Row("series", f"{count.area}|{count.group}|{slot}".encode(), record.offset, record.value)
        elif record.topic == "alerts.events":
            event = self._wire.alert_event.decode(record.value)
            if event.tense != Tense.INJECTION:
                key = f"{event.alert_id}|{record.partition}-{record.offset}"
                yield Row("alerts.events", key.encode(), record.offset, record.value)
        elif record.topic == "incidents.enriched":
            yield from self._arrived(record, record.value)
        elif record.topic == "incidents.rejected":
            rejection = self._wire.rejection.decode(record.value)
            yield self._counted("rejects", f"{rejection.source}|{rejection.reason}|{record.partition}", record)

    def _counted(self, table: str, key: str, record: Record) -> Row:
        before = self._heard.get((table, key), Heard(0, record.timestamp, record.timestamp))
        now = Heard(before.records + 1, before.first, max(record.timestamp, before.last))
        self._heard[table, key] = now
        return Row(table, key.encode(), record.offset, _JSON.encode(now))

    def _arrived(self, record: Record, value: bytes) -> Iterator[Row]:
        incident = self._wire.decode_incident(value)
        if incident.change == Change.HEARTBEAT or incident.tense == Tense.INJECTION:
            return
        source = incident.incident_id.partition("|")[0]
        yield self._counted("sources", f"{source}|{record.partition}", record)
        arrived = Arrived(
            incident=incident.incident_id,
            kind=incident.change,
            received=incident.received_at,
            hour=incident.hour,
            region=incident.region,
            area=incident.area,
            category=incident.category,
            groups=incident.groups,
            late_s=max(0, (incident.received_at - incident.hour) // 1000),
            quality=incident.quality,
            tense=incident.tense,
        )
        place = f"{record.partition}-{record.offset % FEED}"
        yield Row("feed", place.encode(), record.offset, _JSON.encode(arrived))


def _key(record: Record) -> bytes:
    return record.key or b""


def _place(record: Record) -> bytes:
    return f"{record.partition}-{record.offset}".encode()


_OWN: Mapping[str, Callable[[Record], bytes]] = MappingProxyType(
    {
        "areas.counts": _key,
        "alerts.state": _key,
        "notifications.deliveries": _key,
        "audit": _place,
    }
)
