"""A guarded source on a real Kafka: hundreds lose their place, nothing is subtracted, one alarm, a person decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer
from support import toytown
from support.desk import DIVIDED
from support.waiting import until

from consumers.desk.feed import feed
from consumers.reading import read
from schemas.events import HOUR, UNKNOWN_AREA, AlertEvent, AlertKind, Incident, Kind, Notification, Quality
from schemas.settings import Settings
from schemas.wire import Wire
from streams.ticks import heartbeat
from streams.workers import Workers

WIRE = Wire.builtin()
SOURCE, MANY, MINUTE = "met.cad", 120, 60_000


def report(number: int, now: int, revision: int = 1, area: str | None = "B") -> Notification:
    return Notification(
        kind=Kind.REPORTED if revision == 1 else Kind.UPDATED,
        source=SOURCE,
        source_ref=str(number),
        revision=revision,
        occurred_at=now - 72 * HOUR,
        published_at=now,
        longitude=None,
        latitude=None,
        area_code=area,
        category="violence_injury",
        scheme="firebreak",
    )


def send(settings: Settings, told: Iterable[Notification]) -> None:
    producer, topic = Producer(settings.kafka.librdkafka()), settings.catalogue()["incidents.raw"].name
    for each in told:
        producer.produce(topic, WIRE.encode_notification(each), each.incident_id.encode(), 0)
    assert producer.flush(30) == 0


def newest(settings: Settings) -> dict[str, Incident]:
    """What subscribers were last told of each incident."""
    told = (
        WIRE.decode_incident(each.value or b"") for each in read(settings, settings.catalogue()["incidents.enriched"])
    )
    return {each.incident_id: each for each in told if each.incident_id.startswith(SOURCE)}


def alarms(settings: Settings) -> list[AlertEvent]:
    events = (
        WIRE.alert_event.decode(each.value or b"") for each in read(settings, settings.catalogue()["alerts.events"])
    )
    return [each for each in events if each.kind == AlertKind.DATA_ALARM]


def placed(settings: Settings) -> int:
    return sum(each.area != UNKNOWN_AREA for each in newest(settings).values())


@pytest.mark.parametrize(("answer", "left"), [("release", 0), ("refuse", MANY)])
def test_what_a_source_takes_away_at_once_is_held_until_a_person_decides(
    own_topics: Callable[..., Settings], tmp_path: Path, answer: str, left: int
) -> None:
    settings, now = own_topics(**DIVIDED), time.time_ns() // 1_000_000
    environ = {
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_REGIONS": str(toytown.write_pack(tmp_path / "pack")),
        "FIREBREAK_TICK_PERIOD": "off",
        "FIREBREAK_GUARDED_SOURCES": SOURCE,
        **DIVIDED,
    }
    clock = iter(range(now, now + 24 * HOUR, 16 * MINUTE))
    with Workers(environ, logs=tmp_path):
        send(settings, [*(report(each, now) for each in range(MANY)), heartbeat(next(clock), simulated=True)])
        send(settings, (report(each, now, revision=2, area=None) for each in range(MANY)))
        send(settings, (heartbeat(next(clock), simulated=True) for _ in range(2)))
        until(lambda: len(alarms(settings)) == 1, what="an alarm of the data")
        held = newest(settings)

        said = CliRunner().invoke(feed, [answer, "--source", SOURCE, "--as", "ana"], env=environ)
        send(settings, [heartbeat(next(clock), simulated=True)])
        code = Quality.REVISION_REFUSED if answer == "refuse" else Quality.REVISION_HELD
        until(lambda: sum(code in each.quality for each in newest(settings).values()) == (MANY if left else 0))
        after = placed(settings)

    assert said.exit_code == 0, said.output
    assert [Quality.REVISION_HELD in each.quality and each.area == "B" for each in held.values()] == [True] * MANY
    assert (len(held), after) == (MANY, left)
    assert str(MANY) in alarms(settings)[0].changed
