"""Faults of brokers: stopped, killed, frozen, out of disk."""

from __future__ import annotations

import time

from support.faults.bench import TAKEOVER_WITHIN, Bench, row
from support.faults.disks import SmallDisk
from support.faults.figures import Figures, timed
from support.faults.world import World
from support.kafka import KafkaCluster

BACK_WITHIN = TAKEOVER_WITHIN
"""Seconds from a broker's return until the last stage evaluates again: who was put out of the group joins anew."""


def down_and_up(world: World, cluster: KafkaCluster, figures: Figures, *, hard: bool, seconds: float) -> None:
    """Take the one broker away for a while, and wait until all stages go on."""
    (cluster.kill if hard else cluster.stop)(1)
    time.sleep(seconds)
    cluster.start(1)
    back = time.time()
    world.wait_for_clock(back)
    figures.silence_s = max(figures.silence_s, time.time() - back)


@row("the broker restarts, clean and hard")
def one_broker(bench: Bench) -> Figures:
    """The only broker is stopped, then killed; memory stays bounded while it is away."""
    cluster = bench.own_kafka(1)
    seen = Figures()
    with bench.world(cluster.bootstrap, each=1) as world:
        world.running()
        time.sleep(1.0)
        if not bench.short:
            down_and_up(world, cluster, seen, hard=False, seconds=10.0)
        down_and_up(world, cluster, seen, hard=True, seconds=bench.last(3, 90))
        figures = world.finish()
        figures.silence_s = seen.silence_s
    bench.within(figures, BACK_WITHIN)
    return figures


@row("each of three brokers restarts in turn")
def three_brokers(bench: Bench) -> Figures:
    """Leaders, coordinators and the controller move; nobody waits for the one that is away."""
    cluster = bench.own_kafka(3)
    with bench.world(cluster.bootstrap, each=1) as world:
        world.running()
        time.sleep(1.0)
        begun = time.time()
        for number in (1,) if bench.short else (1, 2, 3):
            (cluster.kill if number % 2 else cluster.stop)(number)
            time.sleep(bench.last(2, 12))
            cluster.start(number)
            world.wait_for_clock()
        figures = world.finish()
        figures.silence_s = world.gap(begun)
    bench.within(figures, 2 * TAKEOVER_WITHIN)
    return figures


@row("the broker is frozen")
def frozen_broker(bench: Bench) -> Figures:
    """It answers nothing and closes nothing, longer than the session."""
    cluster = bench.own_kafka(1)
    with bench.world(cluster.bootstrap, each=1) as world:
        world.running()
        time.sleep(1.0)
        cluster.pause(1)
        time.sleep(bench.last(4, 40))
        cluster.resume(1)
        back = time.time()
        world.wait_for_clock(back)
        silent = time.time() - back
        figures = world.finish()
        figures.silence_s = silent
    bench.within(figures, BACK_WITHIN)
    return figures


@row("disk full: broker, logs of workers")
def full_disk(bench: Bench) -> Figures:
    """The broker's disk fills up and it ends; given room and started again, all goes on. A full log harms no worker."""
    seen = Figures()
    with SmallDisk(megabytes=192) as data, SmallDisk(megabytes=1) as logs:
        cluster = bench.own_kafka(1, properties={"log.dirs": str(data.folder), "log.segment.bytes": "4194304"})
        with bench.world(cluster.bootstrap, each=1, logs=logs.folder) as world:
            world.running()
            logs.fill()
            data.fill()
            world.load.rate *= 10
            world.wait(lambda: not cluster.runs(1), 60.0, "the broker does not mind a full disk")
            time.sleep(bench.last(1, 5))
            data.free()
            cluster.start(1)
            back = time.time()
            with timed(seen, "back_s"):
                world.wait_for_clock(back)
            logs.free()
            figures = world.finish()
            figures.silence_s = float(str(seen.notes["back_s"]))
        # the disk can't go while the broker has it
        cluster.close()
    bench.within(figures, BACK_WITHIN)
    return figures
