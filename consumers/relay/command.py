"""``firebreak relay``."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import FrameType

import click
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # exported, without saying so

from consumers.health import serve
from consumers.relay.file import load, topics_of
from consumers.relay.relay import relaying
from schemas.errors import UsageError
from schemas.settings import Settings, from_env

CALL_WITHIN = 20.0
"""Seconds."""
BROKERS_DEFAULT = -1


def _file(settings: Settings) -> Path:
    if settings.subscribers is None:
        raise UsageError("which subscribers? set FIREBREAK_SUBSCRIBERS to the file that names them")
    return settings.subscribers


@click.group()
def relay() -> None:
    """
    Give subscribers topics of their own: what they asked for of the public topics.

    FIREBREAK_SUBSCRIBERS names the file that says who gets what.
    """


@relay.command()
def apply() -> None:
    """
    Make the subscribers' topics that are missing, configured as the public ones.

    Example: FIREBREAK_SUBSCRIBERS=subscribers.yaml firebreak relay apply
    """
    settings = from_env(os.environ)
    catalogue = settings.catalogue()
    wanted = topics_of(load(_file(settings), catalogue), catalogue)
    copies = BROKERS_DEFAULT if settings.replication is None else settings.replication
    config: dict[str, object] = {**settings.kafka.librdkafka(), "log_level": 0}
    admin = AdminClient(config)  # type: ignore[arg-type]  # its types forget what is not text
    for (_, topic), name in wanted.items():
        spec = catalogue[topic]
        new = NewTopic(name, num_partitions=spec.partitions, replication_factor=copies, config=spec.configs)
        click.echo(f"{_made(admin, new)}: {name}")


def _made(admin: AdminClient, topic: NewTopic) -> str:
    try:
        admin.create_topics([topic], request_timeout=CALL_WITHIN)[topic.topic].result()
    except KafkaException as failure:
        error: KafkaError = failure.args[0]
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return "there"
        raise UsageError(f"topic {topic.topic} is not made: {error.str()}") from failure
    return "made"


@relay.command()
def check() -> None:
    """
    Say what each subscriber would get; exit code 2 where the file has a mistake.

    Example: FIREBREAK_SUBSCRIBERS=subscribers.yaml firebreak relay check
    """
    settings = from_env(os.environ)
    catalogue = settings.catalogue()
    filters = load(_file(settings), catalogue)
    for name in topics_of(filters, catalogue).values():
        click.echo(name)


@relay.command()
def run() -> None:
    """
    Relay, until told to stop.

    What is relayed and the position are one transaction: a subscriber gets each record once, as the public topic has
    it, with key and headers. Several share the work, each with a FIREBREAK_INSTANCE of its own.

    Example: FIREBREAK_SUBSCRIBERS=subscribers.yaml firebreak relay run
    """
    settings = from_env(os.environ)
    loop = relaying(settings, load(_file(settings), settings.catalogue()))

    def end(_signal: int, _frame: FrameType | None) -> None:
        loop.stop()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with serve(settings.metrics_bind, loop.registry, alive=lambda: loop.alive, ready=lambda: loop.caught_up):
        loop.run()
