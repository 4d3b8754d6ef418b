"""A notifier as a process on a real broker, events for it, and the law that its messages have to keep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml
from confluent_kafka import Producer
from support.alerts import opened
from support.commands import ROOT
from support.sinks import SECRET, Arrived, MailSink, WebSink
from support.waiting import until

from consumers.reading import read
from schemas.events import AlertEvent, AlertKind, AlertReason
from schemas.settings import Settings
from schemas.wire import Wire


def now() -> int:
    """Wall clock, ms."""
    return time.time_ns() // 1_000_000


def routes(folder: Path, mail: MailSink, web: WebSink, **limits: object) -> Path:
    """A file of routes: every alert goes to ana by mail and to the hub."""
    (folder / "hub.secret").write_text(SECRET + "\n", "utf-8")
    told = {
        "version": 1,
        "link": "https://desk.example.org/alerts/{alert_id}",
        "channels": {
            "mail": {
                "kind": "email",
                "server": mail.address,
                "security": "plain",
                "sender": "firebreak <firebreak@example.org>",
            },
            "hub": {"kind": "webhook", "url": web.url, "secret_file": "hub.secret"},
        },
        "people": {"ana": {"channel": "mail", "address": "ana@example.org"}},
        "routes": [{"name": "all", "severity": "WATCH", "to": ["ana", "hub"]}],
        "limits": {"pages": 100_000, **limits},
    }
    path = folder / "routes.yaml"
    path.write_text(yaml.safe_dump(told), "utf-8")
    return path


@dataclass(slots=True)
class NotifierRun:
    """Notifier processes one after the other, or several at once, of the same topics."""

    settings: Settings
    folder: Path
    routes: Path
    regions: str = "london"
    wire: Wire = field(default_factory=Wire.builtin)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    sent: list[AlertEvent] = field(default_factory=list)

    def start(self, chaos: str = "", instance: str = "one", metrics: str = "") -> subprocess.Popen[bytes]:
        """Start a notifier that ends at a step, or does not; *metrics* is where it serves them."""
        environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "tests"),
            "CHAOS": chaos,
            "FIREBREAK_KAFKA_BROKERS": ",".join(self.settings.kafka.brokers),
            "FIREBREAK_TOPIC_PREFIX": self.settings.topic_prefix,
            "FIREBREAK_INSTANCE": instance,
            # the shortest that a broker allows, so that a take-over does not have to be waited for
            "FIREBREAK_SESSION_TIMEOUT": "6s",
            "FIREBREAK_ROUTES": str(self.routes),
            "FIREBREAK_METRICS_BIND": metrics,
            "FIREBREAK_REGIONS": self.regions,
        }
        with (self.folder / f"{instance}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "support.chaos_notifier"], env=environ, cwd=ROOT, stdout=log, stderr=log
            )
        self.running[instance] = process
        return process

    def close(self) -> None:
        """Kill what runs."""
        for process in self.running.values():
            process.kill()
            process.wait()

    def words(self) -> str:
        """The last that the notifiers said."""
        return "\n".join(path.read_text("utf-8")[-3000:] for path in self.folder.glob("*.log"))

    def send(self, events: Iterable[AlertEvent]) -> None:
        """Append events to the log of alerts."""
        name = self.settings.catalogue()["alerts.events"].name
        producer = Producer({**self.settings.kafka.librdkafka(), "log_level": 0})
        for event in events:
            self.sent.append(event)
            producer.produce(name, self.wire.encode(event), event.alert_id.encode())
        assert producer.flush(60) == 0

    def reports(self) -> list[dict[str, object]]:
        """What the log of deliveries tells, in order of its instants."""
        topic = self.settings.catalogue()["notifications.deliveries"]
        return [json.loads(record.value or b"") for record in read(self.settings, topic)]


def alert(alert_id: str, kind: AlertKind = AlertKind.OPENED, **given: object) -> AlertEvent:
    """An event of now."""
    at = now()
    event = opened(
        event_id=f"{alert_id}-{kind}", alert_id=alert_id, kind=kind, clock=at, opened_at=at, tense="ACTUAL", cause="t"
    )
    if kind == AlertKind.RETRACTED:
        event = replace(event, reason=AlertReason.CORRECTED)
    return replace(event, **given)  # type: ignore[arg-type]  # fields of an event by name


def law_broken(sent: Sequence[AlertEvent], arrived: Sequence[Arrived], recipients: Sequence[str]) -> list[str]:
    """
    What is wrong with messages that arrived, "" being nothing: told from the events and the messages alone.

    Everybody gets each transition; only copies that say so may come again; a retraction comes to exactly those who got
    the original, or neither does.
    """
    wrong = []
    copies = Counter((one.recipient, one.delivery_id, one.repeat) for one in arrived)
    wrong += [
        f"{who} got {what} {n} times unmarked" for (who, what, marked), n in copies.items() if n > 1 and not marked
    ]
    got = {(one.recipient, one.delivery_id.split("|")[0], one.delivery_id.split("|")[1]) for one in arrived}
    retracted = {event.alert_id for event in sent if event.kind == AlertKind.RETRACTED}
    for event in sent:
        if event.kind != AlertKind.OPENED:
            continue
        for who in recipients:
            first, second = ((who, event.alert_id, number) in got for number in ("1", "2"))
            if event.alert_id in retracted and first != second:
                wrong.append(f"{who}: original of {event.alert_id} {first}, retraction {second}")
            elif event.alert_id not in retracted and not first:
                wrong.append(f"{who} missed {event.alert_id}")
    return wrong


def settled(run: NotifierRun, arrived: Sequence[Sequence[Arrived]], recipients: Sequence[str]) -> None:
    """Wait until the law holds and nothing is on its way."""

    def broken() -> list[str]:
        assert any(process.poll() is None for process in run.running.values()), f"no notifier runs: {run.words()}"
        return law_broken(run.sent, [one for each in arrived for one in each], recipients)

    until(lambda: not broken(), what=f"the law of messages: {run.words()}")
