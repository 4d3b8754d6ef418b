"""``firebreak watch`` beside a running deployment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer
from support.alerts import area_count, opened

from schemas.catalogue import Catalogue
from schemas.wire import Wire
from streams.broker import EmbeddedBroker

WATCH = [sys.executable, "-m", "streams.cli", "watch"]
TOPICS = ("areas.counts", "alerts.events")


@pytest.fixture(name="broker")
def running_broker() -> Iterator[EmbeddedBroker]:
    catalogue = Catalogue.load()
    with EmbeddedBroker({catalogue[topic].name: 2 for topic in TOPICS}) as broker:
        yield broker


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("FIREBREAK_")}


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_alerts_before_and_after_the_start_are_told_and_ctrl_c_ends_it(broker: EmbeddedBroker) -> None:
    catalogue, wire = Catalogue.load(), Wire.builtin()
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 2})
    counts, events = (catalogue[topic].name for topic in TOPICS)
    producer.produce(counts, wire.encode(area_count()), b"E09000033|robbery", 0)
    producer.produce(events, wire.encode(opened(areas=("E09000033",))), b"a", 1)
    assert producer.flush(20) == 0

    command = [*WATCH, "--broker", broker.bootstrap, "--region", "london"]
    with running(command) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        producer.produce(events, wire.encode(opened(alert_id="b", areas=("E09000007",))), b"b", 0)
        assert producer.flush(20) == 0
        second = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, warned = process.communicate(timeout=120)

    assert "robbery in Westminster: 12 in 6 h" in first
    assert "robbery in Camden" in second
    assert process.returncode == 0
    assert "Traceback" not in warned


def test_a_broker_that_is_not_there_is_one_clear_line() -> None:
    done = subprocess.run(
        [*WATCH, "--broker", "127.0.0.1:9"], capture_output=True, text=True, check=False, timeout=120, env=environment()
    )

    assert done.returncode in {1, 2}
    assert "no broker answers" in done.stderr
    assert "Traceback" not in done.stderr


def test_topics_that_are_not_there_are_one_clear_line(broker: EmbeddedBroker) -> None:
    command = [*WATCH, "--broker", broker.bootstrap]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**environment(), "FIREBREAK_TOPIC_PREFIX": "another"},
    )

    assert done.returncode in {1, 2}
    assert "topics apply" in done.stderr or "no topic" in done.stderr
