"""Faults of processes: killed, frozen, joining and leaving, one event that takes long, a clock that jumps."""

from __future__ import annotations

import os
import time

from support.faults.bench import RESTART_WITHIN, TAKEOVER_WITHIN, Bench, row
from support.faults.clocks import FalseClock
from support.faults.figures import Figures, timed
from support.faults.world import World

from streams.workers import STAGES

SHORT_SESSION = {"FIREBREAK_SESSION_TIMEOUT": "6s", "FIREBREAK_HEARTBEAT": "1s"}
RESTARTS = 1.5
"""A pause longer than this, s, is no ordinary time between two commits: ticks come every second."""


def restarts(world: World) -> float:
    """Longest silence after any worker's own start."""
    return max(world.after_start(name) for name in world.processes)


@row("kill -9 of workers, at random")
def random_kills(bench: Bench) -> Figures:
    """Workers die at random moments and start again at once or after up to 10 s; poison and disorder besides."""
    with bench.world(extra=SHORT_SESSION, poison=0.01, disorder=50, as_json=0.1) as world:
        world.running()
        over, kills = time.monotonic() + bench.last(8, 60), 0
        while time.monotonic() < over:
            time.sleep(bench.random.uniform(0.5, 2.5))
            name = bench.random.choice(world.alive() or ["enrich-1"])
            late = not bench.short and bench.random.random() < 0.3
            world.kill(name, back_after=bench.random.uniform(0, 10) if late else None)
            kills += 1
        figures = world.finish()
        figures.silence_s = restarts(world)
        figures.notes["kills"] = kills
    # in the long form some stay away beyond their session: a worker that starts meanwhile waits for a takeover
    bench.within(figures, RESTART_WITHIN if bench.short else TAKEOVER_WITHIN)
    return figures


@row("kill -9 of all workers, cold start")
def all_killed(bench: Bench) -> Figures:
    """All die at once, several times; they keep nothing on disk, so each start is a cold one, and cores are shared."""
    with bench.world(each=1 if bench.short else 2) as world:
        world.running()
        for _ in range(1 if bench.short else 4):
            time.sleep(bench.last(2, 6))
            for name in world.processes:
                world.kill(name)
            world.wait_for_clock()
        figures = world.finish()
        figures.silence_s = restarts(world)
        on_a_core = len(world.processes) / (os.cpu_count() or 1)
    bench.within(figures, RESTART_WITHIN * max(1.0, on_a_core))
    return figures


@row("takeover by another worker")
def takeover(bench: Bench) -> Figures:
    """A worker of each stage dies and does not come back; the session is the default of 10 s."""
    with bench.world() as world:
        world.running()
        time.sleep(1.0)
        died = time.time()
        for stage in STAGES[: 1 if bench.short else 3]:
            world.kill(f"{stage}-1", back_after=-1)
        world.wait_for_clock(died + 1.0)
        figures = world.finish()
        figures.silence_s = world.gap(died)
    bench.within(figures, TAKEOVER_WITHIN)
    return figures


@row("SIGSTOP beyond the session (zombie)")
def zombies(bench: Bench) -> Figures:
    """Frozen until others own their partitions; woken, they must write nothing."""
    with bench.world(extra=SHORT_SESSION) as world:
        world.running()
        for seconds in (9,) if bench.short else (60, 15):
            frozen = [f"{stage}-{bench.random.choice((1, 2))}" for stage in STAGES]
            begun = time.time()
            for name in frozen:
                world.freeze(name)
            time.sleep(seconds)
            for name in frozen:
                world.thaw(name)
            world.wait_for_clock(begun + seconds)
        figures = world.finish()
        figures.silence_s = world.gap(begun)
    bench.within(figures, TAKEOVER_WITHIN)
    return figures


@row("rebalance storm, rolling restart")
def storm(bench: Bench) -> Figures:
    """Workers without a name join and leave all the time; then all static members are restarted, one by one."""
    with bench.world(each=1, partitions=3, extra=SHORT_SESSION) as world:
        world.running()
        begun = time.time()
        for number in range(2, 4 if bench.short else 16):
            stage = bench.random.choice(STAGES[:2])
            world.add(stage, number, static=False)
            time.sleep(bench.last(1.5, 2.5))
            world.stop(f"{stage}-{number}")
            time.sleep(bench.last(0.5, 2.5))
        stormed = time.time()
        paused = sum(end - begin for begin, end in world.gaps(begun, stormed, None) if end - begin > RESTARTS)
        for stage in STAGES:
            world.stop(f"{stage}-1")
            world.bring_back(f"{stage}-1")
            world.wait_for_clock()
        figures = world.finish()
        figures.silence_s = world.gap(begun)
        figures.notes["share_paused"] = round(paused / (stormed - begun) / len(world.watcher.markers), 3)
    bench.within(figures, TAKEOVER_WITHIN)
    return figures


@row("an event that takes 10 s")
def slow_event(bench: Bench) -> Figures:
    """One partition stands still; the other one's worker goes on, nobody is put out of the group."""
    takes = bench.last(4, 10)
    given = {**SHORT_SESSION, "FIREBREAK_TEST_SLOW": str(takes)}
    with bench.world(module="support.faults.slow_worker", extra=given) as world:
        world.running()
        time.sleep(1.0)
        begun = time.time()
        world.load.slow_one()
        time.sleep(takes)
        figures = world.finish()
        longest = [
            max(end - begin for begin, end in world.pauses(("enrich.journal", number), begun, begun + takes))
            for number in range(world.partitions)
        ]
        figures.silence_s = min(longest)
        rebalances = sum(world.log_of(name).count("rebalanc") for name in world.processes if "enrich" in name)
        figures.notes |= {"slow_partition_s": round(max(longest), 1), "rebalances": rebalances}
        figures.demand(max(longest) > takes - 1.5, "the slow event was not slow")
    bench.within(figures, RESTART_WITHIN)
    return figures


@row("clock jumps of an hour")
def clock_jumps(bench: Bench) -> Figures:
    """A later stage an hour ahead or behind: nothing happens. The one that ticks: time stops, then goes on."""
    with bench.world(each=0) as world:
        false = [FalseClock(world.folder / f"{stage}.clock") for stage in STAGES]
        for stage, clock in zip(STAGES, false, strict=True):
            world.add(stage, 1, module="support.faults.clocks", extra=clock.environment())
        world.running()
        figures = _jumped(bench, world, false)
    bench.within(figures, RESTART_WITHIN)
    return figures


def _jumped(bench: Bench, world: World, false: list[FalseClock]) -> Figures:
    enrich, count, detect = false
    time.sleep(2.0)
    begun = time.time()
    count.set(3600)
    detect.set(-3600)
    time.sleep(bench.last(4, 15))
    unmoved = world.gap(begun)
    stopped = Figures()
    for seconds in (3600, -3600, 0):
        enrich.set(seconds)
        time.sleep(bench.last(2, 10))
    with timed(stopped, "going_on_s"):
        world.wait_for_clock()
    figures = world.finish()
    figures.silence_s = unmoved
    figures.notes |= stopped.notes
    return figures
