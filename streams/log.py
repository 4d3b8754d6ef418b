"""
The broker as an owned partition sees it: a log of committed records, and one transactional producer.

Two of these exist: that of a real broker (:mod:`streams.kafka_log`), and whatever a test or a simulation puts in its
place. All calls block; they are made from threads, never from the event loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from schemas.errors import Fatal, FirebreakError

Headers = list[tuple[str, str | bytes | None]]


class Retriable(FirebreakError):
    """The broker can't answer now; the same call may be made again."""


class Abortable(FirebreakError):
    """The open transaction is lost, the partition is not: it is opened again from its journal."""


class Fenced(Fatal):
    """Another worker owns the partition now, or the producer is beyond repair: the process must stop."""


class Sent(NamedTuple):
    """One record on its way to the broker; a value of None deletes the key."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


class Producer(Protocol):
    """The one producer of one owned partition; everything between ``begin`` and ``commit`` becomes visible at once."""

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def send(self, messages: Iterable[Sent]) -> None:
        """Hand over records in this order; waits while the producer is full."""
        ...

    def commit(self) -> None:
        """
        Make all visible, or nothing.

        Raises
        ------
        Retriable
            Not known yet; call again.
        Abortable
            Nothing became visible, or it can't be told; only a new producer knows.
        Fenced
            Nothing became visible, and this process is no owner any more.

        """
        ...

    def close(self) -> None:
        """Forget the producer and what it has not committed."""
        ...


JournalRecord = tuple[bytes, bytes | None]
"""Key and value of one record."""


class Bounds(NamedTuple):
    """Offset of the first record that a partition still has, and of the next that it will get."""

    beginning: int
    end: int


class Log(Protocol):
    """The broker."""

    def producer(self, transactional_id: str) -> Producer:
        """
        Open the producer of that name: fences the one before, and ends what it left open.

        Raises
        ------
        Retriable
            The broker can't be reached.

        """
        ...

    def read(self, topic: str, partition: int) -> Iterator[Sequence[JournalRecord]]:
        """
        Committed records from the beginning to the end that the partition has now, in order, in chunks.

        Raises
        ------
        Retriable
            The broker can't be reached.

        """
        ...

    def bounds(self, topic: str, partition: int) -> Bounds:
        """
        What a partition holds now.

        Raises
        ------
        Retriable
            The broker can't be reached.

        """
        ...
