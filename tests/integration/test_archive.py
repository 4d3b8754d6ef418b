"""The archive as a command on a real Kafka, ended and started again, and the question to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Producer
from support import toytown
from support.enriching import enriched
from support.waiting import until

from consumers.archive.command import counts
from consumers.loop import Record
from schemas.jsonform import iso
from schemas.settings import Settings
from streams.regions.loader import load


@contextmanager
def archiving(settings: Settings, root: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
    }
    command = (sys.executable, "-m", "streams.cli", "archive", "--archive", str(root), "--every", "1s")
    process = subprocess.Popen(command, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def send(producer: Producer, topic: str, part: Sequence[Record]) -> None:
    for record in part:
        producer.produce(topic, record.value, record.key, timestamp=record.timestamp)
    assert producer.flush(30) == 0


def incidents(root: Path, known_at: int) -> int:
    """All incidents of the coarser level, by the command."""
    result = CliRunner().invoke(counts, ["--archive", str(root), "--as-known-at", iso(known_at), "--json"])
    return sum(json.loads(line)["incidents"] for line in result.output.splitlines()) if result.exit_code == 0 else -1


def test_an_archive_that_was_killed_goes_on_and_holds_everything_once(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = own_topics(replay=True, FIREBREAK_PARTITIONS_ENRICHED="1")
    told = toytown.arrivals(5)
    log = list(enriched(told, load(str(toytown.write_pack(tmp_path / "toytown")))))
    producer, name = Producer(settings.kafka.librdkafka()), settings.catalogue()["incidents.enriched"].name
    root, end = tmp_path / "archive", told[-1].known_at_ms + 1
    wanted = sum(count for (_, level, _, _), count in toytown.batch_hours(told).items() if level == "borough")
    third, held = len(log) // 3 + 1, {-1}
    for part in (log[:third], log[third : 2 * third]):
        send(producer, name, part)
        with archiving(settings, root):
            # killed in its middle, at the first file
            until(lambda: incidents(root, end) not in held)
            held.add(incidents(root, end))
    send(producer, name, log[2 * third :])
    with archiving(settings, root) as process:
        until(lambda: incidents(root, end) == wanted)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert incidents(root, end) == wanted
