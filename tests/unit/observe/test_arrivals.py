"""The rhythm of a source against laws: Poisson processes of a known rate, and what one burst may change."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from consumers.observe.arrivals import HOUR, LEARNT_AFTER, SILENT, WEEK, Arrivals

MONDAY = 1_767_571_200_000
"""5 January 2026, 00:00 UTC."""


def poisson(per_hour: list[float], hours: int, seed: int) -> Iterator[int]:
    """Instants of a process whose rate depends on the hour of the day."""
    rnd = random.Random(seed)
    for hour in range(hours):
        at = rnd.expovariate(1.0)
        while at < per_hour[hour % 24]:
            yield MONDAY + hour * HOUR + int(at / per_hour[hour % 24] * HOUR)
            at += rnd.expovariate(1.0)


def after(instants: Iterator[int]) -> Arrivals:
    arrivals = Arrivals()
    for at in instants:
        arrivals.heard(at)
    return arrivals


def test_missing_arrivals_grow_with_the_true_rate() -> None:
    arrivals = after(poisson([12.0] * 24, 6 * WEEK, seed=1))
    assert arrivals.last is not None

    assert arrivals.missing(arrivals.last) == 0
    assert arrivals.missing(arrivals.last + 10 * HOUR) == pytest.approx(120, rel=0.1)


def test_a_quiet_hour_of_the_day_is_expected_to_be_quiet() -> None:
    by_day = [0.2] * 8 + [20.0] * 16
    arrivals = after(poisson(by_day, 8 * WEEK, seed=2))
    midnight = MONDAY + 8 * WEEK * HOUR
    arrivals.heard(midnight)

    assert arrivals.missing(midnight + 8 * HOUR) < SILENT / 2
    assert arrivals.missing(midnight + 10 * HOUR) > SILENT


def test_a_process_that_goes_on_is_hardly_ever_called_silent() -> None:
    arrivals, silences, waits = Arrivals(), 0, 0
    for at in poisson([3.0] * 12 + [30.0] * 12, 20 * WEEK, seed=3):
        waits += 1
        silences += arrivals.missing(at) >= SILENT
        arrivals.heard(at)

    assert waits > 40_000
    assert silences <= 12


def test_a_burst_counts_once() -> None:
    calm, bursting = Arrivals(), Arrivals()
    for hour in range(2 * WEEK):
        at = MONDAY + hour * HOUR
        calm.heard(at)
        for number in range(500):
            bursting.heard(at + number)

    there = MONDAY + 2 * WEEK * HOUR + 5 * HOUR
    assert bursting.missing(there) == pytest.approx(calm.missing(there), rel=1e-3)


def test_nothing_is_missing_before_the_rhythm_is_known() -> None:
    arrivals = Arrivals()
    for hour in range(LEARNT_AFTER):
        arrivals.heard(MONDAY + hour * HOUR)

    assert arrivals.missing(MONDAY + 100 * HOUR) == 0
    assert Arrivals().missing(MONDAY) == 0


def test_an_outage_does_not_become_the_habit() -> None:
    arrivals = after(poisson([10.0] * 24, 4 * WEEK, seed=4))
    assert arrivals.last is not None
    before = arrivals.missing(arrivals.last + 24 * HOUR)

    arrivals.heard(arrivals.last + 3 * WEEK * HOUR)

    assert arrivals.missing(arrivals.last + 24 * HOUR) == pytest.approx(before, rel=0.25)


def test_an_older_record_changes_nothing() -> None:
    arrivals = after(poisson([10.0] * 24, WEEK, seed=5))
    last = arrivals.last
    assert last is not None
    before = arrivals.missing(last + HOUR)

    arrivals.heard(last - 50 * HOUR)

    assert (arrivals.last, arrivals.missing(last + HOUR)) == (last, before)
