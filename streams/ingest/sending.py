"""Records to the broker by one idempotent producer: in order, once each, no faster than asked, and failures told."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message, Producer, murmur2

from schemas.catalogue import TopicSpec
from schemas.connection import KafkaSettings
from schemas.errors import UsageError
from schemas.events import Millis
from streams.admin import Admin

GIVE_UP_AFTER_MS = 120_000
"""A record that the broker has not taken by then is not sent."""
NOW: Millis = 0
"""Stamp of a record that is stamped when it is sent."""
_SLICE = 1.0
"""Seconds between two looks at what failed."""


class NotSent(UsageError):
    """The broker did not take a record."""


class Pace:
    """
    How long to wait before the next record.

    Parameters
    ----------
    rate
        Records a second; None for no limit.
    clock
        Seconds, from any beginning.

    """

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._gap = 0.0 if rate is None else 1.0 / rate
        self._clock = clock
        self._due = clock()

    def wait(self) -> float:
        """Seconds until the next record is due, 0 if it is now."""
        return max(0.0, self._due - self._clock()) if self._gap else 0.0

    def gone(self) -> None:
        """A record has gone; time that was not used is not made up for by a burst of more than a second's worth."""
        self._due = max(self._due, self._clock() - 1.0) + self._gap


class Sender:
    """
    One idempotent producer.

    Parameters
    ----------
    kafka
        The connection.
    pace
        No faster than this.

    """

    def __init__(self, kafka: KafkaSettings, pace: Pace | None = None) -> None:
        self._pace = pace or Pace(None)
        self._failure: KafkaError | None = None
        self._client = Producer(
            {
                **kafka.librdkafka(),
                "enable.idempotence": True,
                "message.timeout.ms": GIVE_UP_AFTER_MS,
                "linger.ms": 20,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 100_000,
                "delivery.report.only.error": True,
                "on_delivery": self._failed,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.settle()
        self._client.purge()

    def send(self, topic: str, partition: int, key: bytes | None, value: bytes | None, stamp: Millis = NOW) -> None:
        """
        Hand one record over, when it is due; *stamp* is its timestamp where the topic keeps those of senders.

        Raises
        ------
        NotSent
            The broker did not take an earlier one.

        """
        while wait := self._pace.wait():
            self._client.poll(wait)
        self._pace.gone()
        while True:
            self._check()
            try:
                self._client.produce(topic, value, key, partition, timestamp=stamp)
            except BufferError:
                self._client.poll(0.1)
            else:
                return

    def settle(self) -> None:
        """
        Wait until the broker has all that was handed over.

        Raises
        ------
        NotSent
            It did not take one.

        """
        while self._client.flush(_SLICE):
            self._check()
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise NotSent(f"the broker does not take records: {self._failure.str()}")

    def _failed(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002 - librdkafka's signature
        self._failure = self._failure or error


class Place:
    """
    A topic as it is on the broker; a key's partition is murmur2, as the Java client has it and the stages expect.

    Parameters
    ----------
    name
        The broker's name of the topic.
    partitions
        Its number of partitions.

    """

    def __init__(self, name: str, partitions: int) -> None:
        self.name = name
        self.partitions = partitions

    def partition(self, key: bytes) -> int:
        """Where a key goes."""
        return murmur2(key, self.partitions)


def places(kafka: KafkaSettings, *specs: TopicSpec) -> tuple[Place, ...]:
    """
    The topics as they are on the broker.

    Raises
    ------
    UsageError
        No broker answers, or a topic is missing.

    """
    found = Admin(kafka).topics()
    missing = [spec.name for spec in specs if spec.name not in found]
    if missing:
        raise UsageError(f"no topic {missing[0]} on {','.join(kafka.brokers)}: run `firebreak topics apply` first")
    return tuple(Place(spec.name, found[spec.name]) for spec in specs)
