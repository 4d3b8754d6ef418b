from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from schemas.connection import KafkaSettings
from schemas.errors import UsageError
from streams.admin import Admin
from streams.broker import EmbeddedBroker, MockCluster, NoEmbeddedBroker
from streams.doctor import doctor, examine
from streams.settings import from_env
from streams.topics import topics, verify

PRODUCE = 0
GONE_WITHIN = 60.0
"""Seconds."""


def admin(broker: EmbeddedBroker) -> Admin:
    return Admin(KafkaSettings(brokers=(broker.bootstrap,)))


def called(command: Callable[..., object], *arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(command, arguments, env=environ, standalone_mode=False)  # type: ignore[arg-type]  # click's command


def wait_until_gone(pid: int) -> None:
    give_up = time.monotonic() + GONE_WITHIN
    while Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8"):
        assert time.monotonic() < give_up, f"process {pid} lives on"
        time.sleep(0.01)


def test_topics_have_the_partitions_that_were_asked_for(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create("a.b", 3)
    embedded_broker.create("c", 11)

    assert admin(embedded_broker).topics() == {"a.b": 3, "c": 11}


def test_what_is_written_is_read(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create("a", 1)
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap, "log_level": 0})
    for number in range(1_000):
        producer.produce("a", str(number).encode(), partition=0)
    assert producer.flush(60) == 0
    consumer = Consumer({"bootstrap.servers": embedded_broker.bootstrap, "group.id": "g", "fetch.wait.max.ms": 20})
    consumer.assign([TopicPartition("a", 0, 0)])

    found = consumer.consume(1_000, 60)

    consumer.close()
    assert [message.value() for message in found] == [str(number).encode() for number in range(1_000)]


def test_a_broker_that_is_down_answers_again_when_it_is_up(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create("a", 1)
    connection = admin(embedded_broker)
    embedded_broker.down()
    with pytest.raises(UsageError, match=r"no broker answers at 127\.0\.0\.1:\d+ within 0.5 s"):
        connection.metadata(0.5)

    embedded_broker.up()

    assert connection.topics(60.0) == {"a": 1}


def test_a_worker_says_for_which_broker_it_waits_and_gives_up_when_it_was_told_to() -> None:
    environment = {**os.environ, "FIREBREAK_KAFKA_BROKERS": "127.0.0.1:9", "FIREBREAK_BROKER_WAIT": "3s"}

    ended = subprocess.run(
        [sys.executable, "-m", "streams.cli", "worker", "--stage", "count"],
        env={**environment, "FIREBREAK_REGIONS": "london"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    waiting, given_up = ended.stderr.splitlines()
    assert "waiting up to 3 s for a broker at 127.0.0.1:9" in waiting
    assert "no broker answers at 127.0.0.1:9 within 3 s" in given_up


def test_answers_can_be_made_slow(embedded_broker: EmbeddedBroker) -> None:
    connection = admin(embedded_broker)
    connection.metadata()
    embedded_broker.rtt(300)

    begun = time.monotonic()
    connection.metadata()

    assert time.monotonic() - begun >= 0.3


def test_requests_can_be_made_to_fail(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create("a", 1)
    embedded_broker.fail(PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE)
    failures: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": embedded_broker.bootstrap, "log_level": 0})

    for _ in range(2):
        producer.produce("a", b"x", on_delivery=lambda error, _: failures.append(error))
        producer.flush(60)

    assert [None if each is None else each.code() for each in failures] == [
        KafkaError.MSG_SIZE_TOO_LARGE,
        None,
    ]


def test_a_command_that_can_not_be_obeyed_says_why(embedded_broker: EmbeddedBroker) -> None:
    with pytest.raises(NoEmbeddedBroker, match="broker 7: Broker: Broker not available"):
        embedded_broker.down(7)
    with pytest.raises(NoEmbeddedBroker, match="there are create, down, up"):
        embedded_broker.create("two words", 1)

    embedded_broker.create("a", 1)
    assert admin(embedded_broker).topics() == {"a": 1}


def test_it_ends_when_it_is_closed() -> None:
    with EmbeddedBroker() as broker:
        pid = broker.pid

    assert not Path(f"/proc/{pid}").exists()


def test_it_ends_with_the_process_that_started_it() -> None:
    script = "import sys, time\nfrom streams.broker import EmbeddedBroker\nbroker = EmbeddedBroker()\nbroker.start()\n"
    parent = subprocess.Popen(
        [sys.executable, "-c", script + "print(broker.pid, flush=True)\ntime.sleep(600)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.kill()
    parent.communicate()

    wait_until_gone(child)


def test_ctrl_c_in_the_terminal_is_not_for_it() -> None:
    with EmbeddedBroker({"a": 1}) as broker:
        assert os.getpgid(broker.pid) != os.getpgid(0)


def test_a_broker_that_was_killed_is_told() -> None:
    with EmbeddedBroker() as broker:
        os.kill(broker.pid, signal.SIGKILL)
        with pytest.raises((NoEmbeddedBroker, BrokenPipeError)):
            broker.create("a", 1)


def test_a_transactional_producer_works_against_it() -> None:
    with EmbeddedBroker({"a": 1}) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": "t", "log_level": 0})
        producer.init_transactions(10)
        producer.begin_transaction()
        producer.produce("a", b"x", partition=0)
        producer.commit_transaction(10)


def test_plan_compares_names_and_partitions_of_an_embedded_broker() -> None:
    catalogue = from_env({}).catalogue()
    counts = {spec.name: spec.partitions for spec in catalogue.values() if spec.id != "audit"}
    with EmbeddedBroker(counts | {catalogue["incidents.raw"].name: 5}) as broker:
        result = called(topics, "plan", "--broker", broker.bootstrap)

    assert result.return_value == 2
    assert result.output.splitlines() == [
        "+ to make: firebreak.audit.v1, 1 partitions, delete",
        "! firebreak.incidents.raw.v1: number of partitions is 5, the catalogue says 8",
        "  this broker does not tell the configuration of topics: only names and partitions were compared",
        "11 as they should be, 1 to make, 1 differences",
    ]


def test_apply_says_that_an_embedded_broker_makes_no_topics(embedded_broker: EmbeddedBroker) -> None:
    result = called(topics, "apply", "--broker", embedded_broker.bootstrap)

    assert isinstance(result.exception, UsageError)
    assert "makes no topics on request" in str(result.exception)


def test_a_worker_without_its_topics_is_told_what_to_do(embedded_broker: EmbeddedBroker) -> None:
    settings = from_env(embedded_broker.environment())
    embedded_broker.create("firebreak.incidents.raw.v1", 8)

    with pytest.raises(UsageError, match=r"missing: firebreak.incidents.enriched.v1, .*run `firebreak topics apply`"):
        verify(settings, "enrich")


def test_a_worker_whose_topics_are_divided_otherwise_is_told_what_to_do() -> None:
    wanted = {spec.name: spec.partitions for spec in from_env({}).catalogue().values()}
    with EmbeddedBroker(wanted | {"firebreak.count.journal.v1": 3}) as broker:
        settings = from_env(broker.environment())
        verify(settings, "enrich")
        verify(settings, "detect")

        with pytest.raises(UsageError, match=r"is 3, the catalogue says 8; set FIREBREAK_PARTITIONS_ENRICHED"):
            verify(settings, "count")


def test_a_worker_waits_for_a_broker_that_is_away_for_a_while() -> None:
    with EmbeddedBroker({spec.name: spec.partitions for spec in from_env({}).catalogue().values()}) as broker:
        settings = from_env(broker.environment())
        broker.down()
        with pytest.raises(UsageError, match=r"within 0\.3 s"):
            verify(settings, patience=0.3)
        broker.up()

        verify(settings, patience=60.0)


def test_doctor_looks_at_everything_and_names_what_is_wrong() -> None:
    catalogue = from_env({}).catalogue()
    with EmbeddedBroker({spec.name: spec.partitions for spec in catalogue.values() if spec.id != "audit"}) as broker:
        result = called(doctor, **broker.environment(), FIREBREAK_REDIS_URL="redis://:hush@127.0.0.1:1/0")

    marks = {line.split(":")[0].split(" 1")[0]: line for line in result.output.splitlines()}
    assert result.return_value == 2
    assert "✓ versions" in marks
    assert "✓ codecs" in marks
    assert "✓ region london" in marks
    assert "✓ broker" in marks
    assert marks["✗ topics"].endswith("missing: firebreak.audit.v1; run `firebreak topics apply`")
    assert "check FIREBREAK_REDIS_URL" in marks["✗ redis"]
    assert "hush" not in result.output


def test_doctor_stops_asking_a_broker_that_is_away() -> None:
    checks = list(examine(from_env({"FIREBREAK_KAFKA_BROKERS": "127.0.0.1:1", "FIREBREAK_REGIONS": "atlantis"})))

    assert [check.name for check in checks if not check.well] == [
        "region atlantis",
        "broker 127.0.0.1:1 (plaintext)",
    ]
    assert "no broker answers at 127.0.0.1:1" in checks[-1].found


def test_a_library_without_a_mock_cluster_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.broker._librdkafka", object)

    with pytest.raises(NoEmbeddedBroker, match="has no rd_kafka_conf_new: install the pinned confluent-kafka"):
        MockCluster()
