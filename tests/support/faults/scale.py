"""Faults of size: more workers, fewer, more than partitions; a backlog of millions; a new version, and the way back."""

from __future__ import annotations

import re
import time
from functools import partial

from support.faults.bench import TAKEOVER_WITHIN, Bench, row
from support.faults.figures import Figures

from streams.workers import STAGES

FLAT = 1.5
"""The whole backlog may need so many times the memory of its first tenth."""
AT_MOST_MB = 600.0
STATELESS_BATCH = 200_000
"""Incidents of a backlog; what is longer repeats them, because each incident has a row in the state."""


@row("rescale 1 to 3 to 2, more workers than partitions")
def rescale(bench: Bench) -> Figures:
    """Under load; a fourth worker has nothing to do and does no harm."""
    stages = STAGES[:1] if bench.short else STAGES[:2]
    with bench.world(each=1, partitions=3) as world:
        world.running()
        begun = time.time()
        for numbers in ((2, 3), (4,)):
            for stage in stages:
                for number in numbers:
                    world.add(stage, number)
            time.sleep(bench.last(2, 15))
            world.wait_for_clock()
        for stage in stages:
            for number in (3, 4):
                world.kill(f"{stage}-{number}", back_after=-1)
        world.wait_for_clock()
        figures = world.finish()
        figures.silence_s = world.gap(begun)
    bench.within(figures, TAKEOVER_WITHIN)
    return figures


@row("a backlog of millions")
def backlog(bench: Bench) -> Figures:
    """Everything was sent before the first worker starts: it is taken in at full speed, in bounded memory."""
    size = 60_000 if bench.short else 5_000_000
    with bench.world(each=0, partitions=2) as world:
        first = min(size // 10, STATELESS_BATCH)
        world.load.burst(first)
        world.load.flush()
        for stage in STAGES:
            world.add(stage, 1)
        world.wait_for_clock(within=120.0)
        small = world.peak_now()
        world.load.burst(min(size, STATELESS_BATCH) - first)
        while world.load.records < size:
            world.load.repeat(size - world.load.records)
        world.load.flush()
        begun = time.time()
        world.wait_for_clock(begun, within=1800.0)
        seconds = time.time() - begun
        figures = world.finish(within=600.0)
        figures.notes |= {"records": world.load.records, "small_mb": small, "after_the_last_was_sent_s": seconds}
        figures.silence_s = world.gap(begun)
    figures.demand(figures.peak_mb < AT_MOST_MB, f"{figures.peak_mb} MB at the peak, {AT_MOST_MB} allowed")
    return figures


@row("rolling upgrade with other rows, downgrade refused")
def upgrade(bench: Bench) -> Figures:
    """One worker after the other gets a version with another row format; the old one then refuses, with the way out."""
    with bench.world(each=1 if bench.short else 2) as world:
        world.running()
        begun = time.time()
        for name, process in list(world.processes.items()):
            world.stop(name)
            process.module = "support.faults.next_version"
            world.bring_back(name)
            time.sleep(bench.last(0.5, 5))
        world.wait_for_clock()
        upgraded = time.time()
        for stage in STAGES:
            world.stop(f"{stage}-1")
            process = world.processes[f"{stage}-1"]
            process.module = "streams.cli"
            world.bring_back(f"{stage}-1")
        for stage in STAGES:
            if not bench.short:
                # with nobody else there, the old version gets the partitions
                world.kill(f"{stage}-2", back_after=-1)
            world.wait(partial(world.refused.get, f"{stage}-1"), 60.0, "the old version did not refuse")
        words = dict(world.refused)
        for process in world.processes.values():
            process.module = "support.faults.next_version"
            world.bring_back(process.name)
        world.wait_for_clock()
        figures = world.finish()
        figures.silence_s = world.gap(begun, upgraded)
        for name, said in words.items():
            told = re.search(r"row format (\d+), this version reads (\d+): start the version that wrote it", said)
            figures.demand(
                told and int(told[1]) == int(told[2]) + 1, f"{name} refuses without the way out: {said[-300:]}"
            )
    bench.within(figures, TAKEOVER_WITHIN)
    return figures
