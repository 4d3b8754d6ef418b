"""
What must have come of the raw log, found in two other ways: counted at once, and through the stages joined in memory.

The first knows nothing of the product's code. The second knows no broker, worker, transaction, restore or takeover: it
feeds each partition of the raw log through the stages once, from its beginning to its end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from support.toytown import batch_hours

from schemas.events import AlertEvent, HourCount, Incident, Millis, Reason, Rejection, Tick
from schemas.wire import Wire
from streams.core.geography import Region
from streams.core.stage import Output
from streams.ingest.arrival import Arrival
from streams.settings import Settings
from streams.worker import INPUTS, Edges

COMPARED = ("incidents.enriched", "incidents.rejected", "detect.inbox", "alerts.events")
"""Topics of which every record is compared; the others are compacted."""

OUT_OF_ORDER = frozenset({Reason.REVISION_BACKWARDS, Reason.CANCEL_BEFORE_REPORT})
"""What sound notifications are rejected for that come in another order than they were made."""


class Seen(NamedTuple):
    """One committed record of an output topic."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class Verdict:
    """How the outputs differ from what they must be; all zero where they do not."""

    lost: int = 0
    doubled: int = 0
    repeats: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return not (self.lost or self.doubled or self.repeats or self.words)


class Raw(NamedTuple):
    """A record of the raw log, as a stage takes it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def in_memory(
    settings: Settings, regions: Sequence[Region], raw: Mapping[int, Sequence[Raw]]
) -> dict[str, list[bytes]]:
    """Values of all output topics, by catalogue id, that the raw log leads to."""
    catalogue = settings.catalogue()
    counts = {topic: catalogue[topic].partitions for topic in catalogue}
    ids = {catalogue[topic].name: topic for topic in catalogue}
    logs: dict[tuple[str, int], Sequence[Raw]] = {("incidents.raw", p): records for p, records in raw.items()}
    values: dict[str, list[bytes]] = defaultdict(list)
    for stage, topic in INPUTS.items():
        edges = Edges(settings, stage, counts, regions)
        made: dict[tuple[str, int], list[Raw]] = defaultdict(list)
        for number in range(counts[topic]):
            edge, outputs = edges(number), list[Output]()
            edge.feed(logs.get((topic, number), ()), outputs)
            for sent in map(edge.encode, outputs):
                target = ids[sent.topic]
                log = made[target, sent.partition]
                log.append(Raw(len(log), 0, sent.key, sent.value))
                values[target].append(sent.value or b"")
        logs = {**logs, **made}
    return values


class Judge:
    """Compares what is on the output topics with what must be there."""

    def __init__(self, settings: Settings, regions: Sequence[Region]) -> None:
        self._settings = settings
        self._regions = regions
        self._wire = Wire.builtin()

    def verdict(
        self,
        outputs: Mapping[str, Sequence[Seen]],
        raw: Mapping[int, Sequence[Raw]],
        sent: Iterable[Arrival],
        poisoned: int,
        clock: Millis,
    ) -> Verdict:
        """
        Compare.

        Parameters
        ----------
        outputs
            What a reader of committed records got, by catalogue id.
        raw
            The raw log, by partition.
        sent, poisoned
            What was sent, by the one who sent it.
        clock
            The newest tick that all stages have passed; what comes after is not compared.

        """
        found = Verdict()
        must = in_memory(self._settings, self._regions, raw)
        for topic in COMPARED:
            want = Counter(self._until(topic, must[topic], clock))
            got = Counter(self._until(topic, (each.value or b"" for each in outputs[topic]), clock))
            self._add(found, topic, want, got)
        self._add_counts(found, outputs, list(sent), clock)
        told = (self._wire.rejection.decode(each.value or b"") for each in outputs["incidents.rejected"])
        rejected = [each for each in told if each.reason not in OUT_OF_ORDER]
        if len(rejected) != poisoned:
            found.words.append(f"{poisoned} poisonous records sent, {len(rejected)} rejected")
        return found

    def _until(self, topic: str, values: Iterable[bytes], clock: Millis) -> Iterable[Hashable]:
        for value in values:
            at, what = self._dated(topic, value)
            if at is None or at <= clock:
                yield what

    def _dated(self, topic: str, value: bytes) -> tuple[Millis | None, Hashable]:
        if topic == "incidents.enriched":
            incident: Incident = self._wire.decode_incident(value, whole=True)
            return incident.clock, incident
        if topic == "detect.inbox":
            counted = self._wire.decode_inbox(value)
            assert isinstance(counted, HourCount | Tick)
            return counted.clock, counted
        if topic == "alerts.events":
            event: AlertEvent = self._wire.alert_event.decode(value)
            return event.clock, event
        rejection: Rejection = self._wire.rejection.decode(value)
        return None, rejection

    @staticmethod
    def _add(found: Verdict, topic: str, want: Counter[Hashable], got: Counter[Hashable]) -> None:
        missing, extra = want - got, got - want
        repeated = sum(count for what, count in extra.items() if what in want)
        found.lost += missing.total()
        found.repeats += repeated
        found.doubled += extra.total() - repeated
        if missing or extra:
            example = next(iter(missing or extra))
            found.words.append(
                f"{topic}: {missing.total()} missing, {extra.total()} too many ({repeated} repeated), as {example}"
            )

    def _add_counts(
        self, found: Verdict, outputs: Mapping[str, Sequence[Seen]], sent: list[Arrival], clock: Millis
    ) -> None:
        fewer, more = self.counts(outputs, sent, clock)
        found.lost += fewer
        found.doubled += more
        if fewer or more:
            found.words.append(f"hours: {fewer} incidents too few, {more} too many")

    def counts(self, outputs: Mapping[str, Sequence[Seen]], sent: Iterable[Arrival], clock: Millis) -> tuple[int, int]:
        """How many incidents too few and too many the hours have, beside a batch over all that was sent."""
        want = batch_hours(list(sent))
        got: Counter[tuple[str, str, str, Millis]] = Counter()
        for each in list(outputs["detect.inbox"]):
            hour = self._wire.decode_inbox(each.value or b"")
            if isinstance(hour, HourCount) and hour.level and hour.clock <= clock:
                got[hour.area, hour.level, hour.group, hour.hour] = hour.incidents
        return (want - got).total(), (got - want).total()
