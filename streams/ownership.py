"""
The partitions that this worker owns, and when each of them commits.

Assignment opens partitions in threads, revocation commits and forgets them; in between each has a task that cuts
whenever something changed and the flush interval has passed, or at once after a tick. Knows neither Faust nor Kafka:
time is that of the running event loop, threads and the end of the process are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar

import structlog

from streams.batch import Batch, Placement
from streams.edge import Fed
from streams.log import Abortable, Log
from streams.partition import Partition, StageSpec, Superseded, open_partition

ValueT = TypeVar("ValueT")

log = structlog.get_logger(__name__)

CLAIM_WITHIN = 5.0
"""Seconds that a revocation waits for the fencing of a former owner that is under way."""


class InThread(Protocol):
    """Runs a blocking call beside the event loop."""

    def __call__(self, call: Callable[[], ValueT], /) -> Awaitable[ValueT]:
        """Answer of *call*, or what it raised."""
        ...


class Source(Protocol):
    """The consumer of the input topic."""

    async def place(self, placements: Mapping[int, Placement]) -> None:
        """Let reading of these partitions go on there, and mark what is fetched from now on with the new terms."""
        ...


class Meter(Protocol):
    """What is told to whoever measures."""

    def fed(self, batch: Batch, fed: Fed, seconds: float) -> None:
        """A batch was taken in; *seconds* of the event loop's time."""
        ...

    def committed(self, messages: int, seconds: float, oldest: int | None) -> None:
        """A transaction was committed; *oldest* is the append time of the oldest record that it holds."""
        ...

    def aborted(self) -> None:
        """A transaction was lost, its partition is opened again."""
        ...

    def restored(self, rows: int, seconds: float) -> None:
        """A partition was opened."""
        ...

    def owns(self, partitions: int) -> None:
        """The number of partitions owned and open has changed."""
        ...

    def joined(self) -> None:
        """The worker is in its group, and what it was assigned, be it nothing, is open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """When to commit: every ``interval`` seconds while something changes; agents wait at ``most`` waiting outputs."""

    interval: float = 0.1
    most: int = 20_000


class _Owned:
    """A partition on the event loop."""

    def __init__(self, partition: Partition, term: int) -> None:
        self.partition = partition
        self.term = term
        self.changed = asyncio.Event()
        self.urgent = asyncio.Event()
        self.room = asyncio.Event()
        self.room.set()
        self.committing = asyncio.Lock()
        self.last_cut = float("-inf")
        self.oldest: int | None = None
        self.lost = False
        self.flusher: asyncio.Task[None] | None = None

    @property
    def placement(self) -> Placement:
        return Placement(self.partition.next, self.term)


class _Tenure:
    """The opening of one partition, as long as nothing was revoked since it began."""

    def __init__(self, still: Callable[[], bool]) -> None:
        self._still = still
        self._loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        """The former owner is fenced, or will not be by us."""

    def __call__(self) -> bool:
        return self._still()

    def claimed(self) -> None:
        self._loop.call_soon_threadsafe(self.over.set)


class Ownership:
    """
    All partitions of one stage that this worker owns.

    Parameters
    ----------
    spec
        The stage.
    log
        The broker.
    in_thread
        Runs blocking calls.
    fatal
        Ends the process; what may have gone wrong in it must not reach the broker.
    meter
        Is told what happens.
    pace
        When to commit.

    """

    def __init__(
        self,
        spec: StageSpec,
        log: Log,
        *,
        in_thread: InThread,
        fatal: Callable[[BaseException], NoReturn],
        meter: Meter,
        pace: Pace,
    ) -> None:
        self.spec = spec
        self.pace = pace
        self._log = log
        self._in_thread = in_thread
        self._fatal = fatal
        self._meter = meter
        self._owned: dict[int, _Owned] = {}
        self._epoch = 0
        self._terms = 0
        self._source: Source | None = None
        self._claims: set[_Tenure] = set()
        self._reopening: set[asyncio.Task[None]] = set()
        self.dropped = 0
        """Batches that came for an earlier owner."""

    def attach(self, source: Source) -> None:
        """Say which consumer feeds this stage."""
        self._source = source

    @property
    def partitions(self) -> tuple[int, ...]:
        """Partitions that are owned and open."""
        return tuple(sorted(self._owned))

    def placements(self) -> dict[int, Placement]:
        """Where reading of each owned partition goes on."""
        return {number: owned.placement for number, owned in self._owned.items()}

    def positions(self) -> dict[int, int]:
        """Input position of each owned partition's newest committed marker."""
        return {number: owned.partition.committed for number, owned in self._owned.items()}

    def reading(self) -> dict[int, int]:
        """Input position of each owned partition, committed or not."""
        return {number: owned.partition.next for number, owned in self._owned.items()}

    async def take(self, numbers: Iterable[int]) -> None:
        """Open newly assigned partitions; nothing is theirs any more if they are revoked meanwhile."""
        epoch = self._epoch
        answers = await asyncio.gather(
            *(self._open(number, epoch) for number in sorted(numbers)), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Superseded):
                self._fatal(answer)
        opened = [answer for answer in answers if isinstance(answer, Partition)]
        if epoch != self._epoch:
            await self._close(opened)
            return
        for partition in opened:
            self._adopt(partition)
        self._meter.owns(len(self._owned))
        self._meter.joined()

    async def give_up(self) -> None:
        """Commit what is open and forget all partitions; called before they are revoked and at shutdown."""
        self._epoch += 1
        owned, self._owned = list(self._owned.values()), {}
        for answer in await asyncio.gather(*map(self._commit, owned), return_exceptions=True):
            if isinstance(answer, Abortable):
                log.warning("transaction lost on leaving; the next owner repeats it", error=str(answer))
            elif answer is not None:
                self._fatal(answer)
        for each in owned:
            self._retire(each)
        await self._close(each.partition for each in owned)
        await self._let_claims_end()
        self._meter.owns(0)

    async def _let_claims_end(self) -> None:
        # a claim that is under way when its partition is revoked would fence the next owner if it came after that one's
        for claim in tuple(self._claims):
            await _within(claim.over, CLAIM_WITHIN)

    async def deliver(self, batch: Batch) -> None:
        """Take a batch in; waits while too many outputs wait for their commit."""
        owned = self._owned.get(batch.partition)
        while owned is not None and not owned.room.is_set():
            await owned.room.wait()
            owned = self._owned.get(batch.partition)
        if owned is None or owned.term != batch.term:
            self.dropped += 1
            return
        self._take_in(owned, batch)

    def _take_in(self, owned: _Owned, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            fed = owned.partition.apply(batch)
        except Exception as error:
            self._fatal(error)
        if owned.oldest is None and batch.records:
            owned.oldest = batch.records[0].timestamp
        owned.changed.set()
        if fed.ticked:
            owned.urgent.set()
        if owned.partition.waiting > self.pace.most:
            owned.room.clear()
            owned.urgent.set()
        self._meter.fed(batch, fed, loop.time() - begun)

    async def _flush_forever(self, owned: _Owned) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await owned.changed.wait()
            wait = owned.last_cut + self.pace.interval - loop.time()
            if wait > 0:
                await _within(owned.urgent, wait)
            try:
                await self._commit(owned)
            except Abortable as lost:
                log.warning("transaction lost; opening again", partition=owned.partition.number, error=str(lost))
                self._meter.aborted()
                self._reopen_later(owned)
                return
            except Exception as error:
                self._fatal(error)

    async def _commit(self, owned: _Owned) -> None:
        async with owned.committing:
            if owned.lost:
                return
            loop = asyncio.get_running_loop()
            owned.last_cut = begun = loop.time()
            owned.changed.clear()
            owned.urgent.clear()
            cut = owned.partition.cut()
            oldest, owned.oldest = owned.oldest, None
            owned.room.set()
            if cut is None:
                return
            try:
                await self._in_thread(lambda: owned.partition.commit(cut))
            except Abortable:
                owned.lost = True
                raise
            self._meter.committed(len(cut.outputs) + len(cut.rows) + 1, loop.time() - begun, oldest)

    def _reopen_later(self, owned: _Owned) -> None:
        task = asyncio.create_task(self._reopen(owned))
        self._reopening.add(task)
        task.add_done_callback(self._reopening.discard)

    async def _reopen(self, owned: _Owned) -> None:
        # a new producer: only its init waits until the marks of an earlier commit are written
        number, epoch = owned.partition.number, self._epoch
        if self._owned.get(number) is not owned:
            return
        del self._owned[number]
        self._retire(owned)
        await self._close((owned.partition,))
        try:
            opened = await self._open(number, epoch)
        except Superseded:
            return
        except Exception as error:
            self._fatal(error)
        if epoch != self._epoch or self._source is None:
            await self._close((opened,))
            return
        await self._source.place({number: self._adopt(opened).placement})

    async def _open(self, number: int, epoch: int) -> Partition:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        tenure = _Tenure(lambda: epoch == self._epoch)
        self._claims.add(tenure)
        try:
            opened = await self._in_thread(lambda: open_partition(self.spec, number, self._log, tenure))
        finally:
            self._claims.discard(tenure)
            tenure.over.set()
        self._meter.restored(opened.restored_rows, loop.time() - begun)
        return opened

    def _adopt(self, partition: Partition) -> _Owned:
        self._terms += 1
        owned = self._owned[partition.number] = _Owned(partition, self._terms)
        owned.flusher = asyncio.create_task(self._flush_forever(owned))
        return owned

    def _retire(self, owned: _Owned) -> None:
        owned.lost = True
        owned.room.set()
        if owned.flusher is not None and owned.flusher is not asyncio.current_task():
            owned.flusher.cancel()

    async def _close(self, partitions: Iterable[Partition]) -> None:
        await asyncio.gather(*(self._in_thread(partition.close) for partition in partitions))


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Wait for *event*, but not longer than *seconds*."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
