"""Faults of the network: partitions one way and both, links that are slow, narrow, half closed, or that flap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.faults.bench import TAKEOVER_WITHIN, Bench, NotHere, line_of, row
from support.faults.figures import Figures
from support.faults.link import Proxy, Weather
from support.faults.world import World
from support.ports import free_ports

INSIDE = "FIREBREAK_TEST_NAMESPACE"
"""Set in the process that runs in a network of its own."""
PARTITION = "partition between workers and broker"
ROOT = Path(__file__).parents[3]
FOUND_DEAD_WITHIN = 75.0
"""Seconds until one worker alone has found all its connections dead whose other end is gone without a word."""
SHORT_SESSION = {"FIREBREAK_SESSION_TIMEOUT": "6s", "FIREBREAK_HEARTBEAT": "1s"}


@row(PARTITION)
def partitioned(bench: Bench) -> Figures:
    """Packets vanish from workers to broker, from broker to workers, and both; then the link flaps."""
    if os.environ.get(INSIDE):
        return _inside(bench)
    for program in ("nft", "ip"):
        if shutil.which(program) is None:
            raise NotHere(f"a partition needs {program}: run deploy/ci/install.sh as root")
    name = f"firebreak-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise NotHere(f"a partition needs a network of its own, which root may make: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "netns", "exec", name, "ip", "link", "set", "lo", "up"], check=True)
        return _outside(bench, name)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def _outside(bench: Bench, namespace: str) -> Figures:
    asked = json.dumps({"seed": bench.seed, "short": bench.short, "slack": bench.slack})
    there = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-m", "support.faults.network", asked],
        env={**os.environ, INSIDE: namespace, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if there.returncode != 0:
        return Figures(words=[there.stderr[-2000:]])
    line = json.loads(there.stdout.splitlines()[-1])
    return Figures(
        line["lost"],
        line["doubled"],
        line["repeats"],
        line["silence_s"],
        line["peak_mb"],
        line.get("wrong", []),
        line.get("notes", {}),
    )


@contextmanager
def dropped(*rules: str) -> Iterator[None]:
    """In this network, while it lasts, drop what matches; each rule is written as nft has it."""
    table = ["add table inet faults", "add chain inet faults in { type filter hook input priority 0 ; }"]
    nft("\n".join([*table, *(f"add rule inet faults in {rule} drop" for rule in rules)]))
    try:
        yield
    finally:
        nft("delete table inet faults")


def nft(commands: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=commands, text=True, check=True)


def _inside(bench: Bench) -> Figures:
    (port,) = free_ports(1)
    cluster = bench.linked_kafka(port)
    up, down = f"tcp dport {port}", f"tcp sport {port}"
    silent = 0.0
    with bench.world(cluster.bootstrap, each=1, workers_bootstrap=cluster.link, extra=SHORT_SESSION) as world:
        world.running()
        cuts = [(up,), (down,), (up, down)]
        for rules in bench.random.sample(cuts, 2) if bench.short else cuts * 2:
            time.sleep(1.0)
            with dropped(*rules):
                time.sleep(bench.last(3, bench.random.choice((5, 12, 40))))
            silent = max(silent, _until_it_goes_on(world))
        for _ in range(2 if bench.short else 10):
            with dropped(up, down):
                time.sleep(0.7)
            time.sleep(0.7)
        silent = max(silent, _until_it_goes_on(world))
        figures = world.finish()
        figures.silence_s = silent
    bench.within(figures, 2 * TAKEOVER_WITHIN)
    return figures


def _until_it_goes_on(world: World) -> float:
    healed = time.time()
    world.wait_for_clock(healed)
    return time.time() - healed


@row("slow, limited, half-closed link")
def bad_link(bench: Bench) -> Figures:
    """Late by 100 ms, then 64 kB/s: no worker loses its place. Half closed, swallowed, refused: all goes on after."""
    bind = free_ports(1)[0]
    with Proxy(bind) as proxy:
        cluster = bench.linked_kafka(proxy.port, bind)
        with bench.world(cluster.bootstrap, each=1, workers_bootstrap=cluster.link) as world:
            world.running()
            begun = time.time()
            for weather in (Weather(delay=0.1), Weather(rate=64_000)):
                proxy.weather = weather
                time.sleep(bench.last(2, 30))
                world.wait_for_clock()
            put_out = _rebalances(world)
            proxy.cut(half=True)
            time.sleep(bench.last(1, 10))
            world.wait_for_clock()
            slow = world.gap(begun)
            if not bench.short:
                _swallowed(bench, world, proxy)
            figures = world.finish()
            figures.silence_s = world.gap(begun)
            figures.notes |= {"rebalances_while_slow": put_out, "slow_s": round(slow, 1)}
            figures.demand(put_out == 0, f"{put_out} rebalances on a link that was only slow")
    bench.within(figures, TAKEOVER_WITHIN if bench.short else FOUND_DEAD_WITHIN)
    return figures


def _swallowed(bench: Bench, world: World, proxy: Proxy) -> None:
    for weather in (Weather(swallow_down=True), Weather(swallow_up=True), Weather(refuse=True)):
        proxy.weather = weather
        if weather.refuse:
            proxy.cut()
        time.sleep(bench.random.uniform(2, 8))
        proxy.weather = Weather()
        world.wait_for_clock()


def _rebalances(world: World) -> int:
    return sum(world.log_of(name).count("is rebalancing") for name in world.processes)


def main() -> None:
    """Run the row in here, a network of its own, and say its line."""
    asked = json.loads(sys.argv[1])
    with Bench(asked["seed"], asked["short"], asked["slack"]) as bench:
        sys.stdout.write(json.dumps(line_of(PARTITION, bench.seed, partitioned(bench), 0.0)) + "\n")


if __name__ == "__main__":
    main()
