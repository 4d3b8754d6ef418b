"""Who reads along: every output and every marker of a world, and a whole topic at the end."""

from __future__ import annotations

import threading
from collections import defaultdict

from confluent_kafka import Consumer, KafkaError, TopicPartition
from support.faults.judge import COMPARED, Raw, Seen

from schemas.events import AreaCount, Millis
from schemas.wire import Wire
from streams.journal import MARKER_KEY
from streams.kafka_log import KafkaLog
from streams.settings import Settings
from streams.workers import STAGES

JOURNALS = tuple(f"{stage}.journal" for stage in STAGES)
WATCHED = (*COMPARED, "areas.counts", *JOURNALS)
HEARTBEAT = b"heartbeat|"


class Watcher:
    """Reads every output and every marker as it comes, committed records only."""

    def __init__(self, settings: Settings) -> None:
        catalogue = settings.catalogue()
        self._config = settings.kafka.librdkafka()
        self._ids = {catalogue[each].name: each for each in WATCHED}
        self._places = [
            TopicPartition(catalogue[each].name, number, 0)
            for each in WATCHED
            for number in range(catalogue[each].partitions)
        ]
        self._consumer = Consumer(
            {
                **self._config,
                "group.id": "watcher",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        self._wire = Wire.builtin()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.outputs: dict[str, list[Seen]] = defaultdict(list)
        self.markers: dict[tuple[str, int], list[float]] = defaultdict(list)
        """When each partition of each journal got a marker, s since the epoch."""
        self.clock: Millis = 0
        self._ends: dict[tuple[str, int], int] | None = None

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Read to the end that there is now, then stop."""
        log = KafkaLog(self._config)
        self._ends = {place: log.bounds(*place).end for place in self._place_names()}
        self._thread.join(120)
        self.drop()

    def drop(self) -> None:
        """Stop at once."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def _place_names(self) -> list[tuple[str, int]]:
        return [(place.topic, place.partition) for place in self._places]

    def _done(self) -> bool:
        ends = self._ends
        if ends is None:
            return self._over.is_set()
        reached = {(p.topic, p.partition): p.offset for p in self._consumer.position(self._places)}
        return self._over.is_set() or all(reached[place] >= end for place, end in ends.items() if end)

    def _run(self) -> None:
        self._consumer.assign(self._places)
        while not self._done():
            self._read()
        self._consumer.close()

    def _read(self) -> None:
        for message in self._consumer.consume(1000, 0.1):
            if message.error() is not None:
                continue
            topic, partition = self._ids[message.topic() or ""], message.partition() or 0
            at = message.timestamp()[1]
            if topic in JOURNALS:
                if message.key() == MARKER_KEY:
                    self.markers[topic, partition].append(at / 1000)
                continue
            seen = Seen(partition, message.offset() or 0, at, message.key(), message.value())
            self.outputs[topic].append(seen)
            if topic == "areas.counts" and (seen.key or b"").startswith(HEARTBEAT):
                beat: AreaCount = self._wire.area_count.decode(seen.value or b"")
                self.clock = max(self.clock, beat.as_of)


def read_all(settings: Settings, topic: str) -> dict[int, list[Raw]]:
    """Every committed record of a topic, by partition."""
    spec = settings.catalogue()[topic]
    found: dict[int, list[Raw]] = {number: [] for number in range(spec.partitions)}
    reader = Consumer(
        {
            **settings.kafka.librdkafka(),
            "group.id": "judge",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
    reader.assign([TopicPartition(spec.name, number, 0) for number in found])
    ended: set[int] = set()
    while len(ended) < spec.partitions:
        for message in reader.consume(2000, 0.5):
            error, number = message.error(), message.partition() or 0
            if error is None:
                found[number].append(Raw(message.offset() or 0, message.timestamp()[1], message.key(), message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(number)
    reader.close()
    return found
