"""
The clock of the stream: whoever owns a raw partition appends a heartbeat to it at every whole multiple of the period.

Only here is a wall clock read. The heartbeats are ordinary notifications, not part of any transaction: two owners,
repeats and a wrong clock do no harm, because the first stage forwards a tick only if it is later than the last one and
at most one period ahead of its own append time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, Message, Producer

from schemas.events import CLOCK_SOURCE, PLAYER_SOURCE, Kind, Millis, Notification
from streams.core.enrich import HEARTBEAT_KEY

log = structlog.get_logger(__name__)

KEY = HEARTBEAT_KEY.encode()
SKEW_TOLD = 1.0
"""Seconds that a clock may be off before it is told."""


def heartbeat(clock: Millis, *, simulated: bool = False) -> Notification:
    """The notification that carries the tick *clock*."""
    return Notification(
        kind=Kind.HEARTBEAT,
        source=PLAYER_SOURCE if simulated else CLOCK_SOURCE,
        source_ref="",
        revision=0,
        occurred_at=clock,
        published_at=clock,
        longitude=None,
        latitude=None,
        area_code=None,
        category="",
        scheme="",
    )


class Ticker:
    """
    Appends heartbeats to the raw partitions that are owned.

    Parameters
    ----------
    config
        librdkafka's settings of the connection.
    topic
        The raw topic.
    period
        In ms.
    encode
        Notification to bytes.
    owned
        The partitions owned now.
    now
        Wall clock in seconds since the epoch.
    skewed
        Told, with each tick, how many seconds that clock was ahead of the broker's when it was appended.

    """

    def __init__(
        self,
        config: Mapping[str, str | int | float | bool],
        topic: str,
        period: Millis,
        *,
        encode: Callable[[Notification], bytes],
        owned: Callable[[], Iterable[int]],
        now: Callable[[], float],
        skewed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._producer = Producer({**config, "enable.idempotence": True, "linger.ms": 0, "log_level": 3})
        self._topic = topic
        self._period = period
        self._encode = encode
        self._owned = owned
        self._now = now
        self._skewed = skewed
        self._told = False

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            clock = self._next()
            await asyncio.sleep(max(clock / 1000 - self._now(), 0.0))
            self.append(clock)

    def _next(self) -> Millis:
        return (int(self._now() * 1000) // self._period + 1) * self._period

    def append(self, clock: Millis) -> None:
        """Append the tick *clock* to every partition owned; a broker that is away gets it when it is back."""
        value = self._encode(heartbeat(clock))
        for partition in self._owned():
            try:
                self._producer.produce(self._topic, value, KEY, partition, on_delivery=self._compare(self._now()))
            except BufferError:
                # a broker away for hours: the ticks that wait will do
                break
        self._producer.poll(0)

    def _compare(self, sent: float) -> Callable[[KafkaError | None, Message], None]:
        """Compare our clock, which said *sent*, with the broker's, which stamps what it appends."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            kind, stamped = message.timestamp()
            # one that waited for a broker that was away tells nothing
            prompt = error is None and (message.latency() or 0.0) < SKEW_TOLD
            if prompt and kind == TIMESTAMP_LOG_APPEND_TIME:
                self._tell(sent - stamped / 1000)

        return delivered

    def _tell(self, ahead: float) -> None:
        self._skewed(ahead)
        wrong = abs(ahead) > SKEW_TOLD
        if wrong and not self._told:
            log.warning("this clock is not the broker's: its ticks may be refused", ahead_s=round(ahead, 1))
        self._told = wrong
