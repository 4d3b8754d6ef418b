"""The edge of the second stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from schemas.errors import Malformed
from schemas.wire import Wire
from streams.agents.common import Outbox, refusal
from streams.batch import RawRecord
from streams.core.count import Count
from streams.core.enrich import ENRICHED
from streams.core.stage import Output, Record
from streams.edge import Fed
from streams.log import Sent


class CountEdge:
    """Incidents in, hour counts and ticks out."""

    def __init__(self, stage: Count, partition: int, wire: Wire, outbox: Outbox) -> None:
        self.stage = stage
        self._partition = partition
        self._decode = wire.decode_incident
        self._outbox = outbox

    def feed(self, records: Sequence[RawRecord], outputs: list[Output]) -> Fed:
        """Decode and apply *records*; what can't be decoded is rejected with its bytes."""
        decode, apply, first = self._decode, self.stage.apply, len(outputs)
        rejected: Counter[str] = Counter()
        for record in records:
            try:
                incident = decode(record.value or b"")
            except Malformed as bad:
                outputs.append(refusal(ENRICHED, self._partition, record, bad))
                rejected[bad.reason] += 1
                continue
            outputs += apply(Record(record.offset, record.timestamp, incident))
        return Fed(len(outputs) - first > rejected.total(), rejected)

    def encode(self, output: Output) -> Sent:
        """Bytes of an output."""
        return self._outbox.sent(output)
