"""A stage small enough to be checked by eye: counts its keys, and tells each new count; and one that follows it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from streams.batch import RawRecord
from streams.core.stage import OLDER_ROWS, Marker, Output, Record, Row, Rows, Stage
from streams.edge import Fed
from streams.log import Sent

OUT = "out"
TICK = b"tick"
POISON = b"poison"


class Tally:
    """Answers each key with the number of times that it came."""

    row_format = 1
    older_rows = OLDER_ROWS

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.changed: set[str] = set()
        self.seen = 0

    def apply(self, record: Record) -> list[Output]:
        key = str(record.value)
        count = self.counts[key] = self.counts.get(key, 0) + 1
        self.changed.add(key)
        self.seen += 1
        return [Output(OUT, key, (record.offset, count))]

    def dirty(self) -> Iterable[Row]:
        rows = [Row(key, (self.counts[key],)) for key in sorted(self.changed)]
        self.changed.clear()
        return rows

    def marker(self) -> Marker:
        return {"seen": self.seen}

    def resume_at(self, next_offset: int) -> int:
        return next_offset

    def restore(self, rows: Rows, marker: Marker | None) -> None:
        for key, value in rows.items():
            count = value[0]
            assert isinstance(count, int)
            self.counts[key] = count
        if marker is not None:
            seen = marker["seen"]
            assert isinstance(seen, int)
            self.seen = seen


class TallyEdge:
    """Keys are records' keys; outputs go to the partition that the input came from, so their order is one."""

    def __init__(self, partition: int, topic: str) -> None:
        self.tally = Tally()
        self._partition = partition
        self._topic = topic

    @property
    def stage(self) -> Stage:
        return self.tally

    def feed(self, records: Sequence[RawRecord], outputs: list[Output]) -> Fed:
        ticked = False
        for record in records:
            if record.key is not None:
                ticked |= record.key == TICK
                outputs += self.tally.apply(Record(record.offset, record.timestamp, record.key.decode()))
        return Fed(ticked, {})

    def encode(self, output: Output) -> Sent:
        value = output.value
        assert isinstance(value, tuple)
        return Sent(self._topic, self._partition, output.key.encode(), told(*value))


def told(offset: int, count: int) -> bytes:
    """Value of an output: the input's offset and the count that it led to."""
    return struct.pack(">qq", offset, count)
