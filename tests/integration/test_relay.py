"""The relay on a real Kafka, killed as it works: each subscriber gets each of its records once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml
from confluent_kafka import Consumer, Producer, TopicPartition
from support.examples import example
from support.waiting import until

from schemas.events import AlertEvent
from schemas.settings import Settings
from schemas.wire import Wire

OPENED: AlertEvent = replace(example("AlertEvent.opened"), tense="ACTUAL")
EVENTS = 3000
SUBSCRIBERS = {
    "version": 1,
    "subscribers": {
        "all": {"topics": ["alerts.events"]},
        "a": {"topics": ["alerts.events"], "areas": ["A"]},
    },
}


def committed(settings: Settings, topic: str, partitions: int) -> list[tuple[bytes | None, object]]:
    """Keys and headers of the committed records of a topic, up to its end now."""
    consumer = Consumer({**settings.kafka.librdkafka(), "group.id": "judge", "isolation.level": "read_committed"})
    try:
        consumer.assign([TopicPartition(topic, each, 0) for each in range(partitions)])
        found: list[tuple[bytes | None, object]] = []
        empty = 0
        while empty < 3:
            messages = [each for each in consumer.consume(1000, 1.0) if each.error() is None]
            empty = 0 if messages else empty + 1
            found += [(each.key(), list(each.headers() or ())) for each in messages]
        return found
    finally:
        consumer.close()


def test_each_subscriber_gets_its_records_once_though_the_relay_is_killed(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> None:
    settings, wire = own_topics(), Wire.builtin()
    file = tmp_path / "subscribers.yaml"
    file.write_text(yaml.safe_dump(SUBSCRIBERS), "utf-8")
    environment = {
        **os.environ,
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_SUBSCRIBERS": str(file),
        "FIREBREAK_INSTANCE": "one",
    }
    command = (sys.executable, "-m", "streams.cli", "relay")
    assert subprocess.run((*command, "apply"), env=environment, check=False).returncode == 0
    topics = {name: f"{settings.topic_prefix}.subscriber.{name}.alerts.events.v1" for name in ("all", "a")}
    partitions = settings.catalogue()["alerts.events"].partitions
    producer, source = Producer(settings.kafka.librdkafka()), settings.catalogue()["alerts.events"].name
    sent = {str(number): "A" if number % 3 == 0 else "B" for number in range(EVENTS)}
    done = 0
    for part in range(3):
        for key, area in list(sent.items())[part * EVENTS // 3 : (part + 1) * EVENTS // 3]:
            event = replace(OPENED, alert_id=key, area=area, areas=(area,))
            producer.produce(source, wire.encode(event), key.encode(), headers=[("ce_id", key.encode())])
        assert producer.flush(30) == 0
        process = subprocess.Popen((*command, "run"), env=environment)
        until(lambda done=done: len(committed(settings, topics["all"], partitions)) > done)  # type: ignore[misc]  # bound now
        if part == 2:
            until(lambda: len(committed(settings, topics["all"], partitions)) >= EVENTS)
        process.kill()
        process.wait()
        done = len(committed(settings, topics["all"], partitions))

    for name, wanted in (("all", set(sent)), ("a", {key for key, area in sent.items() if area == "A"})):
        found = committed(settings, topics[name], partitions)
        assert sorted(key.decode() for key, _ in found if key) == sorted(wanted)
        assert all(headers == [("ce_id", key)] for key, headers in found)
