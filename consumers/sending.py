"""Records to a topic, the same key always to the same partition; it is known whether the broker has them."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.loop import Later
from schemas.settings import Settings

TAKEN_WITHIN = 30.0
"""Seconds that the broker has to take records."""


class Sender:
    """
    A connection that sends.

    Parameters
    ----------
    settings
        The connection, and names of topics.

    """

    def __init__(self, settings: Settings) -> None:
        self._topics = settings.catalogue()
        self._producer = Producer(
            {
                **settings.kafka.librdkafka(),
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.timeout.ms": int(TAKEN_WITHIN * 1000),
                "log_level": 3,
            }
        )

    def send(self, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
        """
        Send keys and values to *topic* (catalogue id); return when the broker has them all.

        Raises
        ------
        Later
            It does not take them; they may be sent again.

        """
        failed: list[KafkaError] = []

        def told(error: KafkaError | None, _message: Message) -> None:
            failed.extend([error] if error is not None else [])

        try:
            for key, value in records:
                self._producer.produce(self._topics[topic].name, value, key, on_delivery=told)
        except (KafkaException, BufferError) as failure:
            raise Later(f"{topic} is not taken: {failure}") from failure
        if self._producer.flush(TAKEN_WITHIN + 1) or failed:
            raise Later(f"{topic} is not taken: {failed[0].str() if failed else 'no answer'}")
