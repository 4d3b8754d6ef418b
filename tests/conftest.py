"""Fixtures: brokers and servers that are real, and what keeps a test without them from being skipped unseen."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as profile
from support.jars import NoKafka
from support.kafka import KafkaCluster, make_archive
from support.missing import missing
from support.redis import NoRedis, RedisServer

from streams.admin import Admin
from streams.broker import EmbeddedBroker
from streams.settings import Settings, from_env
from streams.topics import apply

# how long an example takes says nothing on a machine that is busy with something else
profile.register_profile("patient", profile(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
profile.load_profile("patient")


@pytest.fixture(scope="session")
def _jars() -> None:
    try:
        make_archive()
    except NoKafka as why:
        missing(why)


@pytest.fixture(scope="session")
def kafka(_jars: None) -> Iterator[KafkaCluster]:
    """One real broker for all tests that do it no harm; give topics a prefix of their own."""
    with KafkaCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def secure_kafka(_jars: None) -> Iterator[KafkaCluster]:
    """One real broker with TLS, SASL and access lists; ``alice`` and ``bob`` have the passwords ``<name>-pw``."""
    with KafkaCluster(secure=True, users={"alice": "alice-pw", "bob": "bob-pw"}) as cluster:
        yield cluster


@pytest.fixture
def kafka_nodes(_jars: None) -> Iterator[Callable[..., KafkaCluster]]:
    """Make clusters of one's own, to be harmed: ``kafka_nodes(3)``; arguments are those of :class:`KafkaCluster`."""
    with ExitStack() as running:

        def make(nodes: int = 3, **options: object) -> KafkaCluster:
            return running.enter_context(KafkaCluster(nodes, **options))  # type: ignore[arg-type]  # checked there

        yield make


@pytest.fixture
def own_topics(kafka: KafkaCluster) -> Iterator[Callable[..., Settings]]:
    """
    Make topics of one's own on the shared broker: ``own_topics(FIREBREAK_PARTITIONS_RAW="2")`` gives the settings.

    With ``replay=True`` they are those of a replay. At the end they are deleted, or the broker would grow slow.
    """
    with ExitStack() as undo:

        def make(*, replay: bool = False, **environ: str) -> Settings:
            chosen = {"FIREBREAK_TOPIC_PREFIX": f"t{uuid.uuid4().hex[:8]}", "FIREBREAK_KAFKA_BROKERS": kafka.bootstrap}
            settings = from_env(chosen | environ)
            admin, specs = Admin(settings.kafka), settings.catalogue(replay=replay).values()
            undo.callback(admin.delete, [spec.name for spec in specs])
            apply(admin, specs)
            return settings

        yield make


@pytest.fixture
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """Give the embedded broker, without topics."""
    with EmbeddedBroker() as broker:
        yield broker


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """One real Redis for all tests that do it no harm."""
    try:
        server = RedisServer()
    except NoRedis as why:
        missing(why)
    with server:
        yield server
