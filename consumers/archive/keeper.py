"""Records of the topics into blocks, and blocks into files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from consumers.archive.blocks import Block, Folder, first_of
from consumers.archive.rows import Rows
from consumers.loop import Handler, Place, Record
from schemas.catalogue import TopicSpec
from schemas.definitions import Known
from schemas.errors import Malformed

TOPICS = ("incidents.enriched", "alerts.events")


class Keeper(Handler):
    """
    Handler of the archive's loop.

    Parameters
    ----------
    root
        Folder of the archive.
    topics
        What is kept.
    known
        Schemas by id, as a registry has them; the built-in ones are known.
    every
        Seconds after which a block that grows is written.
    now
        A clock in seconds that only goes forward.
    registry
        Where is told what was kept.

    """

    def __init__(
        self,
        root: Path,
        topics: Iterable[TopicSpec],
        known: Mapping[int, Known],
        *,
        every: float,
        now: Callable[[], float],
        registry: CollectorRegistry,
    ) -> None:
        self._rows = {topic.id: Rows(topic, known) for topic in topics}
        self._folders = {each: Folder(root, each, rows.columns) for each, rows in self._rows.items()}
        self._blocks: dict[Place, Block] = {}
        self._every, self._now, self._written = every, now, now()
        self._kept = Counter("firebreak_archive_rows", "Rows kept.", ["topic"], registry=registry)
        self._refused = Counter(
            "firebreak_archive_unreadable_records", "Records that could not be kept.", ["topic"], registry=registry
        )
        self._last = Gauge(
            "firebreak_archive_written_timestamp_seconds", "Append time of the newest row on disk.", registry=registry
        )
        self._newest = 0

    def assigned(self, places: Sequence[Place]) -> Mapping[Place, int]:
        """Go on where the files end."""
        found = {place: self._folders[place.topic].next_offset(place.partition) for place in places}
        return {place: offset for place, offset in found.items() if offset is not None}

    def revoked(self, places: Sequence[Place]) -> None:
        """Write what is begun, and forget it."""
        for place in places:
            block = self._blocks.pop(place, None)
            if block is not None:
                self._folders[place.topic].write(block)

    def take(self, records: Sequence[Record]) -> None:
        """Add rows to their blocks; a block that is full is written."""
        for record in records:
            block = self._block(Place(record.topic, record.partition), record.offset)
            self._newest = max(self._newest, record.timestamp)
            try:
                found = self._rows[record.topic].row(
                    record.value or b"", record.partition, record.offset, record.timestamp
                )
            except Malformed:
                self._refused.labels(record.topic).inc()
                continue
            if found is not None:
                block.add(*found)
                self._kept.labels(record.topic).inc()

    def _block(self, place: Place, offset: int) -> Block:
        block, first = self._blocks.get(place), first_of(offset)
        if block is not None and block.first == first:
            return block
        if block is not None:
            self._folders[place.topic].write(block)
        self._blocks[place] = Block(place.partition, first)
        return self._blocks[place]

    def turn(self) -> None:
        """Write what has grown, from time to time."""
        if self._now() - self._written < self._every:
            return
        for place, block in self._blocks.items():
            self._folders[place.topic].write(block)
        self._written = self._now()
        self._last.set(self._newest / 1000)
