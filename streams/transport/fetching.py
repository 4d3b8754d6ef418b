"""
The thread that reads the input topic.

Everything here runs on the thread's own event loop. Positions, terms and the chain of batches change together,
between two awaits, so that no batch mixes what was before a seek with what came after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import cast

import aiokafka
import structlog
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.batch import Batch, Placement, RawRecord
from streams.transport.host import StageApp
from streams.transport.piecewise import Piecewise
from streams.transport.taking import Taken, Taking

log = structlog.get_logger(__name__)

IDLE = 0.02
"""Seconds between looks where nothing can be fetched."""
TELL_WITHIN = 5.0
"""Seconds after which an attempt to tell the group our offsets is given up."""


@dataclass(slots=True)
class Reading:
    """How far one placed partition has been handed out, and where the consumer was left at that time."""

    term: int
    handed: int
    left: int

    def follow(self, position: int) -> None:
        """A position that moved by itself (its records were deleted) breaks the chain, so that the owner stops."""
        if position != self.left:
            self.handed = self.left = position

    def hand_out(self, partition: int, position: int, records: Sequence[RawRecord]) -> Batch | None:
        """Batch of *records*, taken up to *position*; None for none: what was passed over goes with the next."""
        self.left = position
        if not records:
            return None
        start, self.handed = self.handed, position
        return Batch(partition, self.term, start, position, records)


Placed = Mapping[TopicPartition, Reading]


class FetchThread(AIOKafkaConsumerThread):
    """Fetches batches of placed partitions."""

    def __post_init__(self) -> None:
        """Prepare, before the thread starts."""
        super().__post_init__()
        self._reading: dict[int, Reading] = {}
        self._taking: Taking | None = None
        self._one_at_a_time = asyncio.Lock()

    @property
    def _stage(self) -> StageApp:
        return cast("StageApp", self.app)

    def _create_worker_consumer(self, transport: object) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002 - Faust's
        feeding = self._stage.feeding
        return aiokafka.AIOKafkaConsumer(
            **feeding.client,
            group_id=feeding.group,
            group_instance_id=feeding.instance or None,
            partition_assignment_strategy=[RoundRobinPartitionAssignor],
            isolation_level=feeding.isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=feeding.fetch_wait,
            max_partition_fetch_bytes=feeding.fetch_bytes,
            session_timeout_ms=int(feeding.session * 1000),
            heartbeat_interval_ms=int(feeding.heartbeat * 1000),
            rebalance_timeout_ms=int(feeding.rebalance * 1000),
            max_poll_interval_ms=1_000_000,
        )

    @property
    def taking(self) -> Taking:
        """How records are taken; the private way only where the self-test knows its names."""
        if self._taking is None:
            consumer = self._ensure_consumer()
            if self._stage.piecewise:
                self._taking = Piecewise(consumer)
            else:
                insides = import_module("streams.transport.insides")
                self._taking = cast("Taking", insides.Batchwise(consumer))
        return self._taking

    async def place(self, placements: Mapping[int, Placement]) -> None:
        """Seek partitions that are still assigned; what is fetched from now on carries the new terms."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for partition, (offset, term) in placements.items():
            tp = TopicPartition(self._stage.feeding.topic, partition)
            if tp in assigned:
                consumer.seek(tp, offset)
                self._reading[partition] = Reading(term, offset, offset)

    async def tell_group(self, positions: Mapping[int, int]) -> None:
        """Let the group's offsets follow the journal; nothing depends on it, so nothing fails with it."""
        topic = self._stage.feeding.topic
        consumer = self._ensure_consumer()
        offsets = {TopicPartition(topic, p): OffsetAndMetadata(offset, "") for p, offset in positions.items()}
        try:
            async with asyncio.timeout(TELL_WITHIN):
                await consumer.commit(offsets)
        except (KafkaError, IllegalStateError, TimeoutError) as reason:
            log.debug("the group's offsets stay behind", reason=str(reason))

    async def _fetch_records(  # type: ignore[override]  # batches, where Faust has lists of records
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,  # noqa: ARG002 - Faust's signature
    ) -> dict[TP, Batch]:
        # Faust begins a fetch beside one that it gave up; together they would move each other's positions
        async with self._one_at_a_time:
            return await self._fetch_placed(consumer, active_partitions, timeout or 0.0)

    async def _fetch_placed(
        self, consumer: aiokafka.AIOKafkaConsumer, active_partitions: set[TP], wait: float
    ) -> dict[TP, Batch]:
        assigned = consumer.assignment()
        placed = {
            TopicPartition(*tp): reading
            for tp in active_partitions
            if tp in assigned and (reading := self._reading.get(tp.partition)) is not None
        }
        # aiokafka takes an empty set of partitions for all of them
        if not placed or not self.consumer.flow_active:
            await asyncio.sleep(IDLE)
            return {}
        taken = await self.taking.take(set(placed), wait)
        self._go_back(consumer, placed)
        return dict(_batches(placed, taken))

    def _go_back(self, consumer: aiokafka.AIOKafkaConsumer, placed: Placed) -> None:
        """
        Go back where a partition was placed anew while it was fetched from.

        What was taken may be from behind the new position, and bears the old term: nobody takes it in.
        """
        assigned = consumer.assignment()
        for tp, reading in placed.items():
            now = self._reading[tp.partition]
            if now is not reading and tp in assigned:
                consumer.seek(tp, now.handed)


def _batches(placed: Placed, taken: Taken) -> Iterator[tuple[TP, Batch]]:
    for tp, position in taken.before.items():
        placed[tp].follow(position)
    for tp, position in taken.after.items():
        batch = placed[tp].hand_out(tp.partition, position, taken.found.get(tp, ()))
        if batch is not None:
            yield TP(*tp), batch
