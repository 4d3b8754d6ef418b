"""Faults of the parts beside Kafka: Redis, a schema registry. The stages need neither, and are seen to call nobody."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import redis
from support.faults.bench import RESTART_WITHIN, Bench, NotHere, row
from support.faults.figures import Figures
from support.faults.world import World
from support.redis import NoRedis, RedisServer

ESTABLISHED, SYN_SENT = "01", "02"


def called_by(pid: int) -> set[int]:
    """Remote ports that a process has a TCP connection to, or asks for one."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[9] in inodes and fields[3] in {ESTABLISHED, SYN_SENT}:
                ports.add(int(fields[2].rpartition(":")[2], 16))
    return ports


def demand_only_the_broker(world: World, figures: Figures, seen: set[int]) -> None:
    """The stages were connected to the broker and to nobody else."""
    broker = {int(each.rpartition(":")[2]) for each in world.settings.kafka.brokers}
    figures.demand(seen == broker, f"workers are connected to ports {sorted(seen)}, the broker is at {sorted(broker)}")


def look(world: World, seconds: float) -> set[int]:
    """Everything that any worker was connected to, from now on so long."""
    seen: set[int] = set()
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        for name in world.alive():
            seen |= called_by(world.pid(name))
        time.sleep(0.05)
    return seen


def _fill(server: RedisServer) -> None:
    """Leave no room: whoever writes is refused."""
    with redis.Redis.from_url(server.url) as client:
        for number in itertools.count():
            try:
                client.set(f"filler-{number}", b"x" * 100_000)
            except redis.OutOfMemoryError:
                return


@row("Redis dead, frozen, full, emptied")
def redis_faults(bench: Bench) -> Figures:
    """The stages go on as if it were not there; for them it is not."""
    try:
        server = RedisServer(megabytes=2)
    except NoRedis as why:
        raise NotHere(str(why)) from why
    with server, bench.world(each=1, extra={"FIREBREAK_REDIS_URL": server.url}) as world:
        world.running()
        begun = time.time()
        server.pause()
        seen = look(world, bench.last(1, 6))
        server.resume()
        server.kill()
        seen |= look(world, bench.last(1, 6))
        server.start()
        _fill(server)
        seen |= look(world, bench.last(1, 6))
        figures = world.finish()
        figures.silence_s = world.gap(begun)
        demand_only_the_broker(world, figures, seen)
    bench.within(figures, RESTART_WITHIN)
    return figures


@row("schema registry dead, unknown schema")
def registry(bench: Bench) -> Figures:
    """Schemas are built in: nothing is asked for. What has an unknown id is rejected; JSON and Avro come mixed."""
    with bench.world(each=1, poison=0.05, as_json=0.3) as world:
        world.running()
        begun = time.time()
        seen = look(world, bench.last(2, 10))
        figures = world.finish()
        figures.silence_s = world.gap(begun)
        demand_only_the_broker(world, figures, seen)
        unknown = [each for each in world.rejections() if each.reason == "unknown_schema"]
        figures.notes["unknown_schema"] = len(unknown)
        figures.demand(unknown, "nothing was rejected for its unknown schema")
    bench.within(figures, RESTART_WITHIN)
    return figures


@row("deterministic simulation")
def simulation(bench: Bench) -> Figures:
    """The same stages, flush, restore and ownership on a broker in memory, from seeds."""
    from support.simulation.run import run_many  # noqa: PLC0415 - it takes the product apart, and only here

    figures = Figures()
    seeds = range(bench.seed, bench.seed + (20 if bench.short else 1000))
    broken = run_many(seeds)
    figures.words = [f"seed {seed}: {found}" for seed, found in broken]
    figures.notes["seeds"] = len(seeds)
    return figures
