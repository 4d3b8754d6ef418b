"""
The private names of aiokafka that the transport touches: all of them, and only here.

They are what makes a fetched piece cost two microseconds a record instead of ten. :mod:`streams.transport.selftest`
tries them at start; where one has changed, records are fetched one by one through public calls instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import aiokafka
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.structs import TopicPartition

from streams.batch import RawRecord


class RawRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """Fetched records of one partition that come out as they were parsed, not each copied into a data class."""

    def _consumer_record(self, tp: object, record: object) -> object:  # noqa: ARG002 - aiokafka's signature
        return record


class Fetched:
    """What a consumer has fetched and not handed out."""

    def __init__(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        self._fetcher = consumer._fetcher
        self._subscriptions = self._fetcher._subscriptions

    async def arrival(self, among: set[TopicPartition], wait: float | None) -> bool:
        """Wait until something of these partitions is there; False if *wait* seconds pass."""
        if any(tp in among for tp in self._fetcher._records):
            return True
        waiter = self._fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=wait)
        if not done:
            waiter.cancel()
            return False
        waiter.result()
        return True

    def positions(self, among: set[TopicPartition]) -> dict[TopicPartition, int]:
        """Offsets that the next hand-out begins with, of those of these partitions that are still assigned."""
        assignment = self._subscriptions.subscription.assignment
        if assignment is None:
            return {}
        states = {tp: assignment.state_value(tp) for tp in among}
        return {tp: state.position for tp, state in states.items() if state is not None and state.has_valid_position}

    async def take(self, among: set[TopicPartition], most: int | None) -> Mapping[TopicPartition, Sequence[RawRecord]]:
        """Hand out all that is there of these partitions."""
        with self._subscriptions.fetch_context():
            for fetched in self._fetcher._records.values():
                if type(fetched) is FetchResult and fetched._partition_records is not None:
                    fetched._partition_records.__class__ = RawRecords
            found = await self._fetcher.fetched_records(among, timeout=0, max_records=most)
            return cast("Mapping[TopicPartition, Sequence[RawRecord]]", found)


def is_closed(consumer: aiokafka.AIOKafkaConsumer) -> bool:
    """Whether *consumer* has ended."""
    return bool(consumer._closed or consumer._fetcher._closed)


def member(consumer: aiokafka.AIOKafkaConsumer) -> str:
    """Name that the group's coordinator gave *consumer*; another one after each time it was put out."""
    return str(consumer._coordinator.member_id)
