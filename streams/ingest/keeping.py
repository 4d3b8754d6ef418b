"""``firebreak raw``: the notifications that Kafka has, into a file and out of it again, as they were received."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import click
import fastavro
from confluent_kafka import Message

from schemas.catalogue import Timestamps
from schemas.errors import UsageError
from schemas.events import Millis
from streams.admin import Admin, Unsupported
from streams.ingest.reading import messages
from streams.ingest.rejections import RAW
from streams.ingest.sending import Place, Sender, places
from streams.settings import Settings, from_env
from streams.topics import chosen_settings

STAMPS = "message.timestamp.type"
SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "firebreak.kept.Received",
        "doc": "A record of incidents.raw as Kafka had it.",
        "fields": [
            {"name": "partition", "type": "int"},
            {"name": "offset", "type": "long"},
            {"name": "received_at", "type": "long", "doc": "Milliseconds since 1970, UTC."},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
        ],
    }
)


class Received(TypedDict):
    """A record of incidents.raw as Kafka had it."""

    partition: int
    offset: int
    received_at: Millis
    key: bytes | None
    value: bytes | None


def received(settings: Settings, place: Place) -> Iterator[Received]:
    """All that the topic holds now, by the time of receipt; memory does not grow with it."""
    each = (map(_received, messages(settings.kafka, place, [number])) for number in range(place.partitions))
    return heapq.merge(*each, key=lambda record: record["received_at"])


def _received(message: Message) -> Received:
    return {
        "partition": message.partition() or 0,
        "offset": message.offset() or 0,
        "received_at": message.timestamp()[1],
        "key": message.key(),
        "value": message.value(),
    }


def kept(file: Path) -> Iterator[Received]:
    """
    Records of a file that ``raw save`` wrote.

    Raises
    ------
    UsageError
        It is no such file, or is cut off.

    """
    try:
        with file.open("rb") as stream:
            for record in fastavro.reader(stream, SCHEMA):
                yield Received(**record)  # type: ignore[typeddict-item]  # as the schema says
    except OSError as wrong:
        raise UsageError(f"{file} can't be read: {wrong.strerror}") from wrong
    except (ValueError, EOFError, LookupError, TypeError) as wrong:
        raise UsageError(f"{file} is no whole file of `firebreak raw save`: {wrong}") from wrong


@contextmanager
def stamped_by_senders(admin: Admin, topic: str) -> Iterator[None]:
    """While open, the topic keeps the timestamps that records are sent with."""
    found = admin.configs([topic])
    before = None if isinstance(found, Unsupported) else found[topic][STAMPS]
    if before in (None, Timestamps.CREATED.value):
        yield
        return
    admin.configure(topic, STAMPS, Timestamps.CREATED.value)
    try:
        yield
    finally:
        admin.configure(topic, STAMPS, Timestamps.APPENDED.value)


_BROKER = click.option("--broker", metavar="HOST:PORT", help="Broker, instead of FIREBREAK_KAFKA_BROKERS.")
_PREFIX = click.option("--prefix", metavar="NAME", help="First part of topic names, instead of FIREBREAK_TOPIC_PREFIX.")


@click.group()
def raw() -> None:
    """Notifications as they were received: into a file, and from it into topics that are made anew."""


@raw.command("save")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_BROKER
@_PREFIX
def save_command(file: Path, broker: str | None, prefix: str | None) -> None:
    """
    Keep what incidents.raw holds now: as a backup, or to divide the topics otherwise.

    \b
    Example:
      firebreak raw save raw.avro
    """  # noqa: D301 - \b keeps click from filling the example
    settings = chosen_settings(from_env(os.environ), broker, prefix)
    (place,) = places(settings.kafka, settings.catalogue()[RAW])
    aside = file.with_name(file.name + ".part")
    count = Counted(received(settings, place))
    try:
        with aside.open("wb") as stream:
            fastavro.writer(stream, SCHEMA, count, codec="deflate")
        aside.replace(file)
    except OSError as wrong:
        raise UsageError(f"{file} can't be written: {wrong.strerror}") from wrong
    finally:
        aside.unlink(missing_ok=True)
    click.echo(f"{count.seen:,} notifications of {place.name} kept in {file}")


@raw.command("load")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_BROKER
@_PREFIX
def load_command(file: Path, broker: str | None, prefix: str | None) -> None:
    """
    Send what a file keeps, in the order and with the time of receipt; what is there already counts once.

    Meanwhile the topic takes the timestamps of senders: no source should send into it.

    \b
    Example:
      firebreak raw load raw.avro --prefix firebreak2
    """  # noqa: D301 - same
    settings = chosen_settings(from_env(os.environ), broker, prefix)
    (place,) = places(settings.kafka, settings.catalogue()[RAW])
    for _ in kept(file):
        pass
    count = Counted(kept(file))
    with stamped_by_senders(Admin(settings.kafka), place.name), Sender(settings.kafka) as sender:
        for record in count:
            key = record["key"]
            partition = record["partition"] % place.partitions if key is None else place.partition(key)
            sender.send(place.name, partition, key, record["value"], record["received_at"])
    click.echo(f"{count.seen:,} notifications of {file} sent to {place.name}")


class Counted:
    """Records, and how many of them have gone by."""

    def __init__(self, records: Iterable[Received]) -> None:
        self._records = records
        self.seen = 0

    def __iter__(self) -> Iterator[Received]:
        for record in self._records:
            self.seen += 1
            yield record
