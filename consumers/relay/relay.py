"""Records of the public topics into the topics of subscribers: outputs and position in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from prometheus_client import CollectorRegistry, Counter

from consumers.loop import Handler, Later, Loop, Record
from consumers.relay.file import topics_of
from consumers.relay.filters import Filter, Public
from schemas.errors import Fatal, Malformed
from schemas.registry import wire
from schemas.settings import Settings

COMMIT_WITHIN = 30.0
"""Seconds."""


class Relay(Handler):
    """
    Handler of the relay's loop.

    Parameters
    ----------
    settings
        Connection and names.
    filters
        Who gets what.
    registry
        Where is told what was relayed.

    """

    def __init__(self, settings: Settings, filters: Sequence[Filter], registry: CollectorRegistry) -> None:
        codecs = wire(settings)
        self._decode: Mapping[str, Callable[[bytes], Public]] = MappingProxyType(
            {
                "incidents.enriched": codecs.decode_incident,
                "areas.counts": codecs.area_count.decode,
                "alerts.events": codecs.alert_event.decode,
                "alerts.state": codecs.alert.decode,
            }
        )
        self._filters = filters
        self._names = topics_of(list(filters), settings.catalogue())
        self._sources = {each: settings.catalogue()[each].name for each in self._decode}
        self._config = {
            **settings.kafka.librdkafka(),
            "transactional.id": f"{settings.topic_prefix}-relay-{settings.instance or 'only'}",
            # as the Java client has it: the catalogue's rule for all topics
            "partitioner": "murmur2_random",
            "log_level": 3,
        }
        self._relayed = Counter("firebreak_relayed_records", "Records relayed.", ["subscriber"], registry=registry)
        self.group: Callable[[], object] = lambda: None
        """Of the loop that calls us: what a position is sent for."""
        self._producer = self._opened()

    def _opened(self) -> Producer:
        producer = Producer(self._config)
        producer.init_transactions(COMMIT_WITHIN)
        return producer

    def take(self, records: Sequence[Record]) -> None:
        """Relay records, and say in the same transaction that it was done; raises Later where that was undone."""
        try:
            told = self._relay(records)
        except KafkaException as failure:
            self._undo(failure.args[0])
            raise Later from failure
        for name in told:
            self._relayed.labels(name).inc()

    def _relay(self, records: Sequence[Record]) -> list[str]:
        self._producer.begin_transaction()
        told = [name for record in records for name in self._produced(record)]
        ends = {(self._sources[each.topic], each.partition): each.offset + 1 for each in records}
        positions = [TopicPartition(*place, offset) for place, offset in ends.items()]
        self._producer.send_offsets_to_transaction(positions, self.group())
        self._producer.commit_transaction(COMMIT_WITHIN)
        return told

    def _produced(self, record: Record) -> list[str]:
        wanted = [each for each in self._filters if record.topic in each.topics and self._passes(each, record)]
        for each in wanted:
            topic = self._names[each.name, record.topic]
            self._producer.produce(topic, record.value, record.key, headers=list(record.headers))
            self._producer.poll(0)
        return [each.name for each in wanted]

    def _passes(self, wanted: Filter, record: Record) -> bool:
        if record.value is None:
            # a deleted key of a compacted topic: whoever has it must delete it too
            return True
        try:
            return wanted.passes(self._decode[record.topic](record.value))
        except Malformed:
            return False

    def _undo(self, error: KafkaError) -> None:
        """
        Undo the transaction, so that it can be made again.

        Raises
        ------
        Fatal
            Another relay has our name, or the client is beyond repair.

        """
        if error.fatal():
            raise Fatal(f"the relay is shut out: {error.str()}")
        try:
            self._producer.abort_transaction(COMMIT_WITHIN)
        except KafkaException as failure:
            raise Fatal(f"the relay can't go on: {failure.args[0].str()}") from failure


def relaying(settings: Settings, filters: Sequence[Filter]) -> Loop:
    """Wire the relay; nothing runs yet."""
    registry = CollectorRegistry()
    relay = Relay(settings, filters, registry)
    wanted = {topic for each in filters for topic in each.topics}
    topics = [spec for spec in settings.catalogue().values() if spec.id in wanted]
    loop = Loop(settings, topics, relay, name="relay", commit=False, registry=registry)
    relay.group = loop.group_metadata
    return loop
