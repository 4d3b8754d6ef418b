"""An injected spike on a real Kafka, through all stages: found, told to nobody, and in no public count."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from click.testing import CliRunner
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families
from support import toytown
from support.commands import ROOT
from support.desk import DIVIDED
from support.ports import free_ports
from support.waiting import until

from consumers.desk.board import alerts
from consumers.injection.command import inject
from consumers.reading import read
from schemas.events import HOUR, AreaCount
from schemas.settings import Settings
from schemas.wire import Wire
from streams.ingest.arrival import Arrival
from streams.workers import Workers

WIRE = Wire.builtin()
GROUP, AREA = "street_violence", "B"


@contextmanager
def running(settings: Settings, folder: Path) -> Iterator[dict[str, str]]:
    """All three stages of the town; gives their settings."""
    environ = {
        "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_REGIONS": str(toytown.write_pack(folder / "pack")),
        "FIREBREAK_TICK_PERIOD": "1s",
        **DIVIDED,
    }
    with Workers(environ, logs=folder):
        yield environ


def played(settings: Settings) -> list[Arrival]:
    """
    Send the town's past, moved to end now; what would be known later is left out.

    Revisions are, too: the past comes in at once, and hundreds of them would be a mass change that greys all areas.
    """
    now = time.time_ns() // 1_000_000
    ahead = now // HOUR * HOUR - toytown.START - toytown.DAYS * 24 * HOUR
    told = []
    for known, said in toytown.arrivals(2):
        if known + ahead < now and said.revision == 1:
            at = known + ahead
            moved = said._replace(occurred_at=(said.occurred_at or 0) + ahead, published_at=at)
            told.append(Arrival(at, moved))
    producer, topic = Producer(settings.kafka.librdkafka()), settings.catalogue()["incidents.raw"].name
    for arrival in told:
        producer.produce(
            topic, WIRE.encode_notification(arrival.notification), arrival.notification.incident_id.encode()
        )
    assert producer.flush(30) == 0
    return told


def counts(settings: Settings) -> dict[tuple[str, str], AreaCount]:
    """The newest public counts of all areas of the coarse level."""
    found = {}
    for record in read(settings, settings.catalogue()["areas.counts"]):
        count = WIRE.area_count.decode(record.value or b"")
        if count.level == "borough":
            found[count.area, count.group] = count
    return found


def clock(settings: Settings) -> int:
    """To when the detector has come, by its heartbeats."""
    return max(
        WIRE.area_count.decode(each.value or b"").as_of for each in read(settings, settings.catalogue()["areas.counts"])
    )


def test_a_spike_is_found_while_nothing_public_holds_any_of_it(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = own_topics(**DIVIDED)
    with running(settings, tmp_path) as environ:
        told = played(settings)
        until(lambda: (AREA, GROUP) in counts(settings))
        asked = ("once", "--area", AREA, "--group", GROUP, "--incidents", "60", "--patience", "3m")
        said = CliRunner().invoke(inject, asked, env=environ)
        assert said.exit_code == 0, said.output + repr(said.exception)
        line = json.loads(said.stdout)
        until(lambda: changes(settings)["WITHDRAWN"] == changes(settings)["ADDED"] > 0)
        withdrawn = time.time_ns() // 1_000_000
        until(lambda: clock(settings) > withdrawn, what="the detector saw the spike gone")
        after = counts(settings)
        with injecting(environ, tmp_path) as metrics:
            until(lambda: found(metrics) >= 2)

    assert line["result"] == "found", line
    assert 0 < line["delay_s"] < 180
    events = list(read(settings, settings.catalogue()["alerts.events"]))
    injected = [each for each in (WIRE.alert_event.decode(e.value or b"") for e in events) if each.tense == "INJECTION"]
    assert {each.kind for each in injected} == {"OPENED"}
    assert [(each.area, each.group) for each in injected if each.alert_id == line["alert_id"]] == [(AREA, GROUP)]
    assert len({each.alert_id for each in injected}) == len(injected) >= 3
    assert not alerts(settings, WIRE).keys() & {each.alert_id for each in injected}
    batch = toytown.batch_hours(told)
    for (area, group), count in after.items():
        first = count.as_of // HOUR * HOUR - 671 * HOUR
        wanted = sum(n for (a, _, g, hour), n in batch.items() if (a, g) == (area, group) and hour >= first)
        assert count.incidents_28d == wanted, (area, group)


@contextmanager
def injecting(environ: dict[str, str], folder: Path) -> Iterator[str]:
    """Spikes one after the other; gives the address of the injector's metrics."""
    bind = f"127.0.0.1:{free_ports(1)[0]}"
    options = ("run", "--every", "1s", "--over", "1s", "--sizes", "+40,+60", "--patience", "2m")
    with (folder / "injector.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", "from consumers.injection.command import inject; inject()", *options],
            env={
                **environ,
                "PATH": "/usr/bin:/bin",
                "PYTHONUNBUFFERED": "1",
                "FIREBREAK_METRICS_BIND": bind,
                "FIREBREAK_DATA_DIR": str(folder),
            },
            cwd=ROOT,
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{bind}/metrics"
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def found(metrics: str) -> float:
    """Spikes found, as the injector tells Prometheus."""
    try:
        with urllib.request.urlopen(metrics, timeout=5) as answer:  # noqa: S310 - our own
            families = list(text_string_to_metric_families(answer.read().decode()))
    except OSError:
        return 0.0
    samples = [each for family in families for each in family.samples]
    return sum(
        each.value
        for each in samples
        if each.name == "firebreak_injection_spikes_total" and each.labels["result"] == "found"
    )


def changes(settings: Settings) -> Counter[str]:
    """What the first stage told of injected incidents."""
    topic = settings.catalogue()["incidents.enriched"]
    incidents = (WIRE.decode_incident(each.value or b"") for each in read(settings, topic))
    return Counter(each.change for each in incidents if each.tense == "INJECTION")
