"""What a stage is fed: one fetched piece of one input partition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class RawRecord(Protocol):
    """One record as it lies on the input topic."""

    @property
    def offset(self) -> int:
        """Offset within the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Append time, ms."""
        ...

    @property
    def key(self) -> bytes | None:
        """Key as sent."""
        ...

    @property
    def value(self) -> bytes | None:
        """Value as sent."""
        ...


@dataclass(slots=True)
class Batch:
    """
    Records of one input partition, with the piece of the log that they stand for.

    ``start`` and ``next`` are the consumer's positions before the first record and after the last: with what lies
    between records (aborted attempts, transaction marks, compacted gaps), so that batches form a chain.
    """

    partition: int
    term: int
    """Of the owner that the records were fetched for; another owner, or an earlier self, ignores them."""
    start: int
    next: int
    records: Sequence[RawRecord]


class Placement(NamedTuple):
    """Where reading of an input partition goes on, and on whose behalf."""

    offset: int
    term: int
