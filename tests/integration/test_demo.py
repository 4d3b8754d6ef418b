"""The demonstration as one runs it: through the embedded broker and a worker of each stage, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from support.speed import slowness
from support.waiting import until

from schemas.events import AlertEvent, Tense
from streams.core.count import Count
from streams.core.detect import Detect
from streams.core.enrich import Enrich, RawNotification
from streams.core.pipeline import Pipeline
from streams.core.places import PackPlaces, plan_of, routes
from streams.core.stage import Output
from streams.demo.pack import write_pack
from streams.demo.rates import published_rates
from streams.demo.show import FIRST_TICK, START, TICK, UNSCORED
from streams.demo.spikes import tally
from streams.demo.world import Span, World
from streams.ingest.player import TickAt, play
from streams.ticks import heartbeat

DEMO = [sys.executable, "-m", "streams.cli", "demo", "--json", "-"]
SHORT = ["--weeks", "5", "--days", "5", "--seed", "3"]
PROCESSES = 4
"""Broker and a worker of each stage."""


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("FIREBREAK_")}


def children(pid: int) -> set[int]:
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and that nobody has asked for yet does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except FileNotFoundError:
        return False


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*DEMO, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=120)


def all_started(process: subprocess.Popen[str], within: float = 120.0) -> set[int]:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = children(process.pid)
        if len(found) == PROCESSES:
            return found
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    raise AssertionError(f"{PROCESSES} processes do not run after {within:.0f} s")


def from_the_core(folder: Path) -> Mapping[str, int]:
    """What the same plan gives without broker, workers and bytes."""
    region = write_pack(folder)
    span = Span(start=START, history_days=35, live_days=5)
    world = World(region, published_rates(), span, spikes=3, rng=np.random.default_rng(3))
    events: list[AlertEvent] = []

    def sink(output: Output) -> None:
        if isinstance(output.value, AlertEvent):
            events.append(output.value)

    exercise = frozenset({Tense.EXERCISE})
    pipeline = Pipeline(
        [Enrich(0, PackPlaces([region]), enriched_partitions=1, tick_period=None, counted=exercise)],
        [Count(0, routes([region], {region.name: 0}), raw_partitions=1, inbox_partitions=1)],
        [Detect([plan_of(region)], enriched_partitions=1, counts=False, tense=Tense.EXERCISE)],
        route=lambda _key, _partitions: 0,
        sink=sink,
    )
    incidents = set()
    for moment in play(world.arrivals(), TICK, START):
        if not isinstance(moment, TickAt):
            incidents.add(moment.notification.source_ref)
            pipeline.notify(RawNotification(moment.notification, b"", None, None), moment.known_at_ms)
        elif moment.clock >= START + UNSCORED or moment.clock % FIRST_TICK == 0:
            pipeline.tick(RawNotification(heartbeat(moment.clock, simulated=True), b"", None, None), moment.clock)
    stood = tally(world.spikes, events, span.live, span.end)
    return {
        "incidents": len(incidents),
        "injected": stood.injected,
        "found": stood.found,
        "alerts": stood.alerts,
        "false_alerts": stood.false_alerts,
    }


def test_the_demo_finds_through_the_broker_what_the_core_finds_without(tmp_path: Path) -> None:
    with running(*SHORT, "--speed", "0") as process:
        expected = from_the_core(tmp_path)
        said, warned = process.communicate(timeout=300)

    assert process.returncode == 0, warned
    assert len(said.splitlines()) == 1
    outcome = json.loads(said)
    assert list(outcome) == ["incidents", "injected", "found", "alerts", "false_alerts", "seconds"]
    assert outcome.pop("seconds") > 0
    assert outcome == expected
    assert outcome["injected"] == 3
    assert outcome["found"] >= 1
    assert "made up" in warned


def test_a_bounded_demo_is_over_in_time_and_leaves_no_process() -> None:
    slow, begun = slowness(), time.monotonic()
    with running("--for", "20s", *SHORT) as process:
        started = all_started(process)
        said, warned = process.communicate(timeout=120)

    took, slow = time.monotonic() - begun, max(slow, slowness())
    # the bound is the command's; starting the interpreter comes on top of it
    assert took < 20 + 5 * slow
    assert process.returncode == 0, warned
    assert json.loads(said)["seconds"] <= 20 + 5 * (slow - 1)
    until(lambda: not any(map(alive, started)), what="processes live on")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_demo_cleanly_and_leaves_no_process(number: signal.Signals) -> None:
    with running(*SHORT) as process:
        started = all_started(process)
        process.send_signal(number)
        # impatience must not cut the clean end short
        process.send_signal(number)
        said, warned = process.communicate(timeout=120)

    assert process.returncode == 0, warned
    assert "Traceback" not in warned
    assert len(said.splitlines()) == 1
    until(lambda: not any(map(alive, started)), what="processes live on")


def test_too_short_a_time_is_one_clear_line() -> None:
    done = subprocess.run(
        [*DEMO, "--for", "3s"], capture_output=True, text=True, check=False, timeout=120, env=environment()
    )

    assert done.returncode == 2
    assert "too short" in done.stderr
    assert done.stdout == ""
