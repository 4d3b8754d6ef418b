"""The edge of the third stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from schemas.errors import Malformed
from schemas.wire import Wire
from streams.agents.common import Outbox, refusal
from streams.batch import RawRecord
from streams.core.count import INBOX
from streams.core.detect import Detect
from streams.core.stage import Output, Record
from streams.edge import Fed
from streams.log import Sent


class DetectEdge:
    """Hour counts, ticks and commands in; rolling counts and alerts out."""

    def __init__(self, stage: Detect, partition: int, wire: Wire, outbox: Outbox) -> None:
        self.stage = stage
        self._partition = partition
        self._decode = wire.decode_inbox
        self._outbox = outbox

    def feed(self, records: Sequence[RawRecord], outputs: list[Output]) -> Fed:
        """Decode and apply *records*; what can't be decoded is rejected with its bytes."""
        decode, apply, first = self._decode, self.stage.apply, len(outputs)
        rejected: Counter[str] = Counter()
        for record in records:
            try:
                value = decode(record.value or b"")
            except Malformed as bad:
                outputs.append(refusal(INBOX, self._partition, record, bad))
                rejected[bad.reason] += 1
                continue
            outputs += apply(Record(record.offset, record.timestamp, value))
        ticked = len(outputs) - first > rejected.total()
        return Fed(ticked, rejected, rates=self.stage.rates() if ticked else {})

    def encode(self, output: Output) -> Sent:
        """Bytes of an output."""
        return self._outbox.sent(output)
