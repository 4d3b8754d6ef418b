"""Injected spikes: where they are put, what they add, and what counts as found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from streams.backtest.spikes import (
    APART,
    JOINT,
    LARGEST_PASS,
    LATE,
    LENGTHS,
    SIZES,
    Spike,
    Stretch,
    hours_scored,
    injected,
    outcomes,
    planned,
    rounds_of,
)

FIRST = 400_000
NEAR = tuple(tuple((area + step) % 40 for step in (1, -1, 2, -2)) for area in range(40))


def stretch(areas: int = 2, hours: int = 400, *, expected: float = 2.0, score: float = 0.0) -> Stretch:
    return Stretch(
        first=FIRST,
        counts=np.ones((areas, hours), dtype=np.uint16),
        expected=np.full((areas, hours), expected, dtype=np.float32),
        scores=np.full((areas, hours), score, dtype=np.float32),
    )


def spike(onset: int = 100, length: int = 6, size: float = 3.0, areas: tuple[int, ...] = (1,)) -> Spike:
    return Spike(areas=areas, onset=FIRST + onset, length=length, size=size)


def test_spikes_of_every_kind_keep_clear_of_each_other_and_of_their_neighbours() -> None:
    expected = np.ones((40, 8760), dtype=np.float32)

    spikes = planned(expected, NEAR, FIRST, np.random.default_rng(1))

    kinds = {(one.size, one.length) for one in spikes}
    assert kinds == set(itertools.product(SIZES, LENGTHS))
    assert {len(one.areas) for one in spikes} == {1, 4}
    assert sum(len(one.areas) > 1 for one in spikes) / len(spikes) == pytest.approx(JOINT, abs=0.2)
    for one, other in itertools.combinations(spikes, 2):
        early, late = sorted((one, other), key=lambda each: each.onset)
        near = set(early.areas).union(*(NEAR[area] for area in early.areas))
        assert not near & set(late.areas) or late.onset >= early.end + APART
    assert all(one.onset > FIRST and one.end + LATE <= FIRST + 8760 for one in spikes)


def test_onsets_are_at_busy_hours() -> None:
    expected = np.ones((40, 8760), dtype=np.float32)
    expected[:, ::24] = 100.0

    spikes = planned(expected, NEAR, FIRST, np.random.default_rng(1))

    assert np.mean([(one.onset - FIRST) % 24 == 0 for one in spikes]) > 0.7


def test_a_span_too_short_for_a_week_and_a_day_gets_no_spikes() -> None:
    assert planned(np.ones((3, 180), dtype=np.float32), NEAR[:3], FIRST, np.random.default_rng(1)) == ()


def test_a_spike_adds_its_multiple_of_what_is_expected_and_nothing_elsewhere() -> None:
    whole = stretch(expected=5.0)
    rng = np.random.default_rng(2)

    added = np.mean([injected(whole, [spike(length=24)], 1.2, rng) - 1.0 for _ in range(300)], axis=0)

    assert added[1, 100:124].sum() == pytest.approx(2.0 * 5.0 * 24, rel=0.02)
    added[1, 100:124] = 0.0
    assert not added.any()
    assert (whole.counts == 1).all(), "what is real stays as it was"


def test_incidents_come_in_batches() -> None:
    whole = stretch(expected=5.0)
    rng = np.random.default_rng(3)

    hours = np.concatenate([injected(whole, [spike(length=168)], 1.4, rng)[1, 100:268] - 1.0 for _ in range(30)])

    assert hours.var() / hours.mean() == pytest.approx(1.4, abs=0.1)


@pytest.mark.parametrize(
    ("hot", "delay"),
    [((100,), 1), ((103, 105), 4), ((106 + LATE - 1,), 6 + LATE), ((106 + LATE,), None), ((), None)],
)
def test_a_spike_is_found_from_its_onset_to_a_day_after_its_end(hot: tuple[int, ...], delay: int | None) -> None:
    scores = stretch().scores.copy()
    scores[1, list(hot)] = 3.0

    found = outcomes(stretch(), scores, [spike()], 3.0)

    assert [each.delay for each in found] == [delay]
    assert found[0].extra == pytest.approx(2.0 * 2.0 * 6)


@pytest.mark.parametrize("hour", [99, 100, 129])
def test_an_area_that_is_alerted_anyway_tells_nothing(hour: int) -> None:
    whole = stretch()
    whole.scores[1, hour] = 3.0

    assert outcomes(whole, whole.scores + 1.0, [spike()], 3.0) == []


def test_each_area_of_a_spike_is_judged_by_itself() -> None:
    scores = stretch().scores.copy()
    scores[0, 104] = 9.0

    found = outcomes(stretch(), scores, [spike(areas=(0, 1))], 3.0)

    assert [(each.area, each.areas, each.delay) for each in found] == [(0, 2, 5), (1, 2, None)]


@pytest.mark.parametrize(("areas", "hours"), [(6, 800), (33, 8760), (33, 5 * 8760), (650, 8760), (650, 5 * 8760)])
def test_passes_are_as_many_as_are_needed_and_bearable(areas: int, hours: int) -> None:
    rounds, used = rounds_of(areas, hours)

    assert rounds >= 1
    assert used <= hours
    assert areas * hours_scored(areas, hours) <= LARGEST_PASS
