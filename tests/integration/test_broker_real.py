from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer
from click.testing import CliRunner, Result
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # exported, without saying so
from support.certificates import Authority
from support.kafka import KafkaCluster
from support.tokens import TokenEndpoint

from schemas.connection import KafkaSettings
from schemas.errors import UsageError
from streams import credentials
from streams.admin import Admin
from streams.doctor import Check, clock, examine
from streams.kafka_log import KafkaLog
from streams.settings import Settings, from_env
from streams.topics import Plan, apply, plan, topics, verify

DAY = 86_400_000
MakeTopics = Callable[..., Settings]


def sent(settings: Settings, topic: str, timestamp: int = 0) -> KafkaError | None:
    """Send one record and give what became of it."""
    outcome: list[KafkaError | None] = []
    producer = Producer({**settings.kafka.librdkafka(), "message.timeout.ms": 20_000, "log_level": 0})
    producer.produce(topic, b"x", partition=0, timestamp=timestamp, on_delivery=lambda error, _: outcome.append(error))
    producer.flush(25)
    return outcome[0]


def test_what_is_made_is_what_the_catalogue_says(own_topics: MakeTopics) -> None:
    settings = own_topics(FIREBREAK_PARTITIONS_RAW="3")

    specs = tuple(settings.catalogue().values())

    assert plan(Admin(settings.kafka), specs) == Plan((), (), specs)
    for stage in ("", "enrich", "count", "detect"):
        verify(settings, stage)


def test_applying_again_changes_nothing(own_topics: MakeTopics) -> None:
    settings = own_topics()

    again = apply(Admin(settings.kafka), settings.catalogue().values())

    assert (again.missing, again.differing) == ((), ())


def test_what_differs_is_told_and_left_alone(own_topics: MakeTopics) -> None:
    settings = own_topics(replay=True, FIREBREAK_PARTITIONS_RAW="2")
    other = replace(settings, partitions=replace(settings.partitions, raw=5))
    admin = Admin(settings.kafka)

    told = {
        (each.topic.split(".", 1)[1], each.what): each for each in apply(admin, other.catalogue().values()).differing
    }

    assert str(told["enrich.journal.v1", "number of partitions"]).endswith(
        "number of partitions is 2, the catalogue says 5"
    )
    stamps = told["incidents.raw.v1", "message.timestamp.type"]
    assert (stamps.found, stamps.wanted) == ("CreateTime", "LogAppendTime")
    kept = told["alerts.events.v1", "retention.ms"]
    assert (kept.found, kept.wanted) == ("-1", str(90 * DAY))
    assert admin.topics()[settings.catalogue()["incidents.raw"].name] == 2
    with pytest.raises(UsageError, match=r"is 2, the catalogue says 5; set FIREBREAK_PARTITIONS_RAW to what it is"):
        verify(other, "enrich")


def test_a_missing_topic_alone_is_made(own_topics: MakeTopics) -> None:
    settings = own_topics()
    admin, catalogue = Admin(settings.kafka), settings.catalogue()
    gone = catalogue["audit"].name
    admin.delete([gone])
    while gone in admin.topics():
        time.sleep(0.05)

    done = apply(admin, catalogue.values())

    assert [spec.name for spec in done.missing] == [gone]
    verify(settings)


def test_every_partition_is_served_when_apply_returns(own_topics: MakeTopics) -> None:
    settings = own_topics()

    made = {spec.name: spec.partitions for spec in settings.catalogue().values()}

    assert Admin(settings.kafka).unserved(made) == set()


def test_append_times_replace_those_of_the_sender(own_topics: MakeTopics) -> None:
    settings = own_topics()
    raw = settings.catalogue()["incidents.raw"]
    before = int(time.time() * 1000)

    assert sent(settings, raw.name, timestamp=before - 40 * DAY) is None

    newest = Admin(settings.kafka).newest_append(raw.name, raw.partitions)
    assert newest is not None
    assert before - 1000 <= newest <= int(time.time() * 1000) + 1000


def test_a_replay_takes_any_time_and_keeps_it(own_topics: MakeTopics) -> None:
    settings = own_topics(replay=True)
    raw = settings.catalogue(replay=True)["incidents.raw"]
    ahead = int(time.time() * 1000) + 400 * DAY

    outcomes = [sent(settings, raw.name, timestamp=stamp) for stamp in (946_684_800_000, ahead)]

    assert outcomes == [None, None]
    assert Admin(settings.kafka).newest_append(raw.name, raw.partitions) == ahead


def test_doctor_finds_nothing_wrong_with_what_apply_made(own_topics: MakeTopics) -> None:
    settings = own_topics()
    sent(settings, settings.catalogue()["incidents.raw"].name)

    checks = list(examine(settings))

    assert [str(check) for check in checks if not check.well] == []
    assert {"topics", "partitions", "timestamps", "retention", "clock"} <= {check.name for check in checks}


def test_doctor_sees_that_our_clock_is_behind(own_topics: MakeTopics) -> None:
    settings = own_topics()
    sent(settings, settings.catalogue()["incidents.raw"].name)

    behind = clock(Admin(settings.kafka), settings, now=lambda: time.time() - 60)

    assert behind == Check("clock", well=False, found=behind.found)
    assert "s behind the broker's" in behind.found


@pytest.fixture(scope="module")
def guarded(secure_kafka: KafkaCluster) -> str:
    """A topic of the guarded broker that nobody has a right to."""
    open_door = Admin(KafkaSettings(brokers=tuple(secure_kafka.bootstrap.split(","))))
    open_door.create([NewTopic("guarded", 1, 1)])
    return "guarded"


def variables(cluster: KafkaCluster, security: str) -> dict[str, str]:
    found = {
        "FIREBREAK_KAFKA_SECURITY": security,
        "FIREBREAK_KAFKA_CA_FILE": str(cluster.authority.ca_file),
        "FIREBREAK_KAFKA_BROKERS": cluster.mtls_bootstrap if security == "mtls" else cluster.sasl_bootstrap,
    }
    if security == "mtls":
        certificate = cluster.client_certificate("carol")
        files = {"CERT_FILE": certificate.cert, "KEY_FILE": certificate.key}
    else:
        files = {}
        found |= {"FIREBREAK_KAFKA_USERNAME": "alice", "FIREBREAK_KAFKA_PASSWORD": "alice-pw"}
    return found | {f"FIREBREAK_KAFKA_{name}": str(path) for name, path in files.items()}


async def topics_seen(settings: Settings) -> set[str]:
    """What a consumer of aiokafka may see."""
    consumer = AIOKafkaConsumer(**credentials.aiokafka(settings.kafka))
    await consumer.start()
    try:
        found: set[str] = await consumer.topics()
        return found
    finally:
        await consumer.stop()


SECURITIES = ["plain", "scram-sha-256", "scram-sha-512", "mtls"]


@pytest.mark.parametrize("security", SECURITIES)
def test_librdkafka_gets_in_by_every_way(secure_kafka: KafkaCluster, guarded: str, security: str) -> None:
    settings = from_env(variables(secure_kafka, security))

    found = Admin(settings.kafka).metadata()

    assert len(found.brokers) == 1
    # an access list lets nobody see it
    assert guarded not in found.topics


@pytest.mark.parametrize("security", SECURITIES)
def test_aiokafka_gets_in_by_every_way(secure_kafka: KafkaCluster, security: str) -> None:
    assert asyncio.run(topics_seen(from_env(variables(secure_kafka, security)))) == set()


DORA = "dora-secret"


@pytest.fixture
def tokens() -> Iterator[TokenEndpoint]:
    with TokenEndpoint("dora", DORA) as endpoint:
        yield endpoint


def by_token(cluster: KafkaCluster, endpoint: TokenEndpoint, secret: str) -> Settings:
    return from_env(
        {
            "FIREBREAK_KAFKA_BROKERS": cluster.sasl_bootstrap,
            "FIREBREAK_KAFKA_SECURITY": "oauthbearer",
            "FIREBREAK_KAFKA_CA_FILE": str(cluster.authority.ca_file),
            "FIREBREAK_KAFKA_OAUTH_TOKEN_ENDPOINT": endpoint.url,
            "FIREBREAK_KAFKA_OAUTH_CLIENT_ID": "dora",
            "FIREBREAK_KAFKA_OAUTH_CLIENT_SECRET": secret,
        }
    )


def test_librdkafka_gets_in_by_token(secure_kafka: KafkaCluster, tokens: TokenEndpoint) -> None:
    assert len(Admin(by_token(secure_kafka, tokens, DORA).kafka).metadata().brokers) == 1


def test_aiokafka_gets_in_by_token(secure_kafka: KafkaCluster, tokens: TokenEndpoint) -> None:
    assert asyncio.run(topics_seen(by_token(secure_kafka, tokens, DORA))) == set()
    assert tokens.asked == 1


def test_a_secret_that_the_token_endpoint_refuses_is_one_clear_line(
    secure_kafka: KafkaCluster, tokens: TokenEndpoint
) -> None:
    settings = by_token(secure_kafka, tokens, "wrong")

    with pytest.raises(UsageError, match=r"does not let us in: .*invalid_client.*; check the user and its password"):
        Admin(settings.kafka).metadata(10)


def called(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(topics, arguments, env=environ, standalone_mode=False)


@pytest.mark.parametrize("security", ["plain", "scram-sha-512"])
def test_a_wrong_password_is_one_clear_line(secure_kafka: KafkaCluster, security: str) -> None:
    wrong = variables(secure_kafka, security) | {"FIREBREAK_KAFKA_PASSWORD": "hush-hush"}

    result = called("plan", **wrong)

    assert isinstance(result.exception, UsageError)
    said = str(result.exception)
    assert "does not let us in: SASL authentication error" in said
    assert said.endswith("check the user and its password or token")
    assert "hush" not in said
    assert "\n" not in said


def test_a_broker_signed_by_a_stranger_is_one_clear_line(
    secure_kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"), "stranger")
    wrong = variables(secure_kafka, "scram-sha-512") | {"FIREBREAK_KAFKA_CA_FILE": str(stranger.ca_file)}

    result = called("plan", **wrong)

    assert "certificate verify failed" in str(result.exception)
    assert str(result.exception).endswith("check FIREBREAK_KAFKA_CA_FILE, the certificate and FIREBREAK_KAFKA_SECURITY")


def test_a_client_without_the_certificate_that_is_asked_for_is_one_clear_line(secure_kafka: KafkaCluster) -> None:
    wrong = variables(secure_kafka, "mtls") | {"FIREBREAK_KAFKA_SECURITY": "tls"}

    result = called(
        "plan", **{name: text for name, text in wrong.items() if name[16:] not in {"CERT_FILE", "KEY_FILE"}}
    )

    assert "does not let us in" in str(result.exception)
    assert "check FIREBREAK_KAFKA_CA_FILE, the certificate" in str(result.exception)


def test_who_has_no_right_is_refused(secure_kafka: KafkaCluster, guarded: str) -> None:
    settings = from_env(variables(secure_kafka, "scram-sha-512"))

    refused = sent(settings, guarded)

    assert refused is not None
    assert refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def values(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = [message.value() for message in consumer.consume(count, 20)]
    consumer.close()
    return found


def test_what_is_committed_survives_a_broker_that_is_killed(kafka_nodes: Callable[..., KafkaCluster]) -> None:
    cluster = kafka_nodes(1)
    settings = from_env({"FIREBREAK_KAFKA_BROKERS": cluster.bootstrap})
    apply(Admin(settings.kafka), settings.catalogue().values())
    audit = settings.catalogue()["audit"].name
    assert sent(settings, audit) is None

    cluster.kill(1)
    cluster.start(1)

    assert values(cluster.bootstrap, audit, 1) == [b"x"]


def test_three_brokers_keep_three_copies_and_live_on_without_one(kafka_nodes: Callable[..., KafkaCluster]) -> None:
    cluster = kafka_nodes(3)
    settings = from_env({"FIREBREAK_KAFKA_BROKERS": cluster.bootstrap})
    apply(Admin(settings.kafka), settings.catalogue().values())
    audit = settings.catalogue()["audit"].name
    replicas = Admin(settings.kafka).metadata().topics[audit].partitions[0].replicas
    leader = Admin(settings.kafka).metadata().topics[audit].partitions[0].leader

    cluster.kill(leader)

    assert sorted(replicas) == [1, 2, 3]
    assert sent(settings, audit) is None


def test_a_frozen_broker_answers_when_it_goes_on(kafka_nodes: Callable[..., KafkaCluster]) -> None:
    cluster = kafka_nodes(1)
    settings = from_env({"FIREBREAK_KAFKA_BROKERS": cluster.bootstrap})
    cluster.pause(1)
    with pytest.raises(UsageError, match="no broker answers"):
        Admin(settings.kafka).metadata(0.5)

    cluster.resume(1)

    assert len(Admin(settings.kafka).metadata().brokers) == 1


def test_a_second_producer_of_one_name_fences_the_first(own_topics: MakeTopics) -> None:
    settings = own_topics()
    audit = settings.catalogue()["audit"].name
    config = {**settings.kafka.librdkafka(), "transactional.id": f"{settings.topic_prefix}-x", "log_level": 0}
    first, second = Producer(config), Producer(config)
    first.init_transactions(20)
    first.begin_transaction()
    first.produce(audit, b"lost", partition=0)
    first.flush(10)

    second.init_transactions(20)

    with pytest.raises(KafkaException) as fenced:
        first.commit_transaction(10)
    assert fenced.value.args[0].fatal()


def transaction(settings: Settings, name: str) -> Producer:
    """A producer with an open transaction."""
    config = {**settings.kafka.librdkafka(), "transactional.id": f"{settings.topic_prefix}-{name}", "log_level": 0}
    producer = Producer(config)
    producer.init_transactions(20)
    producer.begin_transaction()
    return producer


def test_a_journal_is_read_to_what_was_committed_behind_an_undecided_transaction(own_topics: MakeTopics) -> None:
    settings = own_topics()
    journal, log = settings.catalogue()["detect.journal"].name, KafkaLog(settings.kafka.librdkafka())
    undecided, committed = transaction(settings, "undecided"), transaction(settings, "committed")
    undecided.produce(journal, b"0", b"undecided", partition=0)
    assert undecided.flush(20) == 0
    committed.produce(journal, b"1", b"committed", partition=0)
    committed.commit_transaction(20)

    with ThreadPoolExecutor(1) as thread:
        reading = thread.submit(lambda: [record for chunk in log.read(journal, 0) for record in chunk])
        with pytest.raises(TimeoutError):
            reading.result(1.0)
        undecided.abort_transaction(20)
        assert reading.result(30) == [(b"committed", b"1")]
