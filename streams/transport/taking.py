"""How records are taken from the consumer: what the two ways of doing it have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from aiokafka.structs import TopicPartition

from streams.batch import RawRecord


class Taken(NamedTuple):
    """Records by partition, and the consumer's positions before and after they were taken."""

    before: Mapping[TopicPartition, int]
    found: Mapping[TopicPartition, Sequence[RawRecord]]
    after: Mapping[TopicPartition, int]


NOTHING = Taken({}, {}, {})


class Taking(Protocol):
    """One way of taking."""

    def member(self) -> str:
        """Name that the group's coordinator gave the consumer; another one each time it was put out. "" if unknown."""
        ...

    async def take(self, among: set[TopicPartition], wait: float) -> Taken:
        """Take what is there of these partitions; wait up to *wait* seconds for something."""
        ...
