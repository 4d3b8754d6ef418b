"""The rows of the fault table: what each has at hand, and how it is found by name."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Self

from support.faults.figures import Figures
from support.faults.link import LinkedCluster
from support.faults.world import World
from support.kafka import KafkaCluster

RESTART_WITHIN = 3.0
"""Seconds from a worker's own start to what it produces."""
TAKEOVER_WITHIN = 12.0
"""Seconds from a worker's end to what another produces in its place."""
START_AT_EASE = 0.75
"""Seconds that a worker needs to import everything, on an idle core of the machine that the bounds were set on."""


class NotHere(Exception):
    """This machine lacks what the fault needs."""


@dataclass(slots=True)
class Bench:
    """
    What a row has at hand.

    ``short`` is the form for the tests. ``slack`` widens the bounds on time where a machine is slow or shared.
    """

    seed: int
    short: bool = False
    slack: float = 1.0
    lend: Callable[[], KafkaCluster] | None = None
    """Gives the broker that all rows may use who do it no harm; None for one of the bench's own."""
    random: Random = field(init=False)
    _running: ExitStack = field(default_factory=ExitStack)
    _own: ExitStack = field(default_factory=ExitStack)
    _shared: KafkaCluster | None = None

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        self._running.close()
        self._shared = None

    def clear(self) -> None:
        """End the brokers that a row had for itself."""
        self._own.close()

    def kafka(self) -> KafkaCluster:
        """The broker that is not to be harmed."""
        if self.lend is not None:
            return self.lend()
        if self._shared is None:
            self._shared = self._running.enter_context(KafkaCluster())
        return self._shared

    def own_kafka(self, nodes: int = 1, **options: object) -> KafkaCluster:
        """Brokers to be harmed."""
        return self._own.enter_context(KafkaCluster(nodes, **options))  # type: ignore[arg-type]  # checked there

    def linked_kafka(self, link: int, bind: int | None = None) -> LinkedCluster:
        """One broker that has a second address at port *link*, which leads to its port *bind*."""
        return self._own.enter_context(LinkedCluster(link, bind))

    @contextmanager
    def world(self, bootstrap: str | None = None, **options: object) -> Iterator[World]:
        """A deployment on *bootstrap*, else on the shared broker; of the row's own seed."""
        made = World(bootstrap or self.kafka().bootstrap, seed=self.seed, **options)  # type: ignore[arg-type]  # same
        with made as world:
            yield world

    def within(self, figures: Figures, bound: float) -> None:
        """Demand that the silence of *figures* keeps to a bound."""
        allowed = bound * self.slack
        figures.demand(figures.silence_s <= allowed, f"silent for {figures.silence_s:.1f} s, {allowed:.1f} allowed")

    def last(self, short: float, long: float) -> float:
        """Seconds that the disturbance lasts."""
        return short if self.short else long


Row = Callable[[Bench], Figures]
ROWS: dict[str, Row] = {}


def row(name: str) -> Callable[[Row], Row]:
    """Enter a function into the table."""

    def enter(function: Row) -> Row:
        ROWS[name] = function
        return function

    return enter


def run(name: str, bench: Bench) -> dict[str, object]:
    """Carry a fault out; answers its line, as it goes into ``faults.jsonl``."""
    begun = time.monotonic()
    try:
        figures = ROWS[name](bench)
    except NotHere:
        raise
    except Exception as error:
        figures = Figures(words=[f"{type(error).__name__}: {error}"])
    finally:
        bench.clear()
    line = line_of(name, bench.seed, figures, time.monotonic() - begun)
    return line if bench.slack == 1.0 else {**line, "slack": round(bench.slack, 1)}


def line_of(name: str, seed: int, figures: Figures, seconds: float) -> dict[str, object]:
    """One line of ``faults.jsonl``."""
    return {
        "fault": name,
        "lost": figures.lost,
        "doubled": figures.doubled,
        "repeats": figures.repeats,
        "silence_s": round(figures.silence_s, 2),
        "peak_mb": figures.peak_mb,
        "passed": figures.passed,
        "seed": seed,
        "seconds": round(seconds, 1),
        **({"notes": figures.notes} if figures.notes else {}),
        **({"wrong": figures.words} if figures.words else {}),
    }


def slowness(environment: Mapping[str, str]) -> float:
    """How many times longer than at ease this machine needs, now, to start a worker; at least 1."""
    begun = time.monotonic()
    here = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", "import streams.worker"], check=True, cwd=here, env=dict(environment))
    return max((time.monotonic() - begun) / START_AT_EASE, 1.0)
