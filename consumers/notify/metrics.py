"""What the notifier measures; labels are closed sets: channels of the file, kinds and reasons, never a person."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from consumers.notify.cases import Case, Decision, Hold, Leave, Send
from consumers.notify.deliveries import Delivery, Status
from schemas.events import Millis

DELAYS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)


class NotifierMetrics:
    """Counters and gauges of one notifier."""

    def __init__(self, registry: CollectorRegistry, channels: Iterable[str]) -> None:
        self._channels = tuple(channels)
        self._attempts = Counter(
            "firebreak_notifications", "Attempts to send a message.", ["channel", "outcome"], registry=registry
        )
        self._repeats = Counter(
            "firebreak_notifications_repeats", "Messages sent again, marked.", ["channel"], registry=registry
        )
        self._decisions = Counter(
            "firebreak_notification_decisions",
            "Decisions about recipients: told, held for a digest, left; with the reason.",
            ["decision", "reason"],
            registry=registry,
        )
        self._alerts = Counter(
            "firebreak_alerts_told",
            "Alerts that somebody is told of, by their severity then.",
            ["severity"],
            registry=registry,
        )
        self._delay = Histogram(
            "firebreak_notification_delay_seconds",
            "From the decision to the arrival.",
            ["channel"],
            buckets=DELAYS,
            registry=registry,
        )
        self._waiting = Gauge(
            "firebreak_notifications_waiting", "Messages on their way.", ["channel"], registry=registry
        )
        self._last = Gauge(
            "firebreak_notifications_last_delivered_timestamp_seconds",
            "When a message last arrived.",
            ["channel"],
            registry=registry,
        )
        self._unacknowledged = Gauge(
            "firebreak_alerts_unacknowledged", "Alerts told that nobody has acknowledged.", registry=registry
        )
        self._age = Gauge(
            "firebreak_alerts_unacknowledged_age_seconds",
            "Since when the oldest of them waits for somebody.",
            registry=registry,
        )
        for channel in self._channels:
            self._waiting.labels(channel).set(0)
            self._repeats.labels(channel)

    def decided(self, decisions: Iterable[Decision]) -> None:
        """Count decisions."""
        for decision in decisions:
            match decision:
                case Send():
                    kind = "told"
                case Hold():
                    kind = "held"
                case Leave():
                    kind = "left"
            self._decisions.labels(kind, decision.why).inc()

    def alert_told(self, severity: str) -> None:
        """Count an alert that somebody is told of for the first time."""
        self._alerts.labels(severity).inc()

    def began(self, delivery: Delivery) -> None:
        """Count an attempt that may be a repeat."""
        if delivery.unsure:
            self._repeats.labels(delivery.channel).inc()

    def ended(self, delivery: Delivery, status: Status, now: Millis) -> None:
        """Count an attempt that ended."""
        self._attempts.labels(delivery.channel, status.lower()).inc()
        if status is Status.SENT:
            self._last.labels(delivery.channel).set(now / 1000)
            self._delay.labels(delivery.channel).observe((now - delivery.made_at) / 1000)

    def stands(self, deliveries: Iterable[Delivery], cases: Mapping[str, Case], now: Millis) -> None:
        """Tell what waits: messages, and alerts for somebody."""
        waiting = Tally(each.channel for each in deliveries)
        for channel in self._channels:
            self._waiting.labels(channel).set(waiting[channel])
        since = [case.waits_since for case in cases.values() if case.waits_since is not None]
        self._unacknowledged.set(len(since))
        self._age.set((now - min(since)) / 1000 if since else 0.0)
