"""
What a worker measures, under firebreak's own names; children are bound once and updated once a batch.

Labels are closed sets: never an incident, a place or a person.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, make_wsgi_app

from streams.batch import Batch
from streams.core.controller import Rates
from streams.edge import Fed

HANDLING = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
DELAY = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
"""The bound of the objective, 5 s, is one of the bounds."""
MOST_SOURCES = 100
SHARED = "shared"
"""The budget of all units of a region that have none of their own."""
OTHERS = "(others)"
"""All sources beyond the first so many."""


class StageMetrics:
    """
    Meter of one worker (:class:`streams.ownership.Meter`).

    Parameters
    ----------
    stage, topic
        Label values.
    now
        Wall clock in seconds since the epoch.

    """

    def __init__(self, stage: str, topic: str, now: Callable[[], float]) -> None:
        self.registry = CollectorRegistry()
        self._now = now
        self._stage = stage
        build = Info("firebreak_build", "Version of this process.", registry=self.registry)
        build.info({"version": version("firebreak-streams")})
        records = Counter(
            "firebreak_stream_records", "Records taken in.", ["stage", "topic", "outcome"], registry=self.registry
        )
        self._ok = records.labels(stage, topic, "ok")
        self._rejected_records = records.labels(stage, topic, "rejected")
        self._duplicates = records.labels(stage, topic, "duplicate")
        self._rejected = Counter(
            "firebreak_stream_rejected", "Records rejected.", ["stage", "reason"], registry=self.registry
        )
        self._handling = self._histogram("firebreak_stream_handling_duration_seconds", "Time of one batch.", HANDLING)
        self._commit = self._histogram("firebreak_stream_commit_duration_seconds", "Time of one commit.", HANDLING)
        self._delay = self._histogram(
            "firebreak_pipeline_delay_seconds", "Append of the oldest record of a commit to the commit.", DELAY
        )
        self._restored = self._histogram("firebreak_stream_restore_duration_seconds", "Time of a restore.", DELAY)
        self._rows = self._counter("firebreak_stream_restored_rows", "Rows read from the journal.")
        self._sent = self._counter("firebreak_stream_sent_records", "Records committed: outputs, rows and markers.")
        self._aborted = self._counter("firebreak_stream_aborted_transactions", "Transactions that were lost.")
        self._owned = self._gauge("firebreak_stream_partitions", "Partitions owned and open.")
        self._heartbeat = self._gauge("firebreak_heartbeat_timestamp_seconds", "When the newest tick was committed.")
        self._last = self._gauge("firebreak_stream_last_event_timestamp_seconds", "Append time of the newest record.")
        self._rebalances = self._counter("firebreak_stream_rebalances", "Assignments taken.")
        self._stalled = self._gauge("firebreak_stream_stalled_partitions", "Partitions that stand still.")
        self._skew = self._gauge("firebreak_clock_skew_seconds", "This worker's clock less the broker's.")
        self._unlocated = Counter(
            "firebreak_stream_unlocated_incidents",
            "Incidents that no area could be given to.",
            ["stage", "source"],
            registry=self.registry,
        )
        self._guarded = Counter(
            "firebreak_stream_guarded_revisions",
            "Revisions of guarded sources that would take incidents away: parked, and what became of them.",
            ["stage", "source", "outcome"],
            registry=self.registry,
        )
        labels = ["region", "budget"]
        self._nominal = Gauge(
            "firebreak_budget_nominal_alerts_per_week",
            "False alerts that chance alone is allowed.",
            labels,
            registry=self.registry,
        )
        self._realised = Gauge(
            "firebreak_budget_realised_alerts_per_week",
            "Alerts that opened, true ones too, in the newest eight full weeks; NaN before there are four.",
            labels,
            registry=self.registry,
        )
        self._correction = Gauge(
            "firebreak_budget_threshold_correction",
            "What feedback has added to the calibrated thresholds.",
            labels,
            registry=self.registry,
        )
        self._sources: set[str] = set()
        self._partitions = 0
        self.ready = threading.Event()

    def _histogram(self, name: str, what: str, buckets: Iterable[float]) -> Histogram:
        made = Histogram(name, what, ["stage"], buckets=tuple(buckets), registry=self.registry)
        return made.labels(self._stage)

    def _counter(self, name: str, what: str) -> Counter:
        return Counter(name, what, ["stage"], registry=self.registry).labels(self._stage)

    def _gauge(self, name: str, what: str) -> Gauge:
        return Gauge(name, what, ["stage"], registry=self.registry).labels(self._stage)

    def fed(self, batch: Batch, fed: Fed, seconds: float) -> None:
        """Count a batch."""
        rejected = sum(fed.rejected.values())
        self._ok.inc(len(batch.records) - rejected - fed.duplicates)
        if rejected:
            self._rejected_records.inc(rejected)
            for reason, count in fed.rejected.items():
                self._rejected.labels(self._stage, reason).inc(count)
        for source, count in fed.unlocated.items():
            self._unlocated.labels(self._stage, self._named(source)).inc(count)
        for (source, outcome), count in fed.guarded.items():
            self._guarded.labels(self._stage, self._named(source), outcome).inc(count)
        if fed.duplicates:
            self._duplicates.inc(fed.duplicates)
        if batch.records:
            self._last.set(batch.records[-1].timestamp / 1000)
        if fed.ticked:
            self._heartbeat.set(self._now())
        for (region, pool), rates in fed.rates.items():
            self._rates(region, pool.removeprefix(f"{region}|") or SHARED, rates)
        self._handling.observe(seconds)

    def _rates(self, region: str, budget: str, rates: Rates) -> None:
        self._nominal.labels(region, budget).set(rates.nominal)
        self._realised.labels(region, budget).set(math.nan if rates.realised is None else rates.realised)
        self._correction.labels(region, budget).set(rates.correction)

    def _named(self, source: str) -> str:
        if source not in self._sources and len(self._sources) >= MOST_SOURCES:
            return OTHERS
        self._sources.add(source)
        return source

    def committed(self, messages: int, seconds: float, oldest: int | None) -> None:
        """Count a commit; *oldest* is the append time, ms, of the oldest record that it holds."""
        self._sent.inc(messages)
        self._commit.observe(seconds)
        if oldest is not None:
            self._delay.observe(max(self._now() - oldest / 1000, 0.0))

    def aborted(self) -> None:
        """Count a lost transaction."""
        self._aborted.inc()

    def restored(self, rows: int, seconds: float) -> None:
        """Count a restore."""
        self._rows.inc(rows)
        self._restored.observe(seconds)

    def stalled(self, partitions: int) -> None:
        """Tell how many partitions stand still though there is more to read."""
        self._stalled.set(partitions)

    def skewed(self, seconds: float) -> None:
        """Tell how far this worker's clock is ahead of the broker's; negative where it is behind."""
        self._skew.set(seconds)

    def owns(self, partitions: int) -> None:
        """Tell how many partitions are owned and open."""
        self._owned.set(partitions)
        for gauge in (self._nominal, self._realised, self._correction):
            # what is owned still is told again with the next tick, what is not by its new owner
            gauge.clear()
        if partitions:
            self._rebalances.inc()
        self._partitions = partitions

    def joined(self) -> None:
        """With the first assignment the worker is ready, be it a spare one without partitions."""
        self.ready.set()

    def readiness(self) -> str:
        """In words."""
        if not self.ready.is_set():
            return "not ready: has not joined its group yet"
        if self._partitions:
            return f"ready: owns {self._partitions} partitions"
        return "ready: owns no partition now; as a spare, if there are more workers than partitions"


def serve(metrics: StageMetrics, host: str, port: int) -> WSGIServer:
    """Serve ``/metrics``, ``/healthz`` and ``/readyz`` from a thread; the caller shuts the server down."""
    server = make_server(host, port, _pages(metrics), handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _pages(metrics: StageMetrics) -> WSGIApplication:
    exposition = make_wsgi_app(metrics.registry)

    def page(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return cast("Iterable[bytes]", exposition(environ, start))
        if path == "/healthz":
            return _plain(start, "200 OK")
        if path == "/readyz":
            status = "200 OK" if metrics.ready.is_set() else "503 Service Unavailable"
            return _plain(start, status, metrics.readiness())
        return _plain(start, "404 Not Found")

    return page


def _plain(start: StartResponse, status: str, words: str = "") -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{words or status}\n".encode()]


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
        """Log nothing."""
