"""A topic read once, from its beginning (or from a time) to the end that it has now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.loop import Record
from schemas.catalogue import TopicSpec
from schemas.errors import Fatal, UsageError
from schemas.events import Millis
from schemas.settings import Settings

ANSWER_WITHIN = 20.0
"""Seconds that the broker has for an answer."""
SILENT = 60.0
"""Seconds without a record after which reading is given up."""
FETCH = 2000


def read(
    settings: Settings, spec: TopicSpec, *, partitions: Sequence[int] | None = None, since: Millis | None = None
) -> Iterator[Record]:
    """
    Committed records; those of one partition in their order.

    Parameters
    ----------
    settings, spec
        The connection, and the topic.
    partitions
        Only these; None for all.
    since
        Only what was appended from this instant on.

    Raises
    ------
    UsageError
        The topic is missing, or no broker answers.

    """
    reader = Consumer(
        {
            **settings.kafka.librdkafka(),
            "group.id": f"{settings.topic_prefix}-reading",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "log_level": 3,
        }
    )
    try:
        yield from _to_the_end(reader, spec, _starts(reader, spec, partitions, since))
    finally:
        reader.close()


def _starts(
    reader: Consumer, spec: TopicSpec, partitions: Sequence[int] | None, since: Millis | None
) -> dict[int, int]:
    """Offset to begin at, of each partition that is not empty from there on."""
    try:
        found = reader.list_topics(spec.name, timeout=ANSWER_WITHIN).topics[spec.name]
        if found.error is not None or not found.partitions:
            raise UsageError(f"topic {spec.name} is missing: run `firebreak topics apply`")
        starts = {}
        for number in sorted(found.partitions) if partitions is None else partitions:
            place = TopicPartition(spec.name, number)
            first, end = reader.get_watermark_offsets(place, ANSWER_WITHIN, cached=False)
            if since is not None:
                (at,) = reader.offsets_for_times([TopicPartition(spec.name, number, since)], ANSWER_WITHIN)
                first = end if at.offset < 0 else at.offset
            if first < end:
                starts[number] = first
    except KafkaException as failure:
        raise UsageError(f"no broker answers: {failure.args[0].str()}") from failure
    return starts


def _to_the_end(reader: Consumer, spec: TopicSpec, starts: dict[int, int]) -> Iterator[Record]:
    if starts:
        reader.assign([TopicPartition(spec.name, number, first) for number, first in starts.items()])
    left, heard = set(starts), time.monotonic()
    while left:
        if time.monotonic() - heard > SILENT:
            raise UsageError(f"the broker has fallen silent while {spec.name} was read")
        messages = reader.consume(FETCH, 0.1)
        for message in messages:
            partition, error = message.partition() or 0, message.error()
            if error is None and partition in left:
                _, timestamp = message.timestamp()
                yield Record(spec.id, partition, message.offset() or 0, timestamp, message.key(), message.value())
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the library's name
                left.discard(partition)
            elif error is not None and error.fatal():
                raise Fatal(error.str())
        if messages:
            heard = time.monotonic()


def offsets_at(settings: Settings, spec: TopicSpec, since: Millis) -> dict[int, int]:
    """
    Offset of the first record of each partition that was appended at *since* or later; its end if there is none.

    Raises
    ------
    UsageError
        The topic is missing, or no broker answers.

    """
    reader = Consumer({**settings.kafka.librdkafka(), "group.id": f"{settings.topic_prefix}-reading", "log_level": 3})
    try:
        found = reader.list_topics(spec.name, timeout=ANSWER_WITHIN).topics[spec.name]
        if found.error is not None or not found.partitions:
            raise UsageError(f"topic {spec.name} is missing: run `firebreak topics apply`")
        asked = [TopicPartition(spec.name, number, since) for number in found.partitions]
        starts = {}
        for place in reader.offsets_for_times(asked, ANSWER_WITHIN):
            _, end = reader.get_watermark_offsets(place, ANSWER_WITHIN, cached=False)
            starts[place.partition] = end if place.offset < 0 else place.offset
    except KafkaException as failure:
        raise UsageError(f"no broker answers: {failure.args[0].str()}") from failure
    finally:
        reader.close()
    return starts
