"""The edge of the first stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from schemas.errors import Malformed
from schemas.events import UNKNOWN_AREA, Change, Incident, Kind, Rejection
from schemas.wire import Wire
from streams.agents.common import Outbox, refusal
from streams.batch import RawRecord
from streams.core.enrich import RAW, Enrich, RawNotification
from streams.core.stage import Output, Record
from streams.edge import Fed
from streams.log import Sent


class EnrichEdge:
    """Notifications in, incidents and rejections out."""

    def __init__(self, stage: Enrich, partition: int, wire: Wire, outbox: Outbox) -> None:
        self.stage = stage
        self._partition = partition
        self._decode = wire.decode_notification
        self._outbox = outbox

    def feed(self, records: Sequence[RawRecord], outputs: list[Output]) -> Fed:
        """Decode and apply *records*; what can't be decoded is rejected with its bytes."""
        decode, apply = self._decode, self.stage.apply
        ticked, duplicates, first = False, self.stage.duplicates, len(outputs)
        for record in records:
            key, value = record.key, record.value
            try:
                notification, body = decode(key, value)
            except Malformed as bad:
                outputs.append(refusal(RAW, self._partition, record, bad))
                continue
            raw = RawNotification(notification, body, key, value)
            made = apply(Record(record.offset, record.timestamp, raw))
            outputs += made
            ticked = ticked or (notification.kind == Kind.HEARTBEAT and bool(made))
        unlocated = Counter(_source(o.value) for o in outputs[first:] if _is_unlocated(o.value))
        rejected = Counter(o.value.reason for o in outputs[first:] if isinstance(o.value, Rejection))
        return Fed(ticked, rejected, self.stage.duplicates - duplicates, unlocated, self.stage.guard.tell())

    def encode(self, output: Output) -> Sent:
        """Bytes of an output."""
        return self._outbox.sent(output)


def _is_unlocated(value: object) -> bool:
    return type(value) is Incident and value.area == UNKNOWN_AREA and value.change == Change.ADDED


def _source(value: object) -> str:
    assert isinstance(value, Incident)  # noqa: S101 - asked before
    return value.incident_id.partition("|")[0]
