"""``firebreak feed``: release or refuse what the guard of a source holds."""

from __future__ import annotations

import json
from typing import Literal

import click
from confluent_kafka import KafkaException, Producer

from consumers.desk.place import asking, now, place_of
from schemas.errors import FirebreakError, UsageError
from schemas.events import DESK_SOURCE, Kind, Millis, Notification
from schemas.settings import Settings

Word = Literal["release", "refuse"]
KEY = b"heartbeat"


class Untold(FirebreakError):
    """The broker did not take the answer for every partition; it may be given again."""


def order(word: Word, source: str, actor: str, issued_at: Millis) -> Notification:
    """The notification that carries a person's answer about *source*."""
    return Notification(
        kind=Kind.HEARTBEAT,
        source=DESK_SOURCE,
        source_ref=source,
        revision=0,
        occurred_at=issued_at,
        published_at=issued_at,
        longitude=None,
        latitude=None,
        area_code=None,
        category=word,
        scheme="",
        event_id=actor,
    )


def send(settings: Settings, value: bytes, patience: float) -> int:
    """
    Append *value* to every raw partition; answer how many there are.

    Raises
    ------
    Untold
        Not all of them took it within *patience* seconds.

    """
    topic = settings.catalogue()["incidents.raw"].name
    producer = Producer({**settings.kafka.librdkafka(), "enable.idempotence": True, "log_level": 3})
    kept: list[int | None] = []
    try:
        partitions = len(producer.list_topics(topic, timeout=patience).topics[topic].partitions)
        for partition in range(partitions):
            producer.produce(
                topic,
                value,
                KEY,
                partition,
                on_delivery=lambda error, message: kept.append(message.partition()) if error is None else None,
            )
    except (KafkaException, BufferError) as failure:
        raise Untold(f"no broker answers: {failure}") from failure
    producer.flush(patience)
    if not partitions:
        raise UsageError(f"topic {topic} is missing: run `firebreak topics apply`")
    if len(kept) < partitions:
        raise Untold(f"{len(kept)} of {partitions} partitions took the answer: give it again")
    return partitions


@click.group()
def feed() -> None:
    """Release or refuse what is held of a source that took hundreds of incidents away at once."""


@feed.command()
@click.option("--source", required=True, help="As incidents' ids begin.")
@asking
def release(source: str, **options: str) -> None:
    """
    Apply what is held: the counts follow the source.

    Example: firebreak feed release --source met.cad
    """
    _tell("release", source, options)


@feed.command()
@click.option("--source", required=True, help="As incidents' ids begin.")
@asking
def refuse(source: str, **options: str) -> None:
    """
    Drop what is held: the incidents stay as they were.

    Example: firebreak feed refuse --source met.cad
    """
    _tell("refuse", source, options)


def _tell(word: Word, source: str, options: dict[str, str]) -> None:
    place = place_of(
        options["broker"],
        options["prefix"],
        as_json=bool(options["as_json"]),
        actor=options["actor"],
        patience=float(options["patience"]),
    )
    if source not in place.settings.guarded_sources:
        raise UsageError(f"{source} is not one of FIREBREAK_GUARDED_SOURCES: nothing of it is held")
    value = place.wire.encode_notification(order(word, source, place.actor, now()))
    partitions = send(place.settings, value, place.patience)
    told = {"source": source, "answer": word, "actor": place.actor, "partitions": partitions}
    click.echo(
        json.dumps(told) if place.as_json else f"{word} of what is held of {source}: told to {partitions} partitions"
    )
