"""
Workers, groups and a supervisor in virtual time: assignment, takeovers, freezes, kills at every step, zombies.

The code under test is the product's own: :class:`streams.ownership.Ownership`, :mod:`streams.partition`,
:mod:`streams.journal` and the three stages.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from random import Random
from typing import NoReturn

from support.simulation.broker import Broker, Chaos, WorkerLog
from support.simulation.timeline import Killed, Threads

from schemas.errors import Fatal
from schemas.events import Incident, Reason, Rejection, Tick
from streams.batch import Batch, Placement, RawRecord
from streams.core.stage import Output, Stage
from streams.core.stage import Record as StageRecord
from streams.edge import Edge, Fed
from streams.log import Sent
from streams.ownership import Ownership, Pace
from streams.partition import StageSpec

SESSION = 10.0


@lru_cache(maxsize=20_000)
def unpickled(value: bytes) -> object:
    """What was sent; values are never changed, so each is made once."""
    made: object = pickle.loads(value)  # noqa: S301 - pickled by the simulation itself
    return made


class ObjectEdge:
    """Edge whose bytes are pickles: what is simulated is the protocol, not the codec. Other bytes are poison."""

    def __init__(
        self, stage: Stage, partition: int, counts: Mapping[str, int], route: Callable[[str, int], int]
    ) -> None:
        self.stage = stage
        self._partition = partition
        self._counts = counts
        self._route = route

    def feed(self, records: Sequence[RawRecord], outputs: list[Output]) -> Fed:
        ticked = False
        for record in records:
            if record.value is None or not record.value.startswith(b"\x80"):
                outputs.append(self._poison(record))
                continue
            value = unpickled(record.value)
            made = list(self.stage.apply(StageRecord(record.offset, record.timestamp, value)))
            ticked = ticked or any(_is_tick(output.value) for output in made)
            outputs += made
        return Fed(ticked, {})

    def _poison(self, record: RawRecord) -> Output:
        rejection = Rejection(
            reason=Reason.CORRUPT,
            detail="poison",
            topic="incidents.raw",
            partition=self._partition,
            offset=record.offset,
            received_at=record.timestamp,
            source="",
            key=record.key,
            value=record.value,
        )
        return Output("incidents.rejected", "poison", rejection)

    def encode(self, output: Output) -> Sent:
        partition = output.partition
        if partition is None:
            partition = self._route(output.key, self._counts[output.topic])
        return Sent(output.topic, partition, output.key.encode(), pickle.dumps(output.value))


def _is_tick(value: object) -> bool:
    return isinstance(value, Tick) or (isinstance(value, Incident) and value.clock is not None)


class Quiet:
    """A meter that measures nothing."""

    def fed(self, batch: Batch, fed: Fed, seconds: float) -> None: ...
    def committed(self, messages: int, seconds: float, oldest: int | None) -> None: ...
    def aborted(self) -> None: ...
    def restored(self, rows: int, seconds: float) -> None: ...

    def joined(self) -> None: ...
    def owns(self, partitions: int) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """What a planted bug changes about the world rather than about the code."""

    transactional: bool = True
    committed_read: bool = True
    fencing: bool = True
    from_journal: bool = True
    """Reading goes on at the journal's marker; else where the last owner had read to."""
    forgets: bool = True
    """State is made anew at each assignment; else a worker keeps what it had."""


class Worker:
    """One process of one stage."""

    def __init__(self, group: Group, name: str) -> None:
        self.group = group
        self.name = name
        self.alive = True
        self._running = asyncio.Event()
        self._running.set()
        self._threads = Threads(self._running.wait, self._running.is_set)  # type: ignore[arg-type]  # wait answers True
        self._threads.attach(asyncio.get_running_loop())
        self._positions: dict[int, Placement] = {}
        log = WorkerLog(group.broker, self._threads, group.chaos, self.die)
        log.transactional = group.world.transactional
        self.ownership = Ownership(
            group.spec if group.world.forgets else replace(group.spec, edge_for=cache(group.spec.edge_for)),
            log,
            in_thread=self._threads.call,
            fatal=self._fatal,
            meter=Quiet(),
            pace=Pace(interval=0.1, most=200),
        )
        self.ownership.attach(self)
        self._tasks = [asyncio.get_running_loop().create_task(self._consume())]

    async def place(self, placements: Mapping[int, Placement]) -> None:
        await self._running.wait()
        self._positions.update(placements)

    async def assign(self, numbers: Sequence[int]) -> None:
        await self._running.wait()
        await self.ownership.take(numbers)
        self._positions.update(self.ownership.placements())
        if not self.group.world.from_journal:
            self._skip_to_what_was_read()

    def _skip_to_what_was_read(self) -> None:
        for number, owned in self.ownership._owned.items():
            read_to = self.group.read_to.get(number, 0)
            owned.partition.next = read_to
            self._positions[number] = Placement(read_to, owned.term)

    async def revoke(self) -> None:
        await self._running.wait()
        self._positions.clear()
        await self.ownership.give_up()

    async def _consume(self) -> None:
        random = self.group.random
        while True:
            await asyncio.sleep(random.uniform(0.02, 0.15))
            await self._running.wait()
            for number, placement in list(self._positions.items()):
                if self._positions.get(number) != placement:
                    continue
                most = random.choice((1, 3, 20, 200))
                records, position = self.group.broker.fetch(self.group.spec.input, number, placement.offset, most)
                if position == placement.offset:
                    continue
                batch = Batch(number, placement.term, placement.offset, position, records)
                self._positions[number] = Placement(position, placement.term)
                self.group.read_to[number] = position
                await self.ownership.deliver(batch)

    def _fatal(self, error: BaseException) -> NoReturn:
        if not isinstance(error, Fatal | Killed):
            self.group.crashes.append(error)
        self.die()
        raise Killed

    def freeze(self) -> None:
        self._running.clear()

    def thaw(self) -> None:
        self._running.set()

    def die(self) -> None:
        """As kill -9: nothing of the process runs on."""
        if self.alive:
            self.alive = False
            self.group.died(self)
            asyncio.get_running_loop().call_soon(self._unwind) if _on_loop() else self.group.later(self._unwind)

    def _unwind(self) -> None:
        self._threads.kill()
        for task in [*self._tasks, *self._owned_tasks()]:
            task.cancel()

    def _owned_tasks(self) -> list[asyncio.Task[None]]:
        owned = self.ownership._owned.values()
        flushers = [each.flusher for each in owned if each.flusher is not None]
        return [*flushers, *self.ownership._reopening]


def _on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Group:
    """The workers of one stage, their coordinator, and the supervisor that starts what died."""

    def __init__(
        self,
        broker: Broker,
        spec: StageSpec,
        random: Random,
        *,
        workers: int,
        partitions: int,
        chaos: Chaos,
        world: World,
    ) -> None:
        self.broker = broker
        self.spec = spec
        self.random = random
        self.partitions = partitions
        self.chaos = chaos
        self.world = world
        self.crashes: list[BaseException] = []
        self.read_to: dict[int, int] = {}
        self.kills = 0
        self._loop = asyncio.get_running_loop()
        self._names = [f"{spec.name}-{n}" for n in range(workers)]
        self._workers: dict[str, Worker] = {}
        self._balancing = asyncio.Lock()
        self._pending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        for name in self._names:
            self._workers[name] = Worker(self, name)
        await self._balance()

    def later(self, call: Callable[[], None]) -> None:
        """From a thread that holds the baton: do it on the loop, next."""
        self._loop.call_soon(call)

    def died(self, worker: Worker) -> None:
        self.kills += 1
        delay = self.random.choice((0.5, 2.0, 15.0))
        self._loop.call_later(delay, lambda: self._spawn(self._restart(worker.name)))
        if delay > SESSION:
            self._loop.call_later(SESSION, lambda: self._spawn(self._balance()))

    def _spawn(self, coroutine: object) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(coroutine)  # type: ignore[arg-type]  # a coroutine
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return task

    async def _revoke(self, worker: Worker) -> None:
        try:
            await worker.revoke()
        except Killed:
            return

    async def _restart(self, name: str) -> None:
        self._workers[name] = Worker(self, name)
        await self._balance()

    async def _balance(self) -> None:
        """Eager: everybody gives up, then everybody gets a share; who does not answer in time is left out."""
        async with self._balancing:
            alive = [worker for worker in self._workers.values() if worker.alive]
            answered = []
            for worker in alive:
                revoking = self._spawn(self._revoke(worker))
                # who does not answer in time is left out, but nobody interrupts what it does
                done, _ = await asyncio.wait({revoking}, timeout=SESSION)
                if done and worker.alive:
                    answered.append(worker)
            if not answered:
                return
            shuffled = list(range(self.partitions))
            self.random.shuffle(shuffled)
            for index, worker in enumerate(answered):
                self._spawn(self._assign(worker, shuffled[index :: len(answered)]))

    async def _assign(self, worker: Worker, numbers: Sequence[int]) -> None:
        try:
            await worker.assign(numbers)
        except Killed:
            return

    def upgrade(self, edge_for: Callable[[int], Edge]) -> None:
        """Start all workers again, with other code: nobody of the old is there when the first of the new begins."""
        self.spec = replace(self.spec, edge_for=edge_for)
        for worker in list(self._workers.values()):
            worker.die()

    def disturb(self) -> None:
        """Freeze one worker, perhaps beyond its session; or kill it; or rebalance for nothing."""
        worker = self.random.choice(list(self._workers.values()))
        what = self.random.choice(("kill", "freeze", "short freeze", "rebalance"))
        if what == "kill":
            worker.die()
        elif what == "rebalance":
            self._spawn(self._balance())
        else:
            seconds = 25.0 if what == "freeze" else 3.0
            worker.freeze()
            self._loop.call_later(seconds, worker.thaw)
            if seconds > SESSION:
                # taken for dead at the session's end; finds that out a moment after it wakes
                for at in (SESSION, seconds + self.random.uniform(0.0, 1.0)):
                    self._loop.call_later(at, lambda: self._spawn(self._balance()))
