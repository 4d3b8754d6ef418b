"""The three stages joined in memory: the same state machines as under Faust, without a broker between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from schemas.events import Millis
from streams.core.count import INBOX
from streams.core.enrich import ENRICHED, RawNotification
from streams.core.stage import Output, Record, Stage

Route = Callable[[str, int], int]
"""Partition of a key among so many."""

Sink = Callable[[Output], None]
"""Takes what leaves the pipeline, and what passes between its stages, in order."""


class Pipeline:
    """
    Stages by partition, and the logs between them as mere counters of offsets.

    Parameters
    ----------
    enrich, count, detect
        One stage a partition.
    route
        Where a key goes.
    sink
        Sees every output, those between the stages too.

    """

    def __init__(
        self, enrich: Sequence[Stage], count: Sequence[Stage], detect: Sequence[Stage], *, route: Route, sink: Sink
    ) -> None:
        self._stages = {"incidents.raw": enrich, ENRICHED: count, INBOX: detect}
        self._offsets = {topic: [0] * len(stages) for topic, stages in self._stages.items()}
        self._route = route
        self._sink = sink

    def notify(self, raw: RawNotification, received_at: Millis) -> None:
        """Append a notification to the raw log, by its key."""
        key = raw.notification.incident_id
        self._append("incidents.raw", self._route(key, len(self._stages["incidents.raw"])), received_at, raw)

    def tick(self, raw: RawNotification, received_at: Millis, only: int | None = None) -> None:
        """Append a heartbeat to every raw partition, or to one."""
        for partition in range(len(self._stages["incidents.raw"])) if only is None else (only,):
            self._append("incidents.raw", partition, received_at, raw)

    def take(self, topic: str, partition: int, offset: int, received_at: Millis, value: object) -> None:
        """Let a stage take one record of a log that is kept elsewhere."""
        self._pass_on(self._stages[topic][partition].apply(Record(offset, received_at, value)), received_at)

    def _append(self, topic: str, partition: int, received_at: Millis, value: object) -> None:
        offset = self._offsets[topic][partition]
        self._offsets[topic][partition] += 1
        self.take(topic, partition, offset, received_at, value)

    def _pass_on(self, outputs: Iterable[Output], received_at: Millis) -> None:
        for output in outputs:
            self._sink(output)
            stages = self._stages.get(output.topic)
            if stages is not None:
                partition = output.partition
                if partition is None:
                    partition = self._route(output.key, len(stages))
                self._append(output.topic, partition, received_at, output.value)
