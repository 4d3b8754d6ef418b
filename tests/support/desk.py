"""A detector of the made-up town on a real broker, told of homicides by hand: each opens an alert at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Producer
from support.commands import ROOT
from support.toytown import write_pack
from support.waiting import until

from consumers.desk.board import alerts, events
from schemas.events import HOUR, Alert, AlertEvent, Contribution, HourCount, Millis, Tick
from schemas.settings import Settings
from schemas.wire import Wire

REGION = "toytown"
DIVIDED = {"FIREBREAK_PARTITIONS_ENRICHED": "1", "FIREBREAK_PARTITIONS_INBOX": "1", "FIREBREAK_PARTITIONS_RAW": "1"}
"""Settings of the topics that the town wants."""


class RunningDetector:
    """
    The worker of the third stage, as a process of its own.

    Parameters
    ----------
    settings
        Of topics that are there, divided as DIVIDED says.
    folder
        Where the region pack and the worker's words go.

    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.wire = Wire.builtin()
        self.environ = {
            "FIREBREAK_KAFKA_BROKERS": ",".join(settings.kafka.brokers),
            "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
            "FIREBREAK_REGIONS": str(write_pack(folder / "pack")),
            **DIVIDED,
        }
        self._log = folder / "detect.log"
        self._producer = Producer({**settings.kafka.librdkafka(), "log_level": 0})
        self._clock: Millis = time.time_ns() // 1_000_000

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", "worker", "--stage", "detect"],
                env={"PATH": "/usr/bin:/bin", **self.environ},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()

    def homicides(self, area: str, *incidents: str) -> None:
        """Tell that the last hour of *area* holds these, and no other."""
        self._clock = max(self._clock + 5_000, time.time_ns() // 1_000_000)
        hour = self._clock - self._clock % HOUR
        named = tuple(Contribution(each, self._clock, ()) for each in incidents)
        count = HourCount(
            *(0, self._clock, "ACTUAL", REGION, "borough", area, "homicide", hour),
            *(len(incidents), len(incidents), named),
        )
        self.feed([count, Tick(0, self._clock)])

    def feed(self, values: Iterable[HourCount | Tick]) -> None:
        """Append to the inbox."""
        inbox = self.settings.catalogue()["detect.inbox"].name
        for value in values:
            self._producer.produce(inbox, self.wire.encode_inbox(value), b"k", 0)
        assert self._producer.flush(30) == 0

    def alert(self, area: str) -> Alert:
        """The newest alert of *area*, once there is one."""
        until(
            lambda: self._of(area), what=f"an alert of {area}; the worker said {self._log.read_text('utf-8')[-2000:]}"
        )
        return self._of(area)[-1]

    def _of(self, area: str) -> list[Alert]:
        found = [alert for alert in alerts(self.settings, self.wire).values() if alert.area == area]
        return sorted(found, key=lambda alert: alert.opened_at)

    def events(self) -> list[AlertEvent]:
        """All events so far."""
        return events(self.settings, self.wire)
