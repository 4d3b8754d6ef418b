"""Records of a topic, read to its present end."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from schemas.connection import KafkaSettings
from schemas.errors import UsageError
from streams.ingest.sending import Place

_FETCH = 1_000
_WITHIN = 0.1
"""Seconds that one fetch waits for its last record."""
_SILENT = 200
"""Fetches without an answer after which the broker is taken to be away."""


def messages(kafka: KafkaSettings, place: Place, partitions: Collection[int]) -> Iterator[Message]:
    """
    All committed records that partitions of a topic hold now, as they come.

    Raises
    ------
    UsageError
        The broker does not answer, or refuses.

    """
    config: dict[str, str | int | float | bool] = {
        **kafka.librdkafka(),
        # rights are by prefix, and nothing is committed under this name
        "group.id": "firebreak-rejected",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "log_level": 0,
    }
    consumer = Consumer(config)
    try:
        yield from _to_the_end(consumer, place.name, set(partitions))
    finally:
        consumer.close()


def _to_the_end(consumer: Consumer, topic: str, unfinished: set[int]) -> Iterator[Message]:
    consumer.assign([TopicPartition(topic, number, 0) for number in unfinished])
    silent = 0
    while unfinished:
        fetched = consumer.consume(_FETCH, _WITHIN)
        silent = 0 if fetched else silent + 1
        if silent > _SILENT:
            raise UsageError(f"{topic}: the broker does not answer")
        for message in fetched:
            error = message.error()
            if error is None:
                if message.partition() in unfinished:
                    yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library names its local codes so
                unfinished.discard(message.partition() or 0)
            elif not error.retriable():
                raise UsageError(f"{topic} can't be read: {error.str()}")
