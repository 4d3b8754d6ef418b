from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.kafka import KafkaCluster
from support.tally_run import TallyRun


@pytest.fixture
def tally(kafka: KafkaCluster, tmp_path: Path) -> Iterator[Callable[..., TallyRun]]:
    with ExitStack() as runs:
        yield lambda partitions=1: runs.enter_context(TallyRun(kafka.bootstrap, tmp_path, partitions))


def test_every_record_is_taken_in_once_and_in_order(tally: Callable[..., TallyRun]) -> None:
    run = tally(4)
    run.send(20_000)

    run.start("a")

    assert run.outputs() == run.expected()


def test_a_worker_that_is_told_to_stop_has_committed_everything_that_it_took_in(tally: Callable[..., TallyRun]) -> None:
    run = tally()
    run.send(5_000)
    run.start("a")
    run.wait_told("a", "fed")

    assert run.stop("a") == 0

    position = run.journal().position
    assert position is not None
    taken_in = sum(each.get("fed", 0) for each in run.told("a"))
    assert position.stage == {"seen": taken_in}
    assert sum(map(len, run._read())) == taken_in


def test_aborted_records_of_the_input_are_not_taken_in(tally: Callable[..., TallyRun]) -> None:
    run = tally()
    for _ in range(3):
        run.send(500)
        run.send(300, aborted=True)
    run.send(1)
    run.start("a")

    assert run.outputs() == run.expected()
    assert run.stop("a") == 0


def test_the_second_start_goes_on_where_the_first_ended(tally: Callable[..., TallyRun]) -> None:
    run = tally(2)
    run.send(2_000)
    run.start("a", instance="one")
    run.outputs()
    run.stop("a")
    run.send(2_000)

    run.start("a", instance="one")

    assert run.outputs() == run.expected()
    restored = [each["restored"] for each in run.told("a") if "restored" in each]
    assert restored == [0, 0, 7, 7]


def test_positions_follow_in_the_group_for_those_who_look_at_lag(tally: Callable[..., TallyRun]) -> None:
    run = tally()
    run.send(1_000)
    run.start("a")
    run.outputs()

    run.wait(lambda: run.told_to_group() == run.journal_position())


def taken_over(run: TallyRun, variant: str) -> str:
    """Of two workers one has no partition; it gets the other's when that leaves, with records waiting. Answers it."""
    # small batches and an agent that waits for each commit: some are queued within Faust at any time
    busy = {"variant": variant, "most": 1, "fetch_bytes": 1_000}
    run.send(100)
    run.start("a", **busy)
    run.outputs()
    run.start("b", **busy)
    run.wait(lambda: {owned(run, "a"), owned(run, "b")} == {0, 1} and joined(run, "b"))
    owner, other = ("a", "b") if owned(run, "a") else ("b", "a")
    # frozen, or on a busy machine it would have taken all in before it is told to stop
    run.freeze(owner)
    run.send(6_000, together=30)
    run.thaw_and_stop(owner)
    return other


def owned(run: TallyRun, name: str) -> int:
    return int([0, *(each["owns"] for each in run.told(name) if "owns" in each)][-1])


def joined(run: TallyRun, name: str) -> bool:
    return any("joined" in each for each in run.told(name))


def test_nothing_is_thrown_away_while_faust_resumes(tally: Callable[..., TallyRun]) -> None:
    run = tally()

    taken_over(run, "slow")

    assert run.outputs() == run.expected()


def test_without_the_cure_records_are_thrown_away_and_the_broken_chain_stops_the_worker(
    tally: Callable[..., TallyRun],
) -> None:
    run = tally()

    other = taken_over(run, "heedless")

    assert run.end(other) == 1
    assert "records in between never arrived" in run.log_of(other).read_text("utf-8")


@pytest.mark.parametrize("variant", ["", "unknown versions"])
def test_after_a_lost_transaction_a_fetch_under_way_does_not_stop_the_worker(
    tally: Callable[..., TallyRun], variant: str
) -> None:
    run = tally()
    # while the partition is opened again, the next fetch waits for records: the first that it gets were sought anew
    run.start("a", variant=variant, losing=[2, 5])
    for number in range(8):
        run.send(1 + number)
        assert run.outputs() == run.expected()

    assert len([each for each in run.told("a") if each.get("aborted")]) == 2
    assert run.stop("a") == 0


def test_with_unknown_versions_records_come_one_by_one_and_the_log_says_so(tally: Callable[..., TallyRun]) -> None:
    run = tally(2)
    run.send(300)
    run.send(50, aborted=True)
    run.send(100)

    run.start("a", variant="unknown versions")

    assert run.outputs() == run.expected()
    assert {each["fed"] for each in run.told("a") if "fed" in each} == {1}
    assert "aiokafka is 0.14.0, known is 0.0.1" in run.log_of("a").read_text("utf-8")
