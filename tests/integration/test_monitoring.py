"""
Everything that watches, for real: workers, observer and notifier on a real Kafka, Prometheus, Alertmanager, a webhook.

A source falls silent, records can't be used, a group falls behind, a worker is killed: each is told, and taken back
when it is over. Every query of every dashboard is asked of that Prometheus, and must have an answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import Consumer, Producer, TopicPartition
from support.missing import missing
from support.ports import free_ports
from support.prometheus import DEPLOY, Monitoring, NoPrometheus
from support.toytown import DAYS, START, arrivals, write_pack
from support.waiting import until

from schemas.events import DAY, HOUR, Kind, Millis, Notification
from schemas.settings import Settings
from streams.ingest.arrival import Arrival
from streams.ingest.player import TickAt, play
from streams.replay.kafka import Player

STAGES = ("enrich", "count", "detect")
SENSOR = "sensor"
EVERY = 10_000
"""ms between two notifications of the sensor."""


def sensed(at: Millis, category: str = "other", source: str = SENSOR) -> Arrival:
    """A notification of *at*; one that says no more than that the sensor lives is counted in no group."""
    made = Notification(
        kind=Kind.REPORTED,
        source=source,
        source_ref=str(at),
        revision=1,
        occurred_at=at,
        published_at=at,
        longitude=None,
        latitude=None,
        area_code="A",
        category=category,
        scheme="firebreak",
    )
    return Arrival(at, made)


def past(now: Millis) -> list[Arrival]:
    """The town's two months up to now, and two days of the sensor, which ends two minutes ago."""
    later = now - START - DAYS * DAY
    town = [
        Arrival(
            each.known_at_ms + later,
            each.notification._replace(
                occurred_at=(each.notification.occurred_at or 0) + later, published_at=each.known_at_ms + later
            ),
        )
        for each in arrivals(7)
        if each.known_at_ms + later < now
    ]
    return sorted([*town, *(sensed(at) for at in range(now - 2 * DAY, now - 120_000, EVERY))])


def routes(folder: Path) -> Path:
    """A file of routes that has everything told to a file."""
    path = folder / "routes.yaml"
    told = {
        "version": 1,
        "channels": {"book": {"kind": "file", "path": str(folder / "book.txt")}},
        "routes": [{"name": "all", "severity": "WATCH", "to": ["book"]}],
    }
    path.write_text(yaml.safe_dump(told), "utf-8")
    return path


class Processes:
    """Workers, observer and notifier, each with its metrics at an address of its own."""

    def __init__(self, settings: Settings, environment: dict[str, str], logs: Path) -> None:
        names = (*STAGES, "observer", "notifier")
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)}
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("FIREBREAK_")},
            **environment,
            "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
            "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        }
        self._logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        command = ("worker", "--stage", name) if name in STAGES else (name,)
        own = {"FIREBREAK_INSTANCE": f"{name}-1", "FIREBREAK_METRICS_BIND": self.addresses[name]}
        with (self._logs / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                (sys.executable, "-m", "streams.cli", *command),
                env={**self._environment, **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        for name in list(self._running):
            self.kill(name)


def tick(player: Player) -> None:
    player.tick(int(time.time()) * 1000)
    player.flush()


@pytest.fixture
def watched(
    own_topics: Callable[..., Settings], tmp_path: Path
) -> Iterator[tuple[Settings, Player, Processes, Monitoring]]:
    """The town's past in real topics, with its workers and all that watches them."""
    environment = {
        "FIREBREAK_REGIONS": str(write_pack(tmp_path / "toytown")),
        "FIREBREAK_TICK_PERIOD": "off",
        "FIREBREAK_PARTITIONS_RAW": "2",
        "FIREBREAK_PARTITIONS_ENRICHED": "2",
        "FIREBREAK_PARTITIONS_INBOX": "1",
        "FIREBREAK_ROUTES": str(routes(tmp_path)),
    }
    settings = own_topics(replay=True, **environment)
    player, now = Player(settings.kafka.librdkafka(), settings.catalogue(replay=True)), int(time.time() * 1000)
    for moment in play(past(now), 6 * HOUR):
        if not isinstance(moment, TickAt):
            player.arrive(moment)
        elif moment.clock <= now:
            player.tick(moment.clock)
    player.flush()
    with ExitStack() as stack:
        processes = Processes(settings, environment, tmp_path)
        stack.callback(processes.stop)
        for name in processes.addresses:
            processes.start(name)
        stack.enter_context(repeatedly(lambda: tick(player), 0.5))
        try:
            monitoring = stack.enter_context(Monitoring(list(processes.addresses.values()), tmp_path))
        except NoPrometheus as why:
            missing(why)
        yield settings, player, processes, monitoring


def panels() -> Iterator[tuple[str, str, str]]:
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        board: Any = json.loads(path.read_text("utf-8"))
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield board["uid"], panel["title"], target["expr"]


def asked(expr: str) -> str:
    """A query with the choices of a board as they are at first: everything."""
    for name in ("job", "instance", "region"):
        expr = expr.replace(f"${name}", ".+")
    return expr.replace("$__rate_interval", "60s")


def without_data(monitoring: Monitoring) -> list[str]:
    return [
        f"{board}: {title}: {expr}"
        for board, title, expr in panels()
        if not any(value == value for value in monitoring.ask(asked(expr)))  # noqa: PLR0124 - only NaN is not itself
    ]


@contextmanager
def repeatedly(call: Callable[[], None], seconds: float) -> Iterator[None]:
    """Call from a thread until the context is closed."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            call()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class SlowGroup:
    """A member of a group of ours that is alive and does nothing, until it is told to catch up."""

    def __init__(self, settings: Settings) -> None:
        self._raw = settings.catalogue()["incidents.raw"]
        self.name = f"{settings.topic_prefix}-slow"
        self._consumer = Consumer(
            {**settings.kafka.librdkafka(), "group.id": self.name, "enable.auto.commit": False, "log_level": 0}
        )
        self._consumer.subscribe([self._raw.name])
        self.catching_up = False

    def turn(self) -> None:
        self._consumer.consume(1000, 0.1)
        places = self._consumer.assignment()
        ends = [self._consumer.get_watermark_offsets(each, timeout=10)[1] if self.catching_up else 0 for each in places]
        self._consumer.commit(
            offsets=[TopicPartition(each.topic, each.partition, end) for each, end in zip(places, ends, strict=True)]
        )

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def slow(watched: tuple[Settings, Player, Processes, Monitoring]) -> Iterator[SlowGroup]:
    group = SlowGroup(watched[0])
    with repeatedly(group.turn, 0.2):
        yield group
    group.close()


@pytest.mark.timeout(900)
def test_what_fails_is_told_and_taken_back_and_every_panel_has_data(
    watched: tuple[Settings, Player, Processes, Monitoring], slow: SlowGroup
) -> None:
    settings, player, processes, monitoring = watched
    told, raw = monitoring.told, settings.catalogue()["incidents.raw"].name
    spoilt = Producer(settings.kafka.librdkafka())
    until(lambda: monitoring.ask('sum(firebreak_stream_records_total{stage="enrich"}) > 1000'))

    with repeatedly(lambda: spoilt.produce(raw, b"\0nothing of ours", b"broken|x"), 0.1):
        until(lambda: told.has("FirebreakRejectRatioHigh", "firing", stage="enrich"), what="what can't be used")
        until(lambda: told.has("FirebreakFeedSilent", "firing", source=SENSOR), what="the silent source")
    assert spoilt.flush(30) == 0
    player.arrive(sensed(int(time.time() * 1000)))
    player.flush()
    until(lambda: told.has("FirebreakFeedSilent", "resolved", source=SENSOR), what="the source that is back")
    until(lambda: told.has("FirebreakRejectRatioHigh", "resolved", stage="enrich"), what="good records again")

    until(lambda: told.has("FirebreakLagGrowing", "firing", group=slow.name), what="the group that falls behind")
    slow.catching_up = True
    until(lambda: told.has("FirebreakLagGrowing", "resolved", group=slow.name), what="the group that caught up")

    processes.kill("count")
    address, region = processes.addresses["count"], {"region": "toytown"}
    until(lambda: told.has("FirebreakTargetDown", "firing", instance=address), what="the killed worker")
    until(lambda: told.has("FirebreakHeartbeatMissing", "firing", stage="detect"), what="the missing heartbeat")
    until(lambda: told.has("FirebreakClockStopped", "firing", **region), what="the clock that stands")
    processes.start("count")
    until(lambda: told.has("FirebreakTargetDown", "resolved", instance=address), what="the worker that is back")
    until(lambda: told.has("FirebreakHeartbeatMissing", "resolved", stage="detect"), what="the heartbeat")
    until(lambda: told.has("FirebreakClockStopped", "resolved", **region), what="the clock that goes")

    assert told.has("Watchdog", "firing")
    player.arrive(sensed(int(time.time() * 1000), "homicide", "control.room"))
    player.flush()
    until(lambda: not without_data(monitoring), what="; ".join(without_data(monitoring)))
