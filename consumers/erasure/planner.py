"""What holds an incident, and what is to be done about it. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from schemas.catalogue import FOREVER, Cleanup, TopicSpec
from schemas.events import DAY, ERASURE, Kind, Millis, Notification

WHERE = (
    *("incidents.raw", "incidents.enriched", "incidents.rejected", "detect.inbox"),
    *("alerts.events", "alerts.state", "enrich.journal", "count.journal", "detect.journal"),
    *("notifications.deliveries", "notifier.journal", "audit"),
)
"""Topics that may name an incident, by catalogue id."""
ROWS = "enrich.journal"
SEGMENT: Millis = 7 * DAY
"""Kafka's default of ``segment.ms``: a record may wait so long for its segment to end, from where retention counts."""


class Held(NamedTuple):
    """One record as the search needs it; ``at`` is its timestamp in ms."""

    at: Millis
    key: bytes | None
    value: bytes | None


class Row(NamedTuple):
    """What the first stage remembers of the incident: its last revision, and whether it knows more than that."""

    revision: int
    content: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    What a topic holds.

    ``records`` name the incident, ``superseded`` of them wait for compaction. ``until`` is the instant (ms) at which
    the last has gone at the latest; None where nothing is held, or where no time says so.
    """

    records: int
    superseded: int
    until: Millis | None


def reference(incident: str) -> str:
    """SHA-256 of ``source|source_ref``, by which an erasure is told of without its incident."""
    return hashlib.sha256(incident.encode()).hexdigest()


def marks(incident: str) -> tuple[bytes, ...]:
    """
    Give the incident's id as Avro, JSON and MessagePack write a string, so that a longer id is not taken for it.

    The last one is source and reference as a notification has them, whatever key it came with. The length comes first
    in Avro (zigzag varint) and MessagePack (Apache Avro specification 1.11, "Binary Encoding"; MessagePack
    specification, "str format family").
    """
    source, _, ref = incident.partition("|")
    avro = _avro(incident)
    return avro, msgspec.json.encode(incident), msgspec.msgpack.encode(incident), _avro(source) + _avro(ref)


def _avro(text: str) -> bytes:
    encoded = text.encode()
    return _varint(2 * len(encoded)) + encoded


def _in_words(incident: str) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![\w.-])" + re.escape(incident.encode()) + rb"(?![\w-])")


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*octets, number))


@dataclass(slots=True)
class Search:
    """Takes the records of one topic in, those of one key in their order."""

    spec: TopicSpec
    incident: str
    _marks: tuple[bytes, ...] = field(init=False)
    _words: re.Pattern[bytes] = field(init=False)
    _newest: Millis = 0
    _records: int = 0
    _standing: dict[bytes | None, bool] = field(default_factory=dict)
    row: Row | None = None

    def __post_init__(self) -> None:
        self._marks, self._words = marks(self.incident), _in_words(self.incident)

    def take(self, record: Held) -> None:
        """Look at one record."""
        own = record.key == self.incident.encode()
        if own and self.spec.id == ROWS:
            self.row = None if record.value is None else row_of(record.value)
        names = record.value is not None and (own or self._named_in(record.value))
        if names:
            self._records += 1
            self._newest = max(self._newest, record.at)
        if names or record.key in self._standing:
            self._standing[record.key] = names

    def _named_in(self, value: bytes) -> bool:
        if any(each in value for each in self._marks):
            return True
        return self.spec.value == "JSON" and self._words.search(value) is not None

    def found(self) -> Found:
        """What was found so far."""
        if self.spec.cleanup is Cleanup.COMPACT:
            superseded = self._records - sum(self._standing.values())
            return Found(records=self._records, superseded=superseded, until=None)
        return Found(records=self._records, superseded=0, until=self._until())

    def _until(self) -> Millis | None:
        if not self._records or self.spec.retention == FOREVER:
            return None
        return self._newest + self.spec.retention + int(self.spec.extra.get("segment.ms", SEGMENT))


def row_of(value: bytes) -> Row:
    """Read a row of the first stage's journal: revision, whether it stands, content."""
    revision, _stands, content = msgspec.msgpack.decode(value, type=tuple[int, bool, object])
    return Row(revision, content is not None)


def withdrawal(incident: str, row: Row, now: Millis) -> Notification:
    """Give the notification that takes the incident out of the counts and has the first stage forget its content."""
    source, _, ref = incident.partition("|")
    return Notification(
        kind=Kind.CANCELLED,
        source=source,
        source_ref=ref,
        revision=row.revision + 1,
        occurred_at=None,
        published_at=now,
        longitude=None,
        latitude=None,
        area_code=None,
        category="",
        scheme=ERASURE,
    )


def is_left(topics: Iterable[tuple[str, Found]], row: Row | None, archived: int) -> bool:
    """Whether anything beyond the bare reference in the first stage's journal is left."""
    bare = row is not None and not row.content
    records = sum(found.records - (bare and topic == ROWS) for topic, found in topics)
    return bool(records or archived)
