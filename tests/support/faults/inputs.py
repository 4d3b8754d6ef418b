"""Faults of the input: poison, repeats, disorder, silence, attempts that were given up, a transaction left open."""

from __future__ import annotations

import time

from confluent_kafka import Producer
from support.faults.bench import RESTART_WITHIN, TAKEOVER_WITHIN, Bench, row
from support.faults.figures import Figures
from support.faults.world import World

HANGS = 4.0
"""Seconds after which the broker ends a transaction that nobody ends."""


@row("poison at 1 %")
def poison(bench: Bench) -> Figures:
    """Truncated, of an unknown schema, no JSON, large, from 2099, from 1970, off the globe: each rejected, once."""
    with bench.world(each=1, poison=0.01, rate=400.0) as world:
        world.running()
        begun = time.time()
        time.sleep(bench.last(3, 15))
        figures = world.finish()
        figures.silence_s = world.gap(begun)
        figures.notes["poisoned"] = world.load.poisoned
        figures.demand(world.load.poisoned, "no poison was sent")
    bench.within(figures, RESTART_WITHIN)
    return figures


@row("duplicates, out of order, late by days")
def disorder(bench: Bench) -> Figures:
    """Records arrive in any order, up to a fortnight late; then the whole log arrives once more."""
    with bench.world(each=1, spread=14 * 24, disorder=200) as world:
        world.running()
        begun = time.time()
        time.sleep(bench.last(3, 15))
        world.load.stop()
        world.load.repeat()
        figures = world.finish()
        figures.silence_s = world.gap(begun)
    bench.within(figures, RESTART_WITHIN)
    return figures


@row("idle partitions, then one event")
def idle(bench: Bench) -> Figures:
    """All goes to one partition, then nothing to any: the clock goes on; one event after that is counted at once."""
    with bench.world(each=1) as world:
        world.load.only = 0
        world.running()
        time.sleep(bench.last(2, 8))
        begun = time.time()
        world.load.rate = 0.0
        time.sleep(bench.last(2, 30))
        world.wait_for_clock(begun)
        world.load.slow_one()
        figures = world.finish()
        figures.silence_s = world.gap(begun)
    bench.within(figures, RESTART_WITHIN)
    return figures


@row("aborted and hanging transactions in the input")
def aborted(bench: Bench) -> Figures:
    """About half of what is sent is given up; then somebody opens a transaction and is never heard of again."""
    with bench.world(each=1, aborted=True) as world:
        world.running()
        time.sleep(bench.last(3, 15))
        begun = time.time()
        _left_open(world)
        world.wait_for_clock(begun + HANGS)
        figures = world.finish()
        figures.silence_s = world.gap(begun)
        raw = sum(map(len, world.raw().values()))
        figures.notes["committed_records"] = raw
    # the broker looks for such transactions every 10 s; until it ends one nothing behind it may be read
    bench.within(figures, HANGS + TAKEOVER_WITHIN)
    return figures


def _left_open(world: World) -> None:
    lost = Producer(
        {
            **world.settings.kafka.librdkafka(),
            "transactional.id": f"{world.settings.topic_prefix}-lost",
            "transaction.timeout.ms": int(HANGS * 1000),
            "message.timeout.ms": 1000,
            "log_level": 0,
        }
    )
    lost.init_transactions(30)
    lost.begin_transaction()
    lost.produce(world.settings.catalogue()["incidents.raw"].name, b"never", b"never|1", 0)
    lost.flush(10)
