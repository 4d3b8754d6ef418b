"""
From a notification produced to its area's count published, on a real Kafka, with ticks and flushes at 50 ms.

``cd tests && PYTHONPATH=..:. python -m bench.latency`` prints one line of JSON; ``--broker H:P`` uses a running one.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from random import Random

from confluent_kafka import Consumer, Producer, TopicPartition, murmur2
from support.kafka import KafkaCluster
from support.toytown import AREAS, write_pack

from schemas.events import Kind, Notification
from schemas.wire import Wire
from streams.replay.kafka import make_topics
from streams.settings import from_env
from streams.workers import Workers

RATE = 200
"""Notifications a second."""


def measure(broker: str, seconds: float, folder: Path, tick: str, flush: str) -> dict[str, float]:
    environment = {
        "FIREBREAK_KAFKA_BROKERS": broker,
        "FIREBREAK_TOPIC_PREFIX": f"latency-{secrets.token_hex(4)}",
        "FIREBREAK_REGIONS": str(write_pack(folder / "pack")),
        "FIREBREAK_TICK_PERIOD": tick,
        "FIREBREAK_FLUSH_INTERVAL": flush,
        "FIREBREAK_PARTITIONS_RAW": "4",
        "FIREBREAK_PARTITIONS_ENRICHED": "4",
        "FIREBREAK_PARTITIONS_INBOX": "1",
    }
    settings = from_env(environment)
    catalogue = settings.catalogue()
    make_topics(settings, catalogue)
    seen: dict[str, list[tuple[float, int]]] = defaultdict(list)
    over = threading.Event()
    reader = threading.Thread(target=_read, args=(broker, catalogue["areas.counts"], seen, over))
    with Workers(environment):
        reader.start()
        while not seen["heartbeat"]:
            time.sleep(0.1)
        sent = _send(broker, catalogue["incidents.raw"], seconds)
        time.sleep(3)
        over.set()
        reader.join()
    return _figures(sent, seen)


def _read(broker: str, topic: object, seen: dict[str, list[tuple[float, int]]], over: threading.Event) -> None:
    wire = Wire.builtin()
    consumer = Consumer(
        {"bootstrap.servers": broker, "group.id": "latency", "isolation.level": "read_committed", "log_level": 3}
    )
    name, count = topic.name, topic.partitions  # type: ignore[attr-defined]  # a TopicSpec
    consumer.assign([TopicPartition(name, number, 0) for number in range(count)])
    while not over.is_set():
        message = consumer.poll(0.1)
        if message is None or message.error() is not None:
            continue
        counted = wire.area_count.decode(message.value() or b"")
        key = counted.group if counted.group == "heartbeat" else counted.area
        seen[key].append((time.time(), counted.incidents_24h))
    consumer.close()


def _send(broker: str, topic: object, seconds: float) -> dict[str, list[float]]:
    wire, random = Wire.builtin(), Random(1)
    producer = Producer({"bootstrap.servers": broker, "enable.idempotence": True, "linger.ms": 0, "log_level": 3})
    sent: dict[str, list[float]] = defaultdict(list)
    begun = time.time()
    name, count = topic.name, topic.partitions  # type: ignore[attr-defined]  # a TopicSpec
    for number in range(int(RATE * seconds)):
        now, area = time.time(), random.choice(AREAS)
        each = Notification(
            kind=Kind.REPORTED,
            source="bench",
            source_ref=f"{number}",
            revision=1,
            occurred_at=int(now * 1000),
            published_at=int(now * 1000),
            longitude=None,
            latitude=None,
            area_code=area,
            category="violence_injury",
            scheme="firebreak",
        )
        key = each.incident_id.encode()
        producer.produce(name, wire.encode_notification(each), key, murmur2(key, count))
        producer.poll(0)
        sent[area].append(now)
        time.sleep(max(begun + (number + 1) / RATE - time.time(), 0))
    producer.flush(10)
    return sent


def _figures(sent: dict[str, list[float]], seen: dict[str, list[tuple[float, int]]]) -> dict[str, float]:
    latencies, missing = [], 0
    for area, times in sent.items():
        arrivals = iter(seen[area])
        at, count = next(arrivals, (0.0, 0))
        for number, produced in enumerate(times, start=1):
            while count < number:
                at, count = next(arrivals, (0.0, 1 << 30))
            if at:
                latencies.append(at - produced)
            else:
                missing += 1
    latencies = sorted(latencies[len(latencies) // 10 :])
    found = {
        f"p{share}_ms": round(1000 * latencies[int(share / 100 * (len(latencies) - 1))], 1) for share in (50, 95, 99)
    }
    return {"notifications": sum(map(len, sent.values())), "missing": missing, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--tick", default="50ms")
    parser.add_argument("--flush", default="50ms")
    options = parser.parse_args()
    with ExitStack() as stack:
        broker = options.broker or stack.enter_context(KafkaCluster()).bootstrap
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = measure(broker, options.seconds, folder, options.tick, options.flush)
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main()
