"""The likelihood ratios and their mixture, against sums written out by hand."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from streams.core.detection.evidence import RIVALS, Scan, log_odds, log_ratios, window_counts, window_totals
from streams.core.detection.settings import Settings

Floats = npt.NDArray[np.float64]
SETTINGS = Settings(windows=(1, 6), multipliers=(1.5, 3.0), set_sizes=(2, 3), joint=0.25)
NEIGHBOURS = ((1, 2, 3), (0, 2, 4), (1, 0, 3, 4, 5), (2, 4, 5), (5, 3, 1), (4, 3, 2))


def negative_binomial(count: int, mean: float, noise: float, batch: float) -> float:
    variance = batch * mean + noise * mean**2
    size = mean**2 / (variance - mean)
    return float(stats.nbinom.logpmf(count, size, mean / variance))


@given(
    count=st.integers(0, 60),
    mean=st.floats(0.01, 80.0),
    noise=st.floats(0.004, 0.3),
    batch=st.floats(1.05, 1.6),
    multiplier=st.floats(1.2, 6.0),
)
def test_a_log_ratio_is_that_of_two_negative_binomials(
    *, count: int, mean: float, noise: float, batch: float, multiplier: float
) -> None:
    expected = negative_binomial(count, multiplier * mean, noise, batch) - negative_binomial(count, mean, noise, batch)

    ratio = log_ratios(
        np.array([[float(count)]]), np.array([[mean]]), np.array([[noise]]), batch, np.array([multiplier])
    )

    assert ratio.ravel()[0] == pytest.approx(np.clip(expected, -80, 80), abs=1e-7)


def test_an_extreme_count_keeps_the_ratio_finite() -> None:
    ratios = log_ratios(np.array([[1e7]]), np.array([[0.0]]), np.array([[0.004]]), 1.05, np.array([3.0]))

    assert ratios.ravel()[0] == 80.0


def by_hand(ratios: Floats, area: int) -> float:
    """The score of *area*, [areas, cells] ratios, summed over sets and cells one by one."""
    cells = ratios.shape[1]

    def together(members: tuple[int, ...]) -> float:
        return float(np.mean([np.exp(sum(ratios[b, c] for b in members)) for c in range(cells)]))

    joint = 0.0
    for size in SETTINGS.set_sizes:
        sets = {tuple(sorted((centre, *near[: size - 1]))) for centre, near in enumerate(NEIGHBOURS)}
        mine = [together(members) for members in sets if area in members]
        joint += sum(mine) / len(mine) / len(SETTINGS.set_sizes)
    rivals = NEIGHBOURS[area][:RIVALS]
    other = sum(0.75 * together((b,)) for b in rivals) / len(rivals)
    return float(np.log(0.75 * together((area,)) + 0.25 * joint) - np.log(1.0 + other))


def test_scores_are_the_mixture_written_out_by_hand() -> None:
    ratios = np.random.default_rng(2).normal(0.0, 2.0, (6, 4))

    scores = log_odds(ratios[None], Scan(NEIGHBOURS, SETTINGS).whole, np.full(4, 0.25), SETTINGS.joint)

    assert scores[0] == pytest.approx([by_hand(ratios, area) for area in range(6)])


@given(areas=st.sets(st.integers(0, 5), min_size=1))
def test_scoring_some_areas_gives_the_bits_of_scoring_all(areas: set[int]) -> None:
    ratios = np.random.default_rng(4).normal(0.0, 2.0, (6, 4))
    scan = Scan(NEIGHBOURS, SETTINGS)
    chosen = sorted(areas)
    plan = scan.plan(chosen)

    some = log_odds(ratios[None, plan.rows], plan, np.full(4, 0.25), SETTINGS.joint)
    whole = log_odds(ratios[None], scan.whole, np.full(4, 0.25), SETTINGS.joint)

    assert np.array_equal(some[0], whole[0, chosen])


def test_an_area_without_neighbours_stands_alone() -> None:
    scan = Scan(((),), SETTINGS)

    score = log_odds(np.zeros((1, 1, 4)), scan.whole, np.full(4, 0.25), joint=0.25)

    assert score.ravel()[0] == pytest.approx(np.log(0.75))


def test_a_spike_next_door_speaks_against_a_small_excess_here() -> None:
    calm = np.zeros((6, 4))
    loud = calm.copy()
    loud[1] = 4.0
    scan = Scan(NEIGHBOURS, Settings(windows=(1, 6), multipliers=(1.5, 3.0), set_sizes=(2,), joint=0.01))

    scores = [log_odds(ratios[None], scan.whole, np.full(4, 0.25), 0.01)[0] for ratios in (calm, loud)]

    assert scores[1][0] < scores[0][0]
    assert scores[1][1] > scores[0][1]


@given(first=st.integers(-5, 20), windows=st.sampled_from([(1,), (1, 2, 5), (2, 6, 9)]))
def test_window_totals_add_up_the_last_hours(first: int, windows: tuple[int, ...]) -> None:
    cells = np.arange(60.0).reshape(2, 30)
    weights = np.linspace(0.5, 1.0, max(windows))

    totals = window_totals(cells, np.array([first]), weights, np.array([1, 0]), windows)

    for row, window in itertools.product(range(2), windows):
        end = first + max(windows)
        hours = [hour for hour in range(end - window, end) if hour >= 0]
        expected = sum(cells[1 - row, hour] * weights[hour - first] for hour in hours)
        assert totals[0, row, windows.index(window)] == pytest.approx(expected)


@given(
    seed=st.integers(0, 10_000),
    starts=st.lists(st.integers(-9, 20), min_size=1, max_size=4),
    windows=st.sampled_from([(1,), (1, 2, 5), (2, 6, 9)]),
)
def test_window_counts_are_the_totals_of_whole_numbers(seed: int, starts: list[int], windows: tuple[int, ...]) -> None:
    cells = np.random.default_rng(seed).poisson(0.7, (3, 30)).astype(np.float64)
    rows, first = np.array([2, 0]), np.array(starts)

    counts = window_counts(cells, first, 9, rows, windows)

    for start, row, window in itertools.product(range(len(starts)), range(2), windows):
        end = starts[start] + 9
        hours = cells[rows[row], max(end - window, 0) : max(end, 0)]
        assert counts[start, row, windows.index(window)] == hours.sum()


def test_the_driver_is_the_set_that_spikes_together() -> None:
    ratios = np.full((6, 4), -1.0)
    ratios[[0, 1], 3] = 3.0
    plan = Scan(NEIGHBOURS, SETTINGS).plan([0])

    cell, members = Scan(NEIGHBOURS, SETTINGS).driver(ratios[plan.rows], plan, np.full(4, 0.25))

    assert (cell, members) == (3, (0, 1))


def test_a_pair_of_areas_has_smaller_sets_than_asked_for() -> None:
    scan = Scan(((1,), (0,)), SETTINGS)
    ratios = np.full((2, 4), 3.0)

    cell, members = scan.driver(ratios, scan.plan([1]), np.full(4, 0.25))

    assert np.isfinite(log_odds(ratios[None], scan.whole, np.full(4, 0.25), 0.25)).all()
    assert (cell, members) == (0, (0, 1))
