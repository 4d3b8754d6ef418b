from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import notification

from streams.ingest.arrival import Arrival
from streams.ingest.player import TickAt, play

SOME_TIMES = st.lists(st.integers(0, 2_000), min_size=1, max_size=40).map(sorted)
SOME_PERIOD = st.integers(1, 300)


def arrivals(times: list[int]) -> list[Arrival]:
    return [Arrival(at, notification(source_ref=str(number))) for number, at in enumerate(times)]


def shown(played: list[Arrival | TickAt]) -> str:
    return " ".join(f"|{each.clock}" if isinstance(each, TickAt) else f"{each.known_at_ms}" for each in played)


@given(SOME_TIMES, SOME_PERIOD)
def test_ticks_part_what_was_known_before_from_what_was_not(times: list[int], period: int) -> None:
    played = list(play(arrivals(times), period))

    clock, newest = -1, -1
    for each in played:
        if isinstance(each, TickAt):
            assert each.clock > newest
            clock = each.clock
        else:
            assert each.known_at_ms >= clock
            newest = each.known_at_ms


@given(SOME_TIMES, SOME_PERIOD)
def test_there_is_a_tick_at_every_multiple_and_one_after_the_last_arrival(times: list[int], period: int) -> None:
    played = list(play(arrivals(times), period))

    clocks = [each.clock for each in played if isinstance(each, TickAt)]
    assert [each for each in played if isinstance(each, Arrival)] == arrivals(times)
    assert clocks == [at for at in range(0, 2_600, period) if times[0] < at <= times[-1] + period]
    assert isinstance(played[-1], TickAt)


@given(SOME_TIMES, SOME_PERIOD, st.integers(-500, 3_000))
def test_a_start_adds_earlier_ticks_and_changes_nothing_else(times: list[int], period: int, start: int) -> None:
    usual = list(play(arrivals(times), period))

    played = list(play(arrivals(times), period, start))

    earlier, rest = played[: len(played) - len(usual)], played[len(played) - len(usual) :]
    assert rest == usual
    clocks = [each.clock for each in earlier if isinstance(each, TickAt)]
    assert len(clocks) == len(earlier)
    assert clocks == [at for at in range(-600, 2_600) if at % period == 0 and start <= at <= times[0]]


def test_an_arrival_at_a_tick_comes_after_it() -> None:
    assert shown(list(play(arrivals([5, 10, 10, 31]), 10))) == "5 |10 10 10 |20 |30 31 |40"


def test_arrivals_are_taken_one_by_one() -> None:
    endless = (Arrival(at, notification()) for at in itertools.count(0, 4))

    assert shown(list(itertools.islice(play(endless, 10), 8))) == "0 4 8 |10 12 16 |20 20"


def test_without_arrivals_there_is_no_clock() -> None:
    assert list(play([], 10, start=0)) == []


def test_arrivals_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="known at 4, after 5"):
        list(play(arrivals([5])[:1] + arrivals([4]), 10))


@pytest.mark.parametrize("period", [0, -1])
def test_a_period_must_be_positive(period: int) -> None:
    with pytest.raises(ValueError, match="no clock"):
        list(play(arrivals([1]), period))
