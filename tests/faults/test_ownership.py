"""Who owns a partition, and how soon: restarts, take-overs, frozen workers and doubled names on a real Kafka."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.kafka import KafkaCluster
from support.speed import slowness
from support.tally_run import TallyRun

RESTART_WITHIN = 3.0
SESSION = 10.0
TAKEOVER_AFTER_SESSION = 2.0
"""Seconds, on a machine with nothing else to do."""
BROKER_DOWN = 5.0
"""Seconds."""


@pytest.fixture
def tally(kafka: KafkaCluster, tmp_path: Path) -> Iterator[Callable[..., TallyRun]]:
    with ExitStack() as runs:
        yield lambda partitions=1: runs.enter_context(TallyRun(kafka.bootstrap, tmp_path, partitions))


def started(run: TallyRun, *names: str, **asked: object) -> None:
    """Start workers and wait until every partition has an owner and every worker has something."""
    for name in names:
        run.start(name, instance=name, **asked)
    run.wait(lambda: [owned(run, name) for name in names] == [run.partitions // len(names)] * len(names))


def owned(run: TallyRun, name: str) -> int:
    return int([0, *(each["owns"] for each in run.told(name) if "owns" in each)][-1])


def committed(run: TallyRun, name: str) -> int:
    return len([each for each in run.told(name) if "committed" in each])


def test_a_killed_worker_produces_again_within_three_seconds_of_its_start(tally: Callable[..., TallyRun]) -> None:
    run = tally(4)
    started(run, "a", "b")
    run.send(4_000)
    run.outputs()
    run.stop("a", signal.SIGKILL)
    before = committed(run, "a")
    run.send(4_000)

    slow = slowness()
    begun = time.time()
    run.start("a", instance="a")

    first = run.wait_told("a", "committed", before + 1)
    assert first["at"] - begun < RESTART_WITHIN * max(slow, slowness())
    assert run.outputs() == run.expected()


def test_another_worker_takes_over_within_twelve_seconds(tally: Callable[..., TallyRun]) -> None:
    run = tally(2)
    started(run, "a", "b", session=SESSION, heartbeat=3.0)
    run.send(2_000)
    run.outputs()
    run.send(2_000)

    slow = slowness()
    begun = time.time()
    run.stop("a", signal.SIGKILL)

    run.wait(lambda: owned(run, "b") == 2)
    run.send(2_000)
    assert run.outputs() == run.expected()
    taken = next(each["at"] for each in run.told("b") if each.get("owns") == 2)
    assert taken - begun < SESSION + TAKEOVER_AFTER_SESSION * max(slow, slowness())


def test_a_frozen_worker_that_wakes_up_harms_nothing(tally: Callable[..., TallyRun]) -> None:
    run = tally(2)
    started(run, "a", "b", session=6.0)
    run.send(20_000, together=50)
    run.wait_told("a", "fed")
    run.freeze("a")
    run.wait(lambda: owned(run, "b") == 2)
    run.send(5_000)

    run.thaw("a")

    assert run.outputs() == run.expected()
    run.send(1_000)
    assert run.outputs() == run.expected()


def joined_and_left(run: TallyRun, variant: str = "") -> None:
    """While records flow, another worker takes a partition from the first one, works on it and hands it back, twice."""
    run.start("stays", variant=variant)
    run.wait(lambda: owned(run, "stays") == 2)
    for _ in range(2):
        run.send(2_000, together=20)
        before = committed(run, "guest") if run.log_of("guest").exists() else 0
        run.start("guest")
        run.wait(lambda: owned(run, "guest") == owned(run, "stays") == 1)
        run.send(2_000, together=20)
        run.wait_told("guest", "committed", before + 1)
        assert run.stop("guest") == 0
        run.wait(lambda: owned(run, "stays") == 2)
    run.send(2_000, together=20)


def test_a_partition_that_comes_back_goes_on_with_what_the_other_owner_made_of_it(
    tally: Callable[..., TallyRun],
) -> None:
    run = tally(2)

    joined_and_left(run)

    assert run.outputs() == run.expected()


def test_memory_kept_over_a_rebalance_is_found(tally: Callable[..., TallyRun]) -> None:
    run = tally(2)

    joined_and_left(run, "memory")

    assert run.outputs() != run.expected()


def test_of_two_workers_with_one_name_one_says_so_and_ends(tally: Callable[..., TallyRun]) -> None:
    run = tally(2)
    started(run, "a")
    run.send(1_000)
    run.outputs()

    run.start("twin", instance="a")

    run.wait(lambda: 2 in {run.code("a"), run.code("twin")})
    doubled, other = ("a", "twin") if run.code("a") == 2 else ("twin", "a")
    assert "another process runs as a: give each a FIREBREAK_INSTANCE of its own" in run.log_of(doubled).read_text()
    before = committed(run, other)
    run.send(1_000)
    # the other may have been put out as often in the same moment, and end too
    run.wait(lambda: run.code(other) is not None or committed(run, other) > before)
    if run.code(other) is not None:
        run.start("a", instance="a")
    assert run.outputs() == run.expected()


def test_a_broker_that_is_killed_and_started_again_loses_nothing(
    kafka_nodes: Callable[..., KafkaCluster], tmp_path: Path
) -> None:
    cluster = kafka_nodes(1)
    with TallyRun(cluster.bootstrap, tmp_path, 2) as run:
        started(run, "a")
        run.send(20_000, together=50)
        run.wait_told("a", "fed")

        cluster.kill(1)
        time.sleep(BROKER_DOWN)
        cluster.start(1)

        run.send(1_000)
        assert run.outputs() == run.expected()
