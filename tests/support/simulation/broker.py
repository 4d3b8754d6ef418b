"""
A broker in memory: partitions, transactions with fencing, aborts and last stable offset, compaction, lost answers.

Transactions follow Kafka's protocol as clients see it: opening a producer of a name raises its epoch, aborts what an
earlier one left open and waits for the marks of what it had committed; a reader that reads committed stops at the first
record of an open transaction; marks take offsets of their own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from support.simulation.timeline import Killed, Threads

from streams.log import Abortable, Bounds, Fenced, JournalRecord, Retriable, Sent

TOMBSTONES_STAY = 5.0
"""Seconds; a day on a real broker, and as there longer than any reading."""


class Record(NamedTuple):
    """What a reader gets."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True, eq=False)
class Transaction:
    """One transaction: OPEN, then COMMITTED or ABORTED; ``marked`` once its marks are written."""

    name: str
    state: str = "OPEN"
    marked: bool = False
    touched: set[tuple[str, int]] = field(default_factory=set)


@dataclass(slots=True)
class Entry:
    """One offset of one partition; a mark has no transaction of its own to be read by."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    transaction: Transaction | None
    mark: bool = False
    cleaned_at: float | None = None
    """When compaction first left this as the newest of its key."""


class Partition:
    """The log of one partition."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.end = 0
        self._open: dict[Transaction, int] = {}

    def append(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.end = entry.offset + 1
        if entry.transaction is not None:
            self._open.setdefault(entry.transaction, entry.offset)

    def over(self, transaction: Transaction) -> None:
        """The transaction's mark is written."""
        self._open.pop(transaction, None)

    def stable(self) -> int:
        """Last stable offset: the first offset of a transaction that is not over."""
        return min(self._open.values(), default=self.end)

    def after(self, offset: int) -> list[Entry]:
        """Entries from *offset* on."""
        return self.entries[bisect_left(self.entries, offset, key=lambda entry: entry.offset) :]

    def compact(self, now: float) -> None:
        """
        Keep the newest committed record of each key, and what is not stable yet.

        Tombstones go when they have been the newest for a while: whoever reads from the beginning meanwhile, and has
        seen what they delete, must come by them.
        """
        stable = self.stable()
        newest = {e.key: e.offset for e in self.entries if e.offset < stable and _visible(e)}
        kept = []
        for entry in self.entries:
            if entry.offset >= stable:
                kept.append(entry)
            elif _visible(entry) and newest[entry.key] == entry.offset:
                entry.cleaned_at = now if entry.cleaned_at is None else entry.cleaned_at
                if entry.value is not None or now - entry.cleaned_at < TOMBSTONES_STAY:
                    kept.append(entry)
        self.entries = kept


def _visible(entry: Entry) -> bool:
    return not entry.mark and (entry.transaction is None or entry.transaction.state == "COMMITTED")


class Broker:
    """All partitions, and who may write under which name."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.partitions: dict[tuple[str, int], Partition] = {}
        self.epochs: dict[str, int] = {}
        self.open: dict[str, Transaction] = {}
        self.unmarked: list[Transaction] = []
        self.now = 0
        self.committed_read = True
        """Readers of input and journals stop at what is not decided, and skip what was aborted."""
        self.fencing = True

    def partition(self, topic: str, number: int) -> Partition:
        return self.partitions.setdefault((topic, number), Partition())

    def append(self, sent: Sent, transaction: Transaction | None = None) -> None:
        """Add one record at the end of its partition."""
        log = self.partition(sent.topic, sent.partition)
        log.append(Entry(log.end, self.now, sent.key, sent.value, transaction))
        if transaction is not None:
            transaction.touched.add((sent.topic, sent.partition))

    def begin(self, name: str) -> Transaction:
        self.open[name] = Transaction(name)
        return self.open[name]

    def end(self, transaction: Transaction, state: str, *, at_once: bool) -> None:
        """Decide a transaction; its marks may be written later."""
        transaction.state = state
        if self.open.get(transaction.name) is transaction:
            del self.open[transaction.name]
        self.unmarked.append(transaction)
        if at_once:
            self.mark(transaction)

    def mark(self, transaction: Transaction) -> None:
        """Write the marks of a decided transaction."""
        if transaction.marked:
            return
        transaction.marked = True
        self.unmarked.remove(transaction)
        for topic, number in sorted(transaction.touched):
            log = self.partition(topic, number)
            log.over(transaction)
            log.append(Entry(log.end, self.now, None, None, None, mark=True))

    def enter(self, name: str) -> int:
        """Open a producer of *name*: fence, abort, and let earlier marks be written; answer its epoch."""
        self.epochs[name] = self.epochs.get(name, 0) + 1
        left_open = self.open.get(name)
        if left_open is not None and self.fencing:
            self.end(left_open, "ABORTED", at_once=True)
        for transaction in [each for each in self.unmarked if each.name == name]:
            self.mark(transaction)
        return self.epochs[name]

    def fetch(self, topic: str, number: int, offset: int, most: int) -> tuple[list[Record], int]:
        """Up to *most* records from *offset* on, and the position after them."""
        log = self.partition(topic, number)
        limit = log.stable() if self.committed_read else log.end
        records: list[Record] = []
        position = offset
        for entry in log.after(offset):
            if entry.offset >= limit or len(records) == most:
                return records, position
            if entry.mark or (self.committed_read and not _visible(entry)):
                position = entry.offset + 1
                continue
            records.append(Record(entry.offset, entry.timestamp, entry.key, entry.value))
            position = entry.offset + 1
        return records, max(position, min(limit, log.end)) if len(records) < most else position

    def committed(self, topic: str) -> dict[int, list[Record]]:
        """Everything that a reader of committed records gets, by partition."""
        found = {}
        for (name, number), log in sorted(self.partitions.items()):
            if name == topic:
                found[number] = [Record(e.offset, e.timestamp, e.key, e.value) for e in log.entries if _visible(e)]
        return found


@dataclass(slots=True)
class Chaos:
    """How often what goes wrong, for one worker; each a probability."""

    kill: float = 0.0
    retriable: float = 0.0
    abortable: float = 0.0
    lost_answer: float = 0.0
    slow: float = 0.0


class WorkerLog:
    """The broker as one worker's threads see it (:class:`streams.log.Log`): slow, failing, and a place to die."""

    def __init__(self, broker: Broker, threads: Threads, chaos: Chaos, die: object) -> None:
        self.broker = broker
        self._threads = threads
        self._chaos = chaos
        self._die = die
        self.transactional = True

    def step(self, name: str, *, may_fail: bool = True) -> None:
        """Let time pass, perhaps fail, perhaps die: called at each step that talks to the broker."""
        random, chaos = self.broker.random, self._chaos
        self._threads.pause(random.uniform(0.0005, 0.004) * (50 if random.random() < chaos.slow else 1))
        if random.random() < chaos.kill:
            self._die()  # type: ignore[operator]  # a function given by the worker
            raise Killed
        if may_fail and random.random() < chaos.retriable:
            raise Retriable(name)

    def chance(self, share: float) -> bool:
        return self.broker.random.random() < share

    def producer(self, transactional_id: str) -> WorkerProducer:
        self.step("init")
        epoch = self.broker.enter(transactional_id)
        return WorkerProducer(self, transactional_id, epoch, self._chaos)

    def read(self, topic: str, partition: int) -> Iterator[Sequence[JournalRecord]]:
        self.step("journal end")
        end = self.broker.partition(topic, partition).end
        position = 0
        while position < end:
            self.step("journal read")
            records, reached = self.broker.fetch(topic, partition, position, 50)
            yield [(record.key or b"", record.value) for record in records if record.offset < end]
            if reached == position:
                break
            position = reached

    def bounds(self, topic: str, partition: int) -> Bounds:
        self.step("bounds")
        return Bounds(0, self.broker.partition(topic, partition).end)


class WorkerProducer:
    """The one producer of an owned partition (:class:`streams.log.Producer`)."""

    def __init__(self, log: WorkerLog, name: str, epoch: int, chaos: Chaos) -> None:
        self._log = log
        self._broker = log.broker
        self._name = name
        self._epoch = epoch
        self._chaos = chaos
        self._transaction: Transaction | None = None
        self._waiting: list[Sent] = []
        self._committed = False

    def _fence(self) -> None:
        if self._broker.fencing and self._log.transactional and self._broker.epochs[self._name] != self._epoch:
            raise Fenced(f"{self._name} was opened again by another")

    def begin(self) -> None:
        if self._transaction is not None and self._broker.open.get(self._name) is self._transaction:
            raise Abortable("a transaction is under way")
        self._fence()
        self._committed = False
        self._transaction = self._broker.begin(self._name) if self._log.transactional else None

    def send(self, messages: Iterable[Sent]) -> None:
        for message in messages:
            self._waiting.append(message)
            if self._log.chance(0.1):
                self._flush()

    def _flush(self) -> None:
        self._log.step("flush", may_fail=False)
        self._fence()
        for message in self._waiting:
            self._broker.append(message, self._transaction)
        self._waiting.clear()

    def commit(self) -> None:
        if self._committed:
            return
        self._log.step("before commit")
        self._flush()
        if self._log.chance(self._chaos.abortable):
            raise Abortable("the transaction timed out")
        self._fence()
        if self._transaction is not None:
            self._broker.end(self._transaction, "COMMITTED", at_once=self._log.chance(0.5))
        self._committed = True
        if self._log.chance(self._chaos.lost_answer):
            raise Abortable("no answer to the commit") if self._log.chance(0.5) else Retriable("no answer yet")
        self._log.step("after commit")

    def close(self) -> None:
        self._waiting.clear()
