"""Least privilege on a real Kafka: each process works with exactly its rights, by its own certificate."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, without saying so
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from support.kafka import KafkaCluster
from support.toytown import DAYS, START, arrivals, write_pack
from support.waiting import until

from schemas.events import DAY
from schemas.rights import COMPONENTS, Right, rights, subscriber_rights
from schemas.settings import Settings, from_env
from streams.admin import Admin
from streams.replay.kafka import Player
from streams.topics import apply

PREFIX = "rights"
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}


def environment(cluster: KafkaCluster, name: str) -> dict[str, str]:
    """Settings of a process that proves itself by a certificate of its name."""
    certificate = cluster.client_certificate(name)
    return {
        "FIREBREAK_KAFKA_BROKERS": cluster.mtls_bootstrap,
        "FIREBREAK_KAFKA_SECURITY": "mtls",
        "FIREBREAK_KAFKA_CA_FILE": str(cluster.authority.ca_file),
        "FIREBREAK_KAFKA_CERT_FILE": str(certificate.cert),
        "FIREBREAK_KAFKA_KEY_FILE": str(certificate.key),
        "FIREBREAK_TOPIC_PREFIX": PREFIX,
        "FIREBREAK_PARTITIONS_RAW": "2",
        "FIREBREAK_PARTITIONS_ENRICHED": "2",
        "FIREBREAK_PARTITIONS_INBOX": "1",
        "FIREBREAK_INSTANCE": f"{name}-1",
    }


def grant(cluster: KafkaCluster, name: str, given: Iterable[Right]) -> None:
    """Give a certificate's owner its rights."""
    bindings = [
        AclBinding(
            KINDS[each.kind],
            each.name,
            PATTERNS[each.pattern],
            f"User:{name}",
            "*",
            getattr(AclOperation, operation.upper()),
            AclPermissionType.ALLOW,
        )
        for each in given
        for operation in each.operations
    ]
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    for answer in admin.create_acls(bindings).values():
        answer.result()


@pytest.fixture(scope="module")
def guarded(secure_kafka: KafkaCluster) -> KafkaCluster:
    """A broker with our topics, on which each process has its rights and no more."""
    everything = from_env(
        {**environment(secure_kafka, "deployer"), "FIREBREAK_KAFKA_SECURITY": "plaintext"} | _open(secure_kafka)
    )
    apply(Admin(everything.kafka), everything.catalogue().values())
    for name in COMPONENTS:
        grant(secure_kafka, name, rights(name, everything.catalogue()))
    grant(secure_kafka, "subscriber", subscriber_rights("council", everything.catalogue()))
    return secure_kafka


def _open(cluster: KafkaCluster) -> dict[str, str]:
    blank = dict.fromkeys(("CA_FILE", "CERT_FILE", "KEY_FILE"), "")
    return {"FIREBREAK_KAFKA_BROKERS": cluster.bootstrap, **{f"FIREBREAK_KAFKA_{k}": v for k, v in blank.items()}}


@contextmanager
def running(cluster: KafkaCluster, folder: Path, *command: str, name: str) -> Iterator[subprocess.Popen[bytes]]:
    told = {**os.environ, **environment(cluster, name), "FIREBREAK_REGIONS": str(folder / "toytown")}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen((sys.executable, "-m", "streams.cli", *command), env=told, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def settings_of(cluster: KafkaCluster, name: str) -> Settings:
    return from_env(environment(cluster, name))


def test_the_three_stages_work_with_exactly_their_rights(guarded: KafkaCluster, tmp_path: Path) -> None:
    write_pack(tmp_path / "toytown")
    ingest, subscriber = settings_of(guarded, "ingest"), settings_of(guarded, "subscriber")
    counts = subscriber.catalogue()["areas.counts"]
    reader = Consumer({**subscriber.kafka.librdkafka(), "group.id": "council-1", "isolation.level": "read_committed"})
    reader.assign([TopicPartition(counts.name, each, 0) for each in range(counts.partitions)])
    with ExitStack() as stack:
        stack.callback(reader.close)
        for stage in ("enrich", "count", "detect"):
            stack.enter_context(running(guarded, tmp_path, "worker", "--stage", stage, name=stage))
        player, later = (
            Player(ingest.kafka.librdkafka(), ingest.catalogue()),
            int(time.time() * 1000) - START - DAYS * DAY,
        )
        for each in arrivals(2, 3):
            at = each.known_at_ms + later
            player.arrive(each._replace(known_at_ms=at, notification=each.notification._replace(occurred_at=at)))
        player.flush()
        said = {stage: (tmp_path / f"{stage}.log").read_text("utf-8")[-500:] for stage in ("enrich", "count", "detect")}
        until(lambda: _area(reader), what=str(said))


def _area(reader: Consumer) -> bool:
    """Whether a count of an area has come; the key of a heartbeat begins with a bar."""
    return any(each.error() is None and not (each.key() or b"|").startswith(b"|") for each in reader.consume(100, 0.5))


def refused(answer: object) -> bool:
    """Whether a broker refuses; a topic that may not be described is as if it were not there."""
    return answer in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }


def writing(settings: Settings, topic: str) -> object:
    """What a broker answers to one record for a topic: a code, or None."""
    answers: list[object] = []
    producer = Producer({**settings.kafka.librdkafka(), "message.timeout.ms": 20_000, "log_level": 0})
    name = settings.catalogue()[topic].name
    producer.produce(name, b"x", on_delivery=lambda error, _: answers.append(None if error is None else error.code()))
    producer.flush(30)
    (answer,) = answers
    return answer


def reading(settings: Settings, topic: str, group: str) -> object:
    """What a broker answers to a fetch of a topic: a code, or None."""
    consumer = Consumer(
        {
            **settings.kafka.librdkafka(),
            "group.id": group,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    name = settings.catalogue()[topic].name
    try:
        hidden = consumer.list_topics(name, timeout=20).topics[name].error
        if hidden is not None:
            return hidden.code()
        consumer.assign([TopicPartition(name, 0, 0)])
        for _ in range(60):
            message = consumer.poll(0.5)
            if message is None:
                continue
            error = message.error()
            return None if error is None or error.code() == KafkaError._PARTITION_EOF else error.code()
    finally:
        consumer.close()
    return "nothing"


@pytest.mark.parametrize(
    "name", ["ingest", "gateway", "notifier", "observer", "injector", "archive", "projector", "console"]
)
def test_nobody_writes_or_reads_beyond_its_rights(guarded: KafkaCluster, name: str) -> None:
    settings, component = settings_of(guarded, name), COMPONENTS[name]

    for topic in ("incidents.raw", "alerts.events", "enrich.journal"):
        assert refused(writing(settings, topic)) is (topic not in component.writes), topic
        assert refused(reading(settings, topic, f"{PREFIX}-{name}")) is (topic not in component.reads), topic


def test_nobody_takes_the_transactions_of_another(guarded: KafkaCluster) -> None:
    settings = settings_of(guarded, "notifier")
    thief = Producer({**settings.kafka.librdkafka(), "transactional.id": f"{PREFIX}-enrich-0", "log_level": 0})

    with pytest.raises(KafkaException) as raised:
        thief.init_transactions(20)

    assert raised.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_a_subscriber_reads_what_is_public_and_nothing_else(guarded: KafkaCluster) -> None:
    settings = settings_of(guarded, "subscriber")

    assert not refused(reading(settings, "alerts.state", "council-2"))
    assert refused(reading(settings, "incidents.raw", "council-2"))
    assert refused(writing(settings, "alerts.state"))
