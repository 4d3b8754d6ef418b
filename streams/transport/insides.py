"""
The private names of aiokafka that the transport touches: all of them, and only here.

They are what makes a fetched piece cost two microseconds a record instead of ten. :mod:`streams.transport.selftest`
tries them at start; where one has changed, this module is not loaded and :mod:`streams.transport.piecewise` is.
"""

from __future__ import annotations

import asyncio

import aiokafka
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import TopicPartition

from streams.transport.taking import NOTHING, Taken


class RawRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Fetched records of one partition that come out as they were parsed, not each copied into a data class."""

    def _consumer_record(self, tp: object, record: object) -> object:  # noqa: ARG002 - aiokafka's signature
        return record


class Batchwise:
    """Takes all that is fetched of a partition at once, as it was parsed."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._fetcher = consumer._fetcher
        self._subscriptions = self._fetcher._subscriptions

    def member(self) -> str:
        """Name that the group's coordinator gave the consumer."""
        return str(self._consumer._coordinator.member_id)

    async def take(self, among: set[TopicPartition], wait: float) -> Taken:
        """Wait for something of these partitions and hand out all of it."""
        fetcher = self._fetcher
        if self._consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        if not any(tp in among for tp in fetcher._records) and not await self._arrival(wait):
            return NOTHING
        with self._subscriptions.fetch_context():
            for fetched in fetcher._records.values():
                if type(fetched) is FetchResult and fetched._partition_records is not None:
                    fetched._partition_records.__class__ = RawRecords
            before = self._positions(among)
            if not before:
                return NOTHING
            found = await fetcher.fetched_records(set(before), timeout=0)
            return Taken(before, found, self._positions(set(before)))

    async def _arrival(self, wait: float) -> bool:
        waiter = self._fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=wait)
        if not done:
            waiter.cancel()
            return False
        waiter.result()
        return True

    def _positions(self, among: set[TopicPartition]) -> dict[TopicPartition, int]:
        assignment = self._subscriptions.subscription.assignment
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(tp) for tp in among}
        return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}
