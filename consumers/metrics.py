"""What the shared loop measures; labels are closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from schemas.events import Millis


class LoopMetrics:
    """What a loop measures, under the consumer's name."""

    def __init__(self, registry: CollectorRegistry, consumer: str) -> None:
        self.consumer = consumer
        self._records = Counter(
            "firebreak_consumer_records", "Records taken in.", ["consumer", "topic"], registry=registry
        )
        self._lag = Gauge(
            "firebreak_consumer_lag_records", "Records not taken in yet.", ["consumer", "topic"], registry=registry
        )
        self._last = Gauge(
            "firebreak_consumer_last_event_timestamp_seconds",
            "Append time of the newest record taken in.",
            ["consumer", "topic"],
            registry=registry,
        )
        self._partitions = Gauge("firebreak_consumer_partitions", "Partitions owned.", ["consumer"], registry=registry)
        self._retries = Counter(
            "firebreak_consumer_retries", "Records handed over again.", ["consumer"], registry=registry
        )

    def taken(self, topic: str, timestamp: Millis) -> None:
        """Count a record that was taken in."""
        self._records.labels(self.consumer, topic).inc()
        self._last.labels(self.consumer, topic).set(timestamp / 1000)

    def lag(self, topic: str, records: int) -> None:
        """Tell how many records of a topic wait."""
        self._lag.labels(self.consumer, topic).set(records)

    def owns(self, partitions: int) -> None:
        """Tell how many partitions are owned."""
        self._partitions.labels(self.consumer).set(partitions)

    def again(self) -> None:
        """Count an attempt that has to be repeated."""
        self._retries.labels(self.consumer).inc()
