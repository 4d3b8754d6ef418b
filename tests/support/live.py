"""A whole deployment for the screens: embedded broker, three stages, projector, console, Redis, a city's calls."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from support.commands import ROOT
from support.ports import free_ports
from support.redis import RedisServer
from support.waiting import until

from consumers.cache import Store, connected
from consumers.console.state import TABLES
from schemas.environment import Secret
from schemas.events import HOUR, Alert
from schemas.jsonform import iso
from schemas.settings import Settings, from_env
from schemas.wire import Wire
from streams.broker import EmbeddedBroker

BOROUGHS = [f"E090000{number:02}" for number in range(1, 34)]
KILLED = ("E09000008", "E09000022", "E09000030")
"""Boroughs with a homicide each: an alert at once."""


class LiveConsole:
    """
    Processes of one deployment.

    Parameters
    ----------
    folder
        For files and logs.
    extra
        Further settings, of the console above all.

    """

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._broker = EmbeddedBroker()
        self.redis = RedisServer(256)
        self._port = free_ports(1)[0]
        self._extra = dict(extra or {})

    @property
    def url(self) -> str:
        """Address of the console."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environ(self) -> dict[str, str]:
        """Settings of all processes."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "FIREBREAK_KAFKA_BROKERS": self._broker.bootstrap,
            "FIREBREAK_CHECK_CRCS": "false",
            "FIREBREAK_FETCH_WAIT": "20ms",
            "FIREBREAK_TICK_PERIOD": "1s",
            "FIREBREAK_REDIS_URL": self.redis.url,
            "FIREBREAK_CONSOLE_BIND": f"127.0.0.1:{self._port}",
            "FIREBREAK_DATA_DIR": str(self._folder / "data"),
            "FIREBREAK_ROUTES": str(self._routes()),
            **self._extra,
        }

    @property
    def told(self) -> Path:
        """File that the only channel writes its messages into."""
        return self._folder / "told.txt"

    def _routes(self) -> Path:
        file = self._folder / "routes.yaml"
        channel = {"kind": "file", "path": str(self.told)}
        route = {"name": "all", "severity": "WATCH", "to": ["log"]}
        file.write_text(json.dumps({"version": 1, "channels": {"log": channel}, "routes": [route]}), "utf-8")
        return file

    def __enter__(self) -> Self:
        self._broker.__enter__()
        settings = self.settings
        for spec in settings.catalogue().values():
            self._broker.create(spec.name, spec.partitions)
        self.redis.__enter__()
        for name in ("enrich", "count", "detect"):
            self.start(name, "worker", "--stage", name)
        self.start("projector", "projector")
        self.start("console", "console")
        until(lambda: self.fetch("/healthz") == 200, what=self._said("console"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            process.wait()
        self.redis.close()
        self._broker.__exit__(kind, error, trace)

    @property
    def settings(self) -> Settings:
        """The same as an object."""
        return from_env({name: value for name, value in self.environ.items() if name.startswith("FIREBREAK_")})

    def start(self, name: str, *command: str) -> None:
        """Start a command of firebreak under a name."""
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", *command],
                env=self.environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        """Kill a process, and wait until it is gone."""
        self._processes[name].kill()
        self._processes[name].wait()

    def fetch(self, path: str) -> int:
        """Status of a page; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:  # noqa: S310 - our own
                return int(answer.status)
        except urllib.error.HTTPError as told:
            return told.code
        except OSError:
            return 0

    def calls(self, number: int = 400, seed: int = 1) -> None:
        """Calls of the last days from all boroughs, a homicide in three of them; waits until their alerts are shown."""
        chance, now = random.Random(seed), time.time_ns() // 1_000_000
        rows: list[Sequence[object]] = []
        for each in range(number):
            category = chance.choices(("violence_injury", "robbery_person", "sexual"), (6, 3, 1))[0]
            at = now - int(chance.random() ** 2 * 6 * 24 * HOUR) - 60_000
            source = chance.choice(("met.cad", "las"))
            rows.append((source, f"C{each}", 1, iso(at), chance.choice(BOROUGHS), category, "firebreak"))
        rows += [
            ("met.crime", f"H{k}", 1, iso(now - 1_000), area, "homicide", "firebreak") for k, area in enumerate(KILLED)
        ]
        self.ingest(rows)
        until(lambda: {each.area for each in self.alerts()} >= set(KILLED), what=self._said("detect"))

    def ingest(self, rows: Sequence[Sequence[object]]) -> None:
        """Send calls, each source, reference, revision, time, area, category and scheme."""
        file = self._folder / "calls.csv"
        with file.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["source", "source_ref", "revision", "occurred_at", "area_code", "category", "scheme"])
            writer.writerows(rows)
        command = (sys.executable, "-m", "streams.cli", "ingest", str(file), "--profile", "csv", "--quiet")
        subprocess.run(command, env=self.environ, cwd=ROOT, check=True, capture_output=True, timeout=120)

    def alerts(self) -> list[Alert]:
        """Alerts as the cache has them."""
        wire = Wire.builtin()
        with connected(Secret(self.redis.url)) as client:
            try:
                rows = Store(client, self.settings.topic_prefix, TABLES).rows("alerts.state") or {}
            except redis.RedisError:
                return []
        return [wire.alert.decode(value) for value in rows.values()]

    def _said(self, name: str) -> str:
        file = self._folder / f"{name}.log"
        return file.read_text("utf-8")[-2000:] if file.exists() else ""
