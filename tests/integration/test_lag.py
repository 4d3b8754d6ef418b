"""What ``firebreak lag`` tells of groups on a real Kafka, also of those whose members are dead."""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Consumer, Producer
from prometheus_client import generate_latest

from streams.lag import Behind, Groups, collecting
from streams.settings import Settings, from_env


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
    told = generate_latest(collecting(settings)).decode()
    assert f'firebreak_group_lag_records{{group="{group}",partition="0",topic="{topic}"}} 3.0' in told
    assert f'firebreak_group_members{{group="{group}"}} 0.0' in told
    assert "firebreak_kafka_up 1.0" in told


def test_without_a_broker_it_says_so_and_nothing_else() -> None:
    nowhere = from_env({"FIREBREAK_KAFKA_BROKERS": "127.0.0.1:1"})

    told = generate_latest(collecting(nowhere)).decode()

    assert "firebreak_kafka_up 0.0" in told
    assert "firebreak_group_lag_records{" not in told
