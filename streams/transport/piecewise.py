"""Taking records one by one, through aiokafka's public calls alone: slow, and exact with any version."""

from __future__ import annotations

import aiokafka
from aiokafka.errors import IllegalStateError
from aiokafka.structs import TopicPartition

from streams.transport.taking import NOTHING, Taken


class Piecewise:
    """Takes one record at a time."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._consumer = consumer

    def member(self) -> str:
        """Nothing: the name is private."""
        return ""

    async def take(self, among: set[TopicPartition], wait: float) -> Taken:
        """Wait for one record of these partitions."""
        consumer = self._consumer
        try:
            before = {tp: await consumer.position(tp) for tp in among}
            found = await consumer.getmany(*among, timeout_ms=int(wait * 1000), max_records=1)
            return Taken(before, found, {tp: await consumer.position(tp) for tp in among})
        except IllegalStateError:
            # revoked meanwhile: whoever owns them next places them anew
            return NOTHING
