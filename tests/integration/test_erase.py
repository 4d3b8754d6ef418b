"""An incident erased on a real Kafka with the stages running: counts follow, subscribers hear it, it is proved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from confluent_kafka import Producer
from support import toytown
from support.desk import DIVIDED
from support.waiting import until

from consumers.erasure.command import erase
from consumers.reading import read
from schemas.events import HOUR, Change, Incident, Notification
from schemas.settings import Settings
from schemas.wire import Wire
from streams.workers import Workers

WIRE = Wire.builtin()


def changes(settings: Settings, incident: str) -> list[Incident]:
    """What subscribers were told of the incident."""
    topic = settings.catalogue()["incidents.enriched"]
    told = [WIRE.decode_incident(record.value or b"") for record in read(settings, topic)]
    return [each for each in told if each.incident_id == incident]


def sent(settings: Settings, number: int) -> list[Notification]:
    """Send the first reports of the town as if they had just come."""
    now = time.time_ns() // 1_000_000
    producer, topic = Producer(settings.kafka.librdkafka()), settings.catalogue()["incidents.raw"].name
    said = [each.notification for each in toytown.arrivals(2)][:number]
    moved = [each._replace(occurred_at=now - HOUR, published_at=now) for each in said]
    for each in moved:
        producer.produce(topic, WIRE.encode_notification(each), each.incident_id.encode())
    assert producer.flush(30) == 0
    return moved


def in_force(line: dict[str, Any]) -> int:
    """Records of a place that no later record of their key replaces."""
    return int(line["left"] - line["superseded"])


def test_an_erased_incident_leaves_counts_and_archive_and_the_proof_says_what_waits_for_retention(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> None:
    settings, root = own_topics(**DIVIDED), tmp_path / "archive"
    environ = {
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_REGIONS": str(toytown.write_pack(tmp_path / "pack")),
        "FIREBREAK_TICK_PERIOD": "1s",
        **DIVIDED,
    }

    def asked(*arguments: str, code: int) -> dict[str, dict[str, Any]]:
        named = ("--source", one.source, "--ref", one.source_ref, "--archive", str(root))
        result = CliRunner().invoke(erase, [*named, *arguments], env=environ)
        assert result.exit_code == code, result.output + repr(result.exception)
        return {line["place"]: line for line in map(json.loads, result.stdout.splitlines())}

    with Workers(environ, logs=tmp_path):
        one = sent(settings, 20)[0]
        until(lambda: bool(changes(settings, one.incident_id)))
        keep = (sys.executable, "-m", "streams.cli", "archive", "--archive", str(root), "--once")
        subprocess.run(keep, env={**os.environ, **environ}, check=True, timeout=300)
        before = asked("--check", code=1)

        lines = asked("--reason", "request 12", "--by", "ana", code=0)
        until(lambda: changes(settings, one.incident_id)[-1].change == Change.WITHDRAWN)
        until(lambda: not in_force(asked("--check", code=1)["count.journal"]))
        after = asked("--check", code=1)

    assert before["archive"]["left"] > 0
    assert (lines["archive"]["found"], after["archive"]["left"]) == (before["archive"]["left"], 0)
    assert after["incidents.raw"]["left"] == before["incidents.raw"]["left"] + 1
    assert after["incidents.raw"]["until"] > before["incidents.raw"]["until"]
    audited = [record.value or b"" for record in read(settings, settings.catalogue()["audit"])]
    assert [json.loads(each)["what"] for each in audited] == ["ERASE"]
    assert one.incident_id.encode() not in b"".join(audited)
