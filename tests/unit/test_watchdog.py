"""Who sees that nothing moves."""

from __future__ import annotations

from streams.watchdog import Stalls


def test_a_partition_that_stands_while_there_is_more_is_told_after_so_many_looks() -> None:
    stalls = Stalls(looks=3)

    told = [stalls.see({0: 5, 1: 5}, {0: 9, 1: 5}) for _ in range(4)]

    assert told == [[], [], [0], [0]]


def test_one_that_moves_however_little_is_well() -> None:
    stalls = Stalls(looks=2)

    assert [stalls.see({0: position}, {0: 9}) for position in (5, 6, 7, 8)] == [[], [], [], []]


def test_where_the_broker_does_not_answer_nothing_is_known() -> None:
    stalls = Stalls(looks=2)

    told = [stalls.see({0: 5}, ends) for ends in ({0: 9}, {}, {0: 9}, {}, {0: 9})]

    assert told == [[], [], [], [], []]


def test_one_that_is_owned_by_another_and_comes_back_begins_anew() -> None:
    stalls = Stalls(looks=2)

    told = [stalls.see(positions, {0: 9}) for positions in ({0: 5}, {}, {0: 5})]

    assert told == [[], [], []]
