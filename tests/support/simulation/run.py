"""
One simulated day in the life of a deployment, from one seed: a workload, disturbances, and what must hold after it.

``python -m support.simulation.run --seeds 1000`` runs many; a failing seed is printed and repeats the run.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import pickle
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from random import Random
from typing import Any

import msgspec
import structlog
from support.builders import PlainPlaces, raw, tick
from support.simulation.broker import Broker, Chaos, Record
from support.simulation.cluster import Group, ObjectEdge, World, unpickled
from support.simulation.timeline import Timeline
from support.simulation.upgrade import Upgraded

from schemas.events import HOUR, AlertEvent, HourCount, Incident, Kind, Millis
from streams.core.count import INBOX, Count, RegionRoute
from streams.core.detect import Detect
from streams.core.detection.settings import Settings
from streams.core.detection.unit import Unit
from streams.core.enrich import ENRICHED, Enrich, RawNotification
from streams.core.pipeline import Pipeline
from streams.core.regionplan import RegionPlan
from streams.core.stage import Output, Stage
from streams.journal import MARKER_KEY, Position
from streams.log import Sent
from streams.partition import StageSpec

START: Millis = 1_699_228_800_000
RAW_PARTITIONS = 2
ENRICHED_PARTITIONS = 2
STEPS = 60
COUNTS = {
    "incidents.raw": RAW_PARTITIONS,
    "incidents.enriched": ENRICHED_PARTITIONS,
    "incidents.rejected": 1,
    "detect.inbox": 1,
    "areas.counts": 1,
    "alerts.events": 1,
    "alerts.state": 1,
    "audit": 1,
}
ROUTES = {"R": RegionRoute("borough", "ward", 0)}
AREAS = ("A", "B", "C", "D", "E")
NEAR = ((1, 2, 3, 4), (0, 2, 3, 4), (3, 1, 0, 4), (2, 4, 1, 0), (3, 2, 1, 0))


def route(key: str, partitions: int) -> int:
    return zlib.crc32(key.encode()) % partitions


def plan() -> RegionPlan:
    unit = Unit(
        region="R",
        level="borough",
        group="knife_crime",
        areas=AREAS,
        neighbours=NEAR,
        zone="UTC",
        day_starts=6,
        settings=Settings(min_days=14),
    )
    return RegionPlan(
        region="R",
        level="borough",
        parents={},
        units=(unit,),
        sentinels=("homicide",),
        alerts_per_week=7.0,
        own_budgets={},
    )


def stage_of(name: str, partition: int) -> Stage:
    if name == "enrich":
        return Enrich(partition, PlainPlaces(), enriched_partitions=ENRICHED_PARTITIONS, tick_period=None)
    if name == "count":
        return Count(partition, ROUTES, raw_partitions=RAW_PARTITIONS, inbox_partitions=1)
    return Detect([plan()], enriched_partitions=ENRICHED_PARTITIONS)


@dataclass
class Workload:
    """What is appended to the raw log: (step, partition or None for by key, notification or poison)."""

    appends: list[tuple[int, int | None, RawNotification | None]] = field(default_factory=list)


def workload(random: Random) -> Workload:
    """Late, repeated, corrected, moved, withdrawn and poisonous notifications, with ticks that are skewed."""
    made = Workload()
    revisions: Counter[str] = Counter()
    for step in range(STEPS):
        now = START + step * 12 * HOUR
        for _ in range(random.choice((0, 1, 2, 3, 6))):
            ref = str(random.randrange(40))
            revision = revisions[ref] + random.choice((0, 1, 1, 1, 1, -1))
            revisions[ref] = max(revisions[ref], revision)
            kind = random.choice(
                (Kind.REPORTED, Kind.UPDATED, Kind.UPDATED, Kind.CANCELLED, Kind.REINSTATED, Kind.MERGED)
            )
            each = raw(
                kind=kind,
                source_ref=ref,
                revision=max(revision, 1),
                area_code=random.choice(("A", "A/1", "B", "B/1", None)),
                category=random.choice(("knife_crime", "knife_crime+robbery", "homicide")),
                victims=random.choice((None, 1, 2)),
                occurred_at=now - random.choice((0, 1, 1, 5, 30, 200)) * HOUR,
                published_at=now,
            )
            made.appends.append((step, None, each))
            if random.random() < 0.1:
                made.appends.append((step, None, each))
        if random.random() < 0.05:
            made.appends.append((step, random.randrange(RAW_PARTITIONS), None))
        for partition in range(RAW_PARTITIONS):
            if random.random() < 0.9 or step == STEPS - 1:
                made.appends.append((step, partition, tick(now)))
            if random.random() < 0.05:
                made.appends.append((step, partition, tick(now - 12 * HOUR)))
    return made


@dataclass
class Outcome:
    """What a run left on the broker."""

    broker: Broker
    groups: list[Group]
    raw: list[Record]


async def simulate(seed: int, world: World) -> Outcome:
    random = Random(seed)
    broker = Broker(random)
    broker.committed_read = world.committed_read
    broker.fencing = world.fencing
    chaos = Chaos(kill=0.01, retriable=0.03, abortable=0.02, lost_answer=0.03, slow=0.02)
    groups = [group_of(name, broker, random, chaos, world) for name in ("enrich", "count", "detect")]
    for group in groups:
        await group.start()
    load = workload(random)
    disturbances = sorted(random.uniform(0, STEPS) for _ in range(random.randrange(8)))
    upgraded_at = random.randrange(3 * STEPS)
    for step in range(STEPS):
        broker.now = START + step * 12 * HOUR
        for _, partition, each in (a for a in load.appends if a[0] == step):
            append(broker, partition, each)
        if step == upgraded_at:
            _upgrade(groups)
        while disturbances and disturbances[0] < step:
            disturbances.pop(0)
            random.choice(groups).disturb()
        if random.random() < 0.1:
            compact(broker)
        _mark_all(broker)
        await asyncio.sleep(random.uniform(0.05, 0.5))
    chaos.kill = chaos.abortable = chaos.retriable = chaos.lost_answer = 0.0
    await _settle(broker)
    return Outcome(broker, groups, [r for rs in broker.committed("incidents.raw").values() for r in rs])


async def _settle(broker: Broker) -> None:
    for _ in range(600):
        await asyncio.sleep(1.0)
        _mark_all(broker)
        if settled(broker):
            break


def _mark_all(broker: Broker) -> None:
    for transaction in list(broker.unmarked):
        broker.mark(transaction)


def _upgrade(groups: Iterable[Group]) -> None:
    for group in groups:
        group.upgrade(edges_of(group.spec.name, upgraded=True))


def edges_of(name: str, *, upgraded: bool = False) -> Callable[[int], ObjectEdge]:
    """Make the edges of a stage, or of its next version."""

    def edge(partition: int) -> ObjectEdge:
        stage = stage_of(name, partition)
        return ObjectEdge(Upgraded(stage) if upgraded else stage, partition, COUNTS, route)

    return edge


def group_of(name: str, broker: Broker, random: Random, chaos: Chaos, world: World) -> Group:
    topics = {"enrich": "incidents.raw", "count": "incidents.enriched", "detect": "detect.inbox"}
    spec = StageSpec(
        name=name,
        input=topics[name],
        journal=f"{name}.journal",
        transactional_prefix="sim",
        partitions={"input": COUNTS[topics[name]]},
        edge_for=edges_of(name),
    )
    workers = 1 if name == "detect" and random.random() < 0.5 else 2
    return Group(broker, spec, random, workers=workers, partitions=COUNTS[topics[name]], chaos=chaos, world=world)


def append(broker: Broker, partition: int | None, each: RawNotification | None) -> None:
    if each is None:
        broker.append(Sent("incidents.raw", partition or 0, b"poison", b"\x00poison"))
        return
    key = each.notification.incident_id
    number = route(key, RAW_PARTITIONS) if partition is None else partition
    broker.append(Sent("incidents.raw", number, key.encode(), pickle.dumps(each)))


def compact(broker: Broker) -> None:
    now = asyncio.get_running_loop().time()
    for (topic, _), log in broker.partitions.items():
        if topic.endswith(".journal"):
            log.compact(now)


def settled(broker: Broker) -> bool:
    """Whether the last stage has evaluated the last tick."""
    last = START + (STEPS - 1) * 12 * HOUR
    counts = broker.committed("areas.counts").get(0, [])
    return bool(counts) and _value(counts[-1]).as_of >= last


def undisturbed(outcome: Outcome) -> list[Output]:
    """The same raw log, in the order of its appends, through the stages joined in memory."""
    outputs: list[Output] = []
    pipeline = Pipeline(
        [stage_of("enrich", p) for p in range(RAW_PARTITIONS)],
        [stage_of("count", q) for q in range(ENRICHED_PARTITIONS)],
        [stage_of("detect", 0)],
        route=route,
        sink=outputs.append,
    )
    for number, records in outcome.broker.committed("incidents.raw").items():
        for record in records:
            value = _value(record)
            if value is not None:
                pipeline.take("incidents.raw", number, record.offset, record.timestamp, value)
    return outputs


def _value(record: Record) -> Any:
    value = record.value or b""
    return unpickled(value) if value.startswith(b"\x80") else None


def read(broker: Broker, topic: str) -> list[Any]:
    return [_value(record) for _, records in sorted(broker.committed(topic).items()) for record in records]


def violations(outcome: Outcome) -> Iterable[str]:
    """What does not hold after a run, in words."""
    broker = outcome.broker
    for group in outcome.groups:
        for crash in group.crashes[:1]:
            yield f"{group.spec.name} crashed {len(group.crashes)} times: {type(crash).__name__}: {crash}"
    if not settled(broker):
        yield "the last tick was never evaluated"
        return
    expected = undisturbed(outcome)
    for topic, kind in ((ENRICHED, Incident), (INBOX, HourCount), ("alerts.events", AlertEvent)):
        want = Counter(output.value for output in expected if isinstance(output.value, kind))
        got = Counter(value for value in read(broker, topic) if isinstance(value, kind))
        if want != got:
            yield f"{topic}: {sum((want - got).values())} missing, {sum((got - want).values())} too many"
    want_events = [output.value for output in expected if isinstance(output.value, AlertEvent)]
    if want_events != [value for value in read(broker, "alerts.events") if isinstance(value, AlertEvent)]:
        yield "alerts.events: another order"
    poison = sum(1 for r in outcome.raw if r.value and not r.value.startswith(b"\x80"))
    rejected = [value for value in read(broker, "incidents.rejected") if value.detail == "poison"]
    if len(rejected) != poison:
        yield f"incidents.rejected: {len(rejected)} of {poison} poisonous records"
    yield from _markers(broker)


def _markers(broker: Broker) -> Iterable[str]:
    for (topic, number), log in broker.partitions.items():
        if topic.endswith(".journal"):
            positions = [
                msgspec.msgpack.decode(e.value, type=Position).next
                for e in log.entries
                if e.key == MARKER_KEY and e.value and e.transaction and e.transaction.state == "COMMITTED"
            ]
            if positions != sorted(positions):
                yield f"{topic}/{number}: markers go back"


def run(seed: int, world: World | None = None) -> list[str]:
    """Simulate one seed; answer what did not hold."""
    loop = Timeline()
    asyncio.set_event_loop(loop)
    # tasks of killed processes are never awaited: nothing of a dead process runs on
    loop.set_exception_handler(lambda _loop, _context: None)
    try:
        outcome = loop.run_until_complete(simulate(seed, world or World()))
        return list(violations(outcome))
    finally:
        _end(loop)


def _end(loop: Timeline) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    asyncio.set_event_loop(None)
    loop.close()


def _report(seed: int) -> tuple[int, list[str]]:
    return seed, run(seed)


def hush() -> None:
    """Let the product log nothing: what goes wrong here is meant to."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run_many(seeds: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Simulate many seeds on all cores; answer what did not hold, with its seed."""
    # a forked child of a process with threads, as librdkafka has, may hang
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=hush) as pool:
        for seed, broken in pool.map(_report, seeds, chunksize=4):
            for each in broken:
                yield seed, each


def main() -> int:
    """Run many seeds on all cores."""
    parser = argparse.ArgumentParser(description="Simulate the stages on a broker in memory, one run a seed.")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--from", dest="first", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    for seed, each in run_many(range(options.first, options.first + options.seeds)):
        failed += 1
        sys.stdout.write(f"seed {seed}: {each}\n")
    sys.stdout.write(f"{options.seeds} seeds from {options.first}, {failed} violations\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
