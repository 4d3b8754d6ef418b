"""
A worker of the small stage, for tests of the transport alone: ``python -m support.tally_worker '{"run": "x", …}'``.

``variant`` is "", one of VARIANTS, "unknown versions", or "memory". What happens is told on stderr, one JSON object a
line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

from faust.transport.drivers import TRANSPORTS
from faust.transport.drivers import aiokafka as stock
from faust.types import TP
from support.tally import TallyEdge

from streams.app import create_app
from streams.batch import Batch
from streams.edge import Fed
from streams.kafka_log import KafkaLog, KafkaProducer
from streams.log import Abortable
from streams.ownership import Ownership, Pace
from streams.partition import StageSpec
from streams.transport import Transport, selftest
from streams.transport.consumer import Consumer
from streams.transport.host import Feeding
from streams.worker import PutOut, end_process, log_to_stderr, start

ValueT = TypeVar("ValueT")


def tell(**what: object) -> None:
    sys.stderr.write(json.dumps({"at": time.time(), **what}) + "\n")
    sys.stderr.flush()


class Telling:
    """A meter that tells what it is told."""

    def fed(self, batch: Batch, fed: Fed, seconds: float) -> None:
        tell(fed=len(batch.records), ticked=fed.ticked, seconds=seconds)

    def committed(self, messages: int, seconds: float, oldest: int | None) -> None:
        tell(committed=messages, seconds=seconds, oldest=oldest)

    def aborted(self) -> None:
        tell(aborted=True)

    def restored(self, rows: int, seconds: float) -> None:
        tell(restored=rows, seconds=seconds)

    def owns(self, partitions: int) -> None:
        tell(owns=partitions)

    def joined(self) -> None:
        tell(joined=True)


class SlowToResume(Consumer):
    """The time between the seek and the emptying of Faust's queues, which is short, made long."""

    async def perform_seek(self) -> None:
        await super().perform_seek()
        await asyncio.sleep(0.5)


class OpensAtOnce(Consumer):
    """Without the cure: partitions are opened where Faust says so, before it empties its queues."""

    async def perform_seek(self) -> None:
        await super().perform_seek()
        # while it hands out nothing anyway, nothing can be thrown away
        give_up = time.monotonic() + 10
        fetcher: Any = self.app._fetcher  # type: ignore[attr-defined]  # Faust's own
        while fetcher.started and self.flow_active and not self._queued() and time.monotonic() < give_up:
            await asyncio.sleep(0.01)

    def _queued(self) -> bool:
        return any(queue.qsize() > 1 for queue in self.app.flow_control._queues)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        stock.Consumer.resume_partitions(self, tps)


class SlowTransport(Transport):
    Consumer = SlowToResume


class HeedlessTransport(Transport):
    Consumer = OpensAtOnce


def unknown_versions() -> None:
    """As if aiokafka were of another version."""
    selftest.KNOWN = {"aiokafka": "0.0.1"}  # type: ignore[assignment]  # a planted difference


class Remembering:
    """Memory kept over a rebalance: a partition that comes back finds the state that it left, not what others made."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._edges: dict[int, TallyEdge] = {}

    def __call__(self, partition: int) -> TallyEdge:
        if partition not in self._edges:
            self._edges[partition] = TallyEdge(partition, self._topic)
        else:
            self._edges[partition].tally.restore = lambda *_: None  # type: ignore[method-assign]  # planted
        return self._edges[partition]


def losing(numbers: Iterable[int]) -> None:
    """The commits of these numbers are lost, as where the broker gave a transaction up."""
    commit, lost, begun = KafkaProducer.commit, frozenset(numbers), count(1)

    def may_be_lost(self: KafkaProducer) -> None:
        if next(begun) in lost:
            raise Abortable("lost on purpose")
        commit(self)

    KafkaProducer.commit = may_be_lost  # type: ignore[method-assign]  # a planted fault


VARIANTS = {"slow": "support.tally_worker:SlowTransport", "heedless": "support.tally_worker:HeedlessTransport"}


def in_thread(pool: ThreadPoolExecutor) -> Callable[[Callable[[], ValueT]], asyncio.Future[ValueT]]:
    return lambda call: asyncio.get_running_loop().run_in_executor(pool, call)


def main(given: str) -> None:
    log_to_stderr("info")
    asked = json.loads(given)
    run, broker, partitions = asked["run"], asked["broker"], asked["partitions"]
    variant, instance = asked.get("variant", ""), asked.get("instance", "")
    scheme = "firebreak"
    if variant == "unknown versions":
        unknown_versions()
    elif variant in VARIANTS:
        TRANSPORTS.aliases[variant] = VARIANTS[variant]
        scheme = variant
    losing(asked.get("losing", ()))
    remembering = Remembering(f"{run}.out")
    spec = StageSpec(
        name="tally",
        input=f"{run}.in",
        journal=f"{run}.journal",
        transactional_prefix=run,
        partitions={"in": partitions},
        edge_for=remembering if variant == "memory" else lambda partition: TallyEdge(partition, f"{run}.out"),
    )
    ownership = Ownership(
        spec,
        KafkaLog({"bootstrap.servers": broker}),
        in_thread=in_thread(ThreadPoolExecutor(8)),
        fatal=end_process,
        meter=Telling(),
        pace=Pace(most=asked.get("most", 20_000)),
    )
    session = asked.get("session", 10.0)
    feeding = Feeding(
        client={"bootstrap_servers": broker},
        group=f"{run}-tally",
        topic=spec.input,
        instance=instance,
        session=session,
        heartbeat=asked.get("heartbeat", 1.0),
        fetch_bytes=asked.get("fetch_bytes", 262_144),
        tell_group=1.0,
    )
    app = create_app(
        ownership, feeding, fatal=end_process, put_out=PutOut(instance, session, end_process), scheme=scheme
    )
    start(app, "WARNING")


if __name__ == "__main__":
    main(sys.argv[1])
