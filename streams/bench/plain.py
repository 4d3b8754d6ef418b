"""
The loop that one would write by hand, and that keeps nothing: the yardstick.

Consume, fastavro decode, area look-up, three windows in a dictionary, fastavro encode, produce; no journal, no
transactions, no metrics, wrong after any crash.
"""

from __future__ import annotations

import io
import os
import resource
import sys
from collections.abc import Mapping
from time import monotonic
from typing import Any, cast

import fastavro
import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.definitions import Json, schema, without_logical_types
from schemas.events import HOUR
from streams.core.geography import Locator, Region
from streams.regions.loader import load
from streams.settings import from_env

PREFIX = 5
WINDOWS = (HOUR, 6 * HOUR, 24 * HOUR)


class PlainLoop:
    """State of the loop: counts of area and window, nothing else."""

    def __init__(self, region: Region) -> None:
        self._locate = Locator(region).locate
        self._taxonomy = region.taxonomy
        self._region = region.name
        self._notification = _parsed("Notification")
        self._incident = _parsed("Incident")
        self.windows: dict[tuple[str, int, int], int] = {}

    def one(self, value: bytes, partition: int, offset: int, at: int) -> tuple[bytes, bytes] | None:
        """Key and value of the update that one record causes; None for a tick."""
        n = cast("dict[str, Any]", fastavro.schemaless_reader(io.BytesIO(value[PREFIX:]), self._notification, None))
        if n["kind"] == "HEARTBEAT":
            return None
        place = self._locate(n["longitude"], n["latitude"])
        area = place.area if place is not None else "UNKNOWN"
        found = self._taxonomy.classify(n["scheme"], n["category"], n["knife"], n["firearm"], n["domestic"])
        for window in WINDOWS:
            bucket = (area, window, n["occurred_at"] // window)
            self.windows[bucket] = self.windows.get(bucket, 0) + 1
        update = {
            "change": "ADDED",
            "origin_partition": partition,
            "origin_offset": offset,
            "origin_index": 0,
            "clock": None,
            "incident_id": f"{n['source']}|{n['source_ref']}",
            "region": self._region,
            "area": area,
            "ward": "",
            "groups": list(getattr(found, "groups", ())),
            "hour": n["occurred_at"] // HOUR * HOUR,
            "victims": n["victims"] or 1,
            "was": None,
            "received_at": at,
            "quality": [],
            "category": getattr(found, "category", ""),
            "time_rule": "OCCURRED",
            "vintage": "",
            "tense": n["tense"],
            "notification": n,
        }
        out = io.BytesIO()
        out.write(value[:PREFIX])
        fastavro.schemaless_writer(out, self._incident, update)
        return area.encode(), out.getvalue()


def _parsed(record: str) -> Any:
    return fastavro.parse_schema(cast("dict[str, Json]", without_logical_types(schema(record))))


def run(settings: Mapping[str, Any], region: Region, topic: str, out: str, count: int) -> Mapping[str, float]:
    """Read *count* records of *topic*, write as many to *out*; CPU of the whole process, all threads."""
    consumer = Consumer(
        {**settings, "group.id": f"{out}-plain", "auto.offset.reset": "earliest", "enable.auto.commit": True}
    )
    partitions = consumer.list_topics(topic, 20).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    producer = Producer({**settings, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000})
    loop = PlainLoop(region)
    begun, cpu, done = monotonic(), _cpu(), 0
    while done < count:
        for message in consumer.consume(1000, 0.1):
            if message.error() is not None:
                continue
            value = message.value()
            if value is None:
                continue
            at = message.timestamp()[1]
            update = loop.one(value, message.partition() or 0, message.offset() or 0, at)
            if update is None:
                continue
            producer.produce(out, update[1], update[0])
            done += 1
        producer.poll(0)
    producer.flush(60)
    spent = {"cpu_s": _cpu() - cpu, "seconds": monotonic() - begun, "events": float(done)}
    consumer.close()
    return spent


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run the loop with the settings of the environment; print what was spent, as one line of JSON."""
    topic, out, count = sys.argv[1:]
    settings = from_env(os.environ)
    region = load(settings.regions[0])
    spent = run(settings.kafka.librdkafka(), region, topic, out, int(count))
    sys.stdout.write(msgspec.json.encode(spent).decode() + "\n")


if __name__ == "__main__":
    main()
