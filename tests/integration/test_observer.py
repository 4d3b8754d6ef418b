"""What the observer tells on a real Kafka: of groups whose members are dead, of sources, counts and alerts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from click.testing import CliRunner
from confluent_kafka import Consumer, Producer
from prometheus_client import CollectorRegistry, generate_latest
from support.examples import example
from support.faults.watcher import read_all
from support.waiting import until

from consumers.loop import Loop
from consumers.observe.command import observer, observing
from consumers.observe.groups import Behind, GroupCollector, Groups
from schemas.errors import UsageError
from schemas.events import DAY, HOUR, Alert, AlertEvent, AreaCount, Command, CommandKind
from schemas.settings import Settings, from_env
from schemas.wire import Wire

NORMAL: AreaCount = example("AreaCount.normal")
OPEN: Alert = example("Alert.open")
OPENED: AlertEvent = example("AlertEvent.opened")


@contextmanager
def in_a_thread(loop: Loop) -> Iterator[None]:
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield
    finally:
        loop.stop()
        thread.join()


def group_that_read(settings: Settings, topic: str, records: int, group: str) -> None:
    """Read that many records of partition 0 as a member of *group*, commit, and leave."""
    consumer = Consumer(
        {**settings.kafka.librdkafka(), "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([topic])
    left = records
    while left:
        left -= len(consumer.consume(left, 1.0))
    consumer.commit(asynchronous=False)
    consumer.close()


def told_of_groups(settings: Settings) -> str:
    registry = CollectorRegistry()
    registry.register(GroupCollector(Groups(settings)))
    return generate_latest(registry).decode()


def test_a_group_is_behind_by_what_it_did_not_read_though_it_has_no_member(own_topics: Callable[..., Settings]) -> None:
    settings = own_topics(FIREBREAK_PARTITIONS_RAW="1")
    topic, group = settings.catalogue()["incidents.raw"].name, f"{settings.topic_prefix}-enrich"
    producer = Producer(settings.kafka.librdkafka())
    for number in range(10):
        producer.produce(topic, str(number).encode())
    assert producer.flush(30) == 0
    group_that_read(settings, topic, 7, group)
    group_that_read(settings, topic, 10, "of-somebody-else")

    groups = Groups(settings)

    assert groups.members() == {group: 0}
    assert groups.behind([group]) == [Behind(group, topic, 0, 3)]
    told = told_of_groups(settings)
    assert f'firebreak_group_lag_records{{group="{group}",partition="0",topic="{topic}"}} 3.0' in told
    assert f'firebreak_group_members{{group="{group}"}} 0.0' in told
    assert "firebreak_kafka_up 1.0" in told


def test_without_a_broker_it_says_so_and_nothing_else() -> None:
    nowhere = from_env({"FIREBREAK_KAFKA_BROKERS": "127.0.0.1:1"})

    told = told_of_groups(nowhere)

    assert "firebreak_kafka_up 0.0" in told
    assert "firebreak_group_lag_records{" not in told


def test_sources_counts_and_alerts_are_told_as_they_stand(own_topics: Callable[..., Settings]) -> None:
    settings = own_topics()
    catalogue, wire = settings.catalogue(), Wire.builtin()
    loop, registry = observing(settings)
    producer = Producer(settings.kafka.librdkafka())
    sent: list[tuple[str, str, bytes | None]] = [
        ("incidents.raw", "control.room|1", b"{}"),
        ("incidents.raw", "heartbeat", b"{}"),
        ("areas.counts", f"{NORMAL.area}|{NORMAL.group}", wire.encode(NORMAL)),
        ("areas.counts", "gone|robbery", wire.encode(replace(NORMAL, area="gone", group="robbery"))),
        ("areas.counts", "gone|robbery", None),
        ("areas.counts", "broken|robbery", b"\x00none of ours"),
        ("alerts.state", OPEN.alert_id, wire.encode(OPEN)),
        ("alerts.events", OPENED.alert_id, wire.encode(OPENED)),
    ]
    for topic, key, value in sent:
        producer.produce(catalogue[topic].name, value, key.encode())
    assert producer.flush(30) == 0
    with in_a_thread(loop):
        until(lambda: loop.caught_up)
        until(lambda: "firebreak_alert_transitions_total{" in generate_latest(registry).decode())
        told = generate_latest(registry).decode()

    area = f'area="{NORMAL.area}",group="{NORMAL.group}",level="{NORMAL.level}",region="{NORMAL.region}"'
    assert f"firebreak_area_incidents{{{area}}} {NORMAL.incidents_24h}.0" in told
    assert f"firebreak_area_expected_incidents{{{area}}} {NORMAL.expected}" in told
    assert 'area="gone"' not in told
    assert f'firebreak_clock_timestamp_seconds{{region="{NORMAL.region}"}}' in told
    assert 'firebreak_source_records_total{source="control.room"} 1.0' in told
    assert 'source="heartbeat"' not in told
    assert f'kind="OPENED",severity="{OPENED.severity}",tense="{OPENED.tense}"}} 1.0' in told
    assert f'firebreak_alerts_active{{group="{OPEN.group}",region="{OPEN.region}"' in told
    assert 'firebreak_observer_unreadable_records_total{topic="areas.counts"} 1.0' in told


def commands(settings: Settings) -> list[Command]:
    """What the detector's inbox holds of commands."""
    decode = Wire.builtin().decode_inbox
    found = (decode(record.value or b"") for record in read_all(settings, "detect.inbox").get(0, []))
    return [each for each in found if isinstance(each, Command)]


def test_the_detector_is_told_of_a_source_that_is_silent_and_that_is_back(own_topics: Callable[..., Settings]) -> None:
    settings = own_topics(replay=True, FIREBREAK_PARTITIONS_INBOX="1")
    catalogue, now = settings.catalogue(), int(time.time() * 1000)
    producer = Producer(settings.kafka.librdkafka())
    producer.produce(catalogue["areas.counts"].name, Wire.builtin().encode(NORMAL), b"x|y")
    for at in range(now - 2 * DAY, now - HOUR, 60_000):
        producer.produce(catalogue["incidents.raw"].name, b"{}", b"sensor|1", timestamp=at)
    assert producer.flush(30) == 0

    with in_a_thread(observing(settings)[0]):
        until(lambda: len(commands(settings)) == 1, what="the silent source")
        producer.produce(catalogue["incidents.raw"].name, b"{}", b"sensor|2", timestamp=now)
        assert producer.flush(30) == 0
        until(lambda: len(commands(settings)) == 2, what="the source that is back")

    silent, back = commands(settings)
    assert (silent.kind, silent.region, silent.body) == (CommandKind.FEED_SILENT, NORMAL.region, "sensor")
    assert (back.kind, back.region, back.body) == (CommandKind.FEED_BACK, NORMAL.region, "sensor")


def test_without_an_address_the_command_says_which_setting_is_missing() -> None:
    result = CliRunner().invoke(observer, env={"FIREBREAK_METRICS_BIND": ""})

    assert isinstance(result.exception, UsageError)
    assert "FIREBREAK_METRICS_BIND" in str(result.exception)
