"""Notifications to the log: one idempotent producer, and an answer for each when the brokers have it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.connection import KafkaSettings
from schemas.errors import FirebreakError
from schemas.events import Notification
from schemas.wire import Wire
from streams.ingest.sending import Place

GIVE_UP_AFTER_MS = 15_000
"""A notification that the brokers have not taken by then is not taken."""
WAITING = 50_000
"""Notifications that may wait for the brokers."""


class Away(FirebreakError):
    """The brokers don't take what is sent; the sender is to send it again, which changes no count."""


class Delivery:
    """
    The producer, polled by a thread of its own.

    Parameters
    ----------
    kafka
        The connection.
    place
        The topic of raw notifications.

    """

    def __init__(self, kafka: KafkaSettings, place: Place) -> None:
        self._place, self._wire = place, Wire.builtin()
        self._client = Producer(
            {
                **kafka.librdkafka(),
                "enable.idempotence": True,
                "message.timeout.ms": GIVE_UP_AFTER_MS,
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": WAITING,
                "log_level": 0,
            }
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="delivery", daemon=True)
        self._thread.start()

    async def send(self, notifications: Sequence[Notification]) -> None:
        """
        Give notifications to the brokers; return when they have all of them.

        Raises
        ------
        Away
            One was not taken.

        """
        loop = asyncio.get_running_loop()
        taken: list[asyncio.Future[KafkaError | None]] = []
        for each in notifications:
            done: asyncio.Future[KafkaError | None] = loop.create_future()
            taken.append(done)
            self._produce(each, loop, done)
        failed = [error for error in await asyncio.gather(*taken) if error is not None]
        if failed:
            raise Away(f"the log does not take it: {failed[0].str()}")

    def _produce(
        self, each: Notification, loop: asyncio.AbstractEventLoop, done: asyncio.Future[KafkaError | None]
    ) -> None:
        def told(error: KafkaError | None, _message: Message) -> None:
            loop.call_soon_threadsafe(_settle, done, error)

        key = each.incident_id.encode()
        try:
            value = self._wire.encode_notification(each)
            self._client.produce(self._place.name, value, key, self._place.partition(key), on_delivery=told)
        except (BufferError, KafkaException) as full:
            raise Away("too much waits for the log") from full

    def _poll(self) -> None:
        while not self._over.is_set():
            self._client.poll(0.1)

    def close(self) -> None:
        """End; what waits is given a moment."""
        self._client.flush(5.0)
        self._over.set()
        self._thread.join()


def _settle(done: asyncio.Future[KafkaError | None], error: KafkaError | None) -> None:
    if not done.done():
        done.set_result(error)
