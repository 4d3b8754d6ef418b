"""
``make faults-long``: one long run of random actions, with the expected state beside.

What is done next is drawn by weight, as Materialize's Zippy does it: mostly input, now and then a fault, and every so
often everything is compared. The seed is printed first and repeats the run's choices, though not the moments at which
the machine carries them out.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random, SystemRandom

from support.faults.bench import Bench, line_of
from support.faults.figures import Figures
from support.faults.world import World
from support.kafka import KafkaCluster, make_archive

from streams.workers import STAGES

MOST_WORKERS = 3
SETTLE_WITHIN = 120.0
"""Seconds from the last fault to a clock that moves."""
SETTINGS = {"FIREBREAK_SESSION_TIMEOUT": "6s", "FIREBREAK_HEARTBEAT": "1s"}


class Mixed:
    """One world, one broker of its own, and what may be done to both."""

    def __init__(self, world: World, cluster: KafkaCluster, random: Random, say: Callable[[str], object]) -> None:
        self._world, self._cluster, self._random, self._say = world, cluster, random, say
        self._begun = time.monotonic()
        self.done: Counter[str] = Counter()
        self.words: list[str] = []
        self._actions: dict[str, tuple[int, Callable[[], object]]] = {
            "input": (100, self._input),
            "validate": (10, self.validate),
            "kill": (8, self._kill),
            "kill a stage": (2, self._kill_stage),
            "freeze": (4, self._freeze),
            "join": (3, self._join),
            "leave": (3, self._leave),
            "restart in good order": (3, self._restart),
            "burst": (3, self._burst),
            "broker restart": (1, self._stop_broker),
            "broker kill": (1, self._kill_broker),
            "broker freeze": (1, self._freeze_broker),
        }

    def act(self) -> None:
        """Do one thing, drawn by weight."""
        names = list(self._actions)
        name = self._random.choices(names, [self._actions[each][0] for each in names])[0]
        self.done[name] += 1
        if name != "input":
            self._say(f"{time.monotonic() - self._begun:7.1f} s  {name}\n")
        self._actions[name][1]()

    def validate(self) -> None:
        """Let everything be taken in, then compare all counts with a batch over what was sent."""
        load = self._world.load
        with load.paused():
            self._world.wait_for_clock(time.time() + 1.0, SETTLE_WITHIN)
            self.words += self._world.wrong_counts()
        load.poison = self._random.choice((0.0, 0.01, 0.05))

    def _input(self) -> None:
        self._world.load.rate = self._random.choice((20.0, 200.0, 200.0, 500.0))
        time.sleep(self._random.uniform(0.2, 1.5))

    def _burst(self) -> None:
        self._world.load.rate = 5000.0
        time.sleep(1.0)
        self._world.load.rate = 200.0

    def _somebody(self) -> str:
        return self._random.choice(sorted(self._world.processes))

    def _kill(self) -> None:
        self._world.kill(self._somebody(), back_after=self._random.choice((0.0, 1.0, 12.0)))

    def _kill_stage(self) -> None:
        stage = self._random.choice(STAGES)
        for name in [name for name in self._world.processes if name.startswith(stage)]:
            self._world.kill(name)

    def _freeze(self) -> None:
        name = self._somebody()
        self._world.freeze(name)
        time.sleep(self._random.choice((1.0, 4.0, 10.0)))
        self._world.thaw(name)

    def _join(self) -> None:
        stage = self._random.choice(STAGES)
        there = [name for name in self._world.processes if name.startswith(stage)]
        if len(there) < MOST_WORKERS:
            number = next(n for n in range(1, MOST_WORKERS + 1) if f"{stage}-{n}" not in there)
            self._world.add(stage, number, static=self._random.random() < 0.5)

    def _leave(self) -> None:
        stage = self._random.choice(STAGES)
        there = sorted(name for name in self._world.processes if name.startswith(stage))
        if len(there) > 1:
            self._world.stop(there[-1])
            del self._world.processes[there[-1]]

    def _restart(self) -> None:
        name = self._somebody()
        self._world.stop(name)
        self._world.bring_back(name)

    def _stop_broker(self) -> None:
        self._cluster.stop(1)
        time.sleep(self._random.uniform(0, 10))
        self._cluster.start(1)

    def _kill_broker(self) -> None:
        self._cluster.kill(1)
        time.sleep(self._random.uniform(0, 10))
        self._cluster.start(1)

    def _freeze_broker(self) -> None:
        self._cluster.pause(1)
        time.sleep(self._random.uniform(0, 10))
        self._cluster.resume(1)


def mixed(bench: Bench, seconds: float, say: Callable[[str], object]) -> Figures:
    """Disturb one world for so long; answers what came of it."""
    cluster = bench.own_kafka(1)
    with bench.world(cluster.bootstrap, partitions=3, extra=SETTINGS, as_json=0.05, disorder=20) as world:
        world.running()
        run = Mixed(world, cluster, bench.random, say)
        over, begun = time.monotonic() + seconds, time.time()
        while time.monotonic() < over and not run.words:
            run.act()
        for process in list(world.processes.values()):
            world.bring_back(process.name)
        figures = world.finish()
        figures.words += run.words
        figures.silence_s = world.gap(begun)
        figures.notes["actions"] = dict(run.done)
    return figures


def main() -> int:
    """Run for as long as the command line says."""
    parser = argparse.ArgumentParser(prog="make faults-long", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None, help="chosen by chance where not given")
    parser.add_argument("--out", type=Path, default=Path("faults.jsonl"))
    asked = parser.parse_args()
    seed = SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    sys.stdout.write(f"seed {seed}\n")
    # workers and brokers must not outlive this process
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    make_archive()
    begun = time.monotonic()
    with Bench(seed) as bench:
        figures = mixed(bench, asked.minutes * 60, sys.stdout.write)
    line = line_of("mixed run", seed, figures, time.monotonic() - begun)
    with asked.out.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")
    sys.stdout.write(json.dumps(line) + "\n" + ("passed\n" if figures.passed else "FAILED\n"))
    return 0 if figures.passed else 1


if __name__ == "__main__":
    sys.exit(main())
