"""What a worker refuses, and what it notices of itself, on a real Kafka."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from support.faults.clocks import FalseClock
from support.ports import free_ports
from support.toytown import write_pack
from support.waiting import until

from streams.settings import Settings

ROOT = Path(__file__).parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(own_topics: Callable[..., Settings], tmp_path: Path) -> Iterator[Start]:
    """Start a worker of enrich, with further settings."""
    settings = own_topics(FIREBREAK_PARTITIONS_RAW="2", FIREBREAK_PARTITIONS_ENRICHED="2")
    common = {
        "FIREBREAK_TOPIC_PREFIX": settings.topic_prefix,
        "FIREBREAK_KAFKA_BROKERS": settings.kafka.brokers[0],
        "FIREBREAK_PARTITIONS_RAW": "2",
        "FIREBREAK_PARTITIONS_ENRICHED": "2",
        "FIREBREAK_REGIONS": str(write_pack(tmp_path / "pack")),
        "FIREBREAK_TICK_PERIOD": "1s",
        "FIREBREAK_SESSION_TIMEOUT": "2s",
        "FIREBREAK_HEARTBEAT": "500ms",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
    }
    with ExitStack() as running:

        def begin(name: str, module: str = "streams.cli", **extra: str) -> subprocess.Popen[str]:
            environment = {**os.environ, **common, "FIREBREAK_INSTANCE": name, **extra}
            return running.enter_context(_running(module, environment))

        yield begin


@contextmanager
def _running(module: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", module, "worker", "--stage", "enrich"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def metric(port: int, name: str) -> float | None:
    """Value of a metric of a worker; None while there is none."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return None
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{")), None)


def test_a_worker_with_other_settings_is_not_let_into_the_group(start: Start) -> None:
    (port,) = free_ports(1)
    start("enrich-1", FIREBREAK_METRICS_BIND=f"127.0.0.1:{port}")
    until(lambda: metric(port, "firebreak_stream_partitions") == 2)

    other = start("enrich-2", FIREBREAK_TENSE="EXERCISE")

    _, said = other.communicate(timeout=120)
    assert other.returncode == 2
    assert "enrich-1 of group" in said
    assert "has other partition counts, regions, tense or tick period: give all workers" in said
    assert metric(port, "firebreak_stream_partitions") == 2


def test_all_workers_may_be_restarted_with_other_settings_at_once(start: Start) -> None:
    first = start("enrich-1")
    (port,) = free_ports(1)
    start("enrich-2", FIREBREAK_METRICS_BIND=f"127.0.0.1:{port}")
    until(lambda: metric(port, "firebreak_stream_partitions") is not None)
    first.kill()

    # the second is still a member, but leaves while the first waits
    (again,) = free_ports(1)
    start("enrich-2", FIREBREAK_TENSE="EXERCISE", FIREBREAK_METRICS_BIND=f"127.0.0.1:{again}")

    until(lambda: metric(again, "firebreak_stream_partitions") == 2)


def test_a_worker_whose_input_goes_nowhere_says_so_and_ends(start: Start) -> None:
    stuck = start("enrich-1", "support.stuck_worker")

    _, said = stuck.communicate(timeout=120)

    assert stuck.returncode == 1
    assert "and there is more, to" in said


def test_a_clock_that_is_not_the_brokers_is_measured_and_told(start: Start, tmp_path: Path) -> None:
    clock, (port,) = FalseClock(tmp_path / "clock"), free_ports(1)
    clock.set(-120)
    start("enrich-1", "support.faults.clocks", FIREBREAK_METRICS_BIND=f"127.0.0.1:{port}", **clock.environment())

    until(lambda: (metric(port, "firebreak_clock_skew_seconds") or 0.0) < -100)

    skew = metric(port, "firebreak_clock_skew_seconds")
    assert skew is not None
    assert -125 < skew < -115
    clock.set(0)
    until(lambda: abs(metric(port, "firebreak_clock_skew_seconds") or 120.0) < 1.0)
