"""
The thread that reads the input topic.

Everything here runs on the thread's own event loop. Positions, terms and the chain of batches change together,
between two awaits, so that no batch mixes what was before a seek with what came after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import aiokafka
import structlog
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.batch import Batch, Placement, RawRecord
from streams.transport import insides
from streams.transport.host import StageApp

log = structlog.get_logger(__name__)

IDLE = 0.02
"""Seconds between looks where nothing can be fetched."""
TELL_WITHIN = 5.0
"""Seconds after which an attempt to tell the group our offsets is given up."""


@dataclass(slots=True)
class _Reading:
    """How far one placed partition has been handed out, and where the consumer was left at that time."""

    term: int
    handed: int
    left: int

    def follow(self, position: int) -> None:
        """A position that moved by itself (its records were deleted) breaks the chain, so that the owner stops."""
        if position != self.left:
            self.handed = self.left = position

    def hand_out(self, partition: int, position: int, records: Sequence[RawRecord]) -> Batch | None:
        """Batch of *records*, fetched up to *position*; None for none, then what was passed over goes with the next."""
        self.left = position
        if not records:
            return None
        start, self.handed = self.handed, position
        return Batch(partition, self.term, start, position, records)


class FetchThread(AIOKafkaConsumerThread):
    """Fetches batches of placed partitions."""

    piecewise = False
    """Whether records are fetched one by one, by public calls alone: slow, for versions whose insides are unknown."""

    def __post_init__(self) -> None:
        """Prepare, before the thread starts."""
        super().__post_init__()
        self._reading: dict[int, _Reading] = {}

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

    def member(self) -> str:
        """Name that the group's coordinator gave this consumer; another one after each time it was put out."""
        return insides.member(self._ensure_consumer())

    async def place(self, placements: Mapping[int, Placement]) -> None:
        """Seek partitions that are still assigned; what is fetched from now on carries the new terms."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for partition, (offset, term) in placements.items():
            tp = TopicPartition(self._stage.feeding.topic, partition)
            if tp in assigned:
                consumer.seek(tp, offset)
                self._reading[partition] = _Reading(term, offset, offset)

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
        max_records: int | None = None,
    ) -> dict[TP, Batch]:
        if insides.is_closed(consumer):
            raise ConsumerStoppedError
        # aiokafka takes an empty set of partitions for all of them
        if not self.consumer.flow_active or not active_partitions:
            return {}
        if self.piecewise:
            return await self._fetch_one(consumer, active_partitions, timeout or 0.0)
        return await self._fetch_batches(consumer, active_partitions, timeout, max_records)

    async def _fetch_batches(
        self, consumer: aiokafka.AIOKafkaConsumer, active: set[TP], wait: float | None, most: int | None
    ) -> dict[TP, Batch]:
        fetched = insides.Fetched(consumer)
        if not await fetched.arrival(active, wait):
            return {}
        placed = self._placed(active)
        if not self.consumer.flow_active or not placed:
            return {}
        among = set(placed)
        for tp, position in fetched.positions(among).items():
            placed[tp].follow(position)
        found = await fetched.take(among, most)
        return _handed_out(placed, fetched.positions(among), found)

    async def _fetch_one(self, consumer: aiokafka.AIOKafkaConsumer, active: set[TP], wait: float) -> dict[TP, Batch]:
        placed = self._placed(active)
        if not placed:
            await asyncio.sleep(min(wait, IDLE))
            return {}
        try:
            for tp, reading in placed.items():
                reading.follow(await consumer.position(TopicPartition(*tp)))
            partitions = [TopicPartition(*tp) for tp in placed]
            found = await consumer.getmany(*partitions, timeout_ms=int(wait * 1000), max_records=1)
            positions = {tp: await consumer.position(TopicPartition(*tp)) for tp in placed}
        except IllegalStateError:
            return {}  # revoked meanwhile: whoever owns them next places them anew
        return _handed_out(placed, positions, found)

    def _placed(self, active: set[TP]) -> dict[TP, _Reading]:
        assigned = self._ensure_consumer().assignment()
        return {tp: self._reading[tp.partition] for tp in active if tp in assigned and tp.partition in self._reading}


def _handed_out(
    placed: Mapping[TP, _Reading], positions: Mapping[TP, int], found: Mapping[TP, Sequence[RawRecord]]
) -> dict[TP, Batch]:
    batches = {}
    for tp, position in positions.items():
        batch = placed[tp].hand_out(tp.partition, position, found.get(tp, ()))
        if batch is not None:
            batches[tp] = batch
    return batches
