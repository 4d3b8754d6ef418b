"""Records of the topics into the standing, and the standing out as metrics."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from types import MappingProxyType

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from consumers.loop import Handler, Record
from consumers.observe.standing import Standing
from schemas.errors import Malformed
from schemas.events import Millis
from schemas.wire import Wire

TOPICS = ("incidents.raw", "areas.counts", "alerts.state", "alerts.events")
PUBLISHED_WITHIN = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds in seconds; 1 s is the objective."""


class Watcher(Handler):
    """
    Handler of the observer's loop.

    Parameters
    ----------
    registry
        Where what is counted is told.
    began
        When this process began: what was appended before is not counted again.
    wire
        The codecs.
    look
        Is called between records with how things stand, once all that was there at the beginning was read.

    """

    def __init__(
        self,
        registry: CollectorRegistry,
        began: Millis,
        wire: Wire,
        look: Callable[[Standing], None] = lambda _standing: None,
    ) -> None:
        self.standing = Standing()
        self.lock = threading.Lock()
        self._began = began
        self._wire = wire
        self._look = look
        self._take = MappingProxyType(
            {
                "incidents.raw": self._raw,
                "areas.counts": self._count,
                "alerts.state": self._state,
                "alerts.events": self._event,
            }
        )
        self._records = Counter(
            "firebreak_source_records", "Notifications that a source sent.", ["source"], registry=registry
        )
        self._transitions = Counter(
            "firebreak_alert_transitions", "Transitions of alerts.", ["kind", "severity", "tense"], registry=registry
        )
        self._delay = Histogram(
            "firebreak_alert_delay_seconds",
            "From the tick that carries a transition to its publication.",
            buckets=PUBLISHED_WITHIN,
            registry=registry,
        )
        self._unreadable = Counter(
            "firebreak_observer_unreadable_records", "Records that are none of ours.", ["topic"], registry=registry
        )

    def take(self, records: Sequence[Record]) -> None:
        """Take records in."""
        with self.lock:
            for record in records:
                try:
                    self._take[record.topic](record)
                except Malformed:
                    self._unreadable.labels(record.topic).inc()

    def turn(self) -> None:
        """Look at how things stand."""
        self._look(self.standing)

    def _raw(self, record: Record) -> None:
        source = self.standing.heard(record.key or b"", record.timestamp)
        if source and record.timestamp >= self._began:
            self._records.labels(source).inc()

    def _count(self, record: Record) -> None:
        if record.value is None:
            self.standing.retired(record.key or b"")
        else:
            self.standing.counted(self._wire.area_count.decode(record.value))

    def _state(self, record: Record) -> None:
        if record.value is None:
            self.standing.alerts.pop((record.key or b"").decode(errors="replace"), None)
        else:
            self.standing.alert(self._wire.alert.decode(record.value))

    def _event(self, record: Record) -> None:
        if record.value is None or record.timestamp < self._began:
            return
        event = self._wire.alert_event.decode(record.value)
        self._transitions.labels(event.kind, event.severity, event.tense).inc()
        self._delay.observe(max(0.0, (record.timestamp - event.clock) / 1000))


class StandingCollector(Collector):
    """
    The standing as gauges, made at each scrape.

    Parameters
    ----------
    watcher
        Whose standing.
    now
        Wall clock in ms.

    """

    def __init__(self, watcher: Watcher, now: Callable[[], Millis]) -> None:
        self._watcher = watcher
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Sources, clock, areas and alerts."""
        with self._watcher.lock:
            standing = self._watcher.standing
            yield from (*_sources(standing, self._now()), *_clock(standing), *_areas(standing), *_alerts(standing))


def _sources(standing: Standing, now: Millis) -> Iterator[GaugeMetricFamily]:
    last = _gauge("firebreak_source_last_record_timestamp_seconds", "When a source last sent something.", "source")
    missing = _gauge(
        "firebreak_source_missing_arrivals",
        "Arrivals that should have come since the last one, by its habit.",
        "source",
    )
    for source, arrivals in standing.sources.items():
        last.add_metric([source], (arrivals.last or 0) / 1000)
        missing.add_metric([source], arrivals.missing(now))
    yield from (last, missing)


def _clock(standing: Standing) -> Iterator[GaugeMetricFamily]:
    clock = _gauge("firebreak_clock_timestamp_seconds", "Time that the published counts have reached.", "region")
    for region, at in standing.clock.items():
        clock.add_metric([region], at / 1000)
    yield clock


def _areas(standing: Standing) -> Iterator[GaugeMetricFamily]:
    labels = ("region", "level", "area", "group")
    incidents = _gauge("firebreak_area_incidents", "Incidents of the last 24 hours.", *labels)
    expected = _gauge("firebreak_area_expected_incidents", "Incidents that are normal in such 24 hours.", *labels)
    upper = _gauge("firebreak_area_upper_incidents", "Upper end of the normal range.", *labels)
    for each in standing.areas():
        at = [each.region, each.level, each.area, each.group]
        incidents.add_metric(at, each.incidents_24h)
        if each.expected is not None:
            expected.add_metric(at, each.expected)
        if each.upper is not None:
            upper.add_metric(at, each.upper)
    states = _gauge("firebreak_areas", "Areas by what the detector says of them.", "region", "level", "group", "state")
    for key, count in standing.states().items():
        states.add_metric(key, count)
    yield from (incidents, expected, upper, states)


def _alerts(standing: Standing) -> Iterator[GaugeMetricFamily]:
    active = _gauge("firebreak_alerts_active", "Alerts that are open.", "region", "group", "severity", "status")
    for key, count in standing.open_alerts().items():
        active.add_metric(key, count)
    waiting = _gauge("firebreak_alerts_unacknowledged_since_timestamp_seconds", "Opening of the oldest such alert.")
    since = standing.unacknowledged_since()
    if since is not None:
        waiting.add_metric([], since / 1000)
    yield from (active, waiting)


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, labels=labels)
