"""The smaller parts: delays, noise, shapes, season, intervals, background, rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from streams.core.detection import season
from streams.core.detection.background import background_share
from streams.core.detection.delay import DelayCurve, mixed
from streams.core.detection.explain import interval, multiplier, quantile
from streams.core.detection.localtime import HOUR_MS
from streams.core.detection.noise import Noise
from streams.core.detection.rows import packed, unpacked
from streams.core.detection.settings import Settings
from streams.core.detection.shapes import factorise, first_shapes, smoothed


def curve(mean_h: float, incidents: int = 6000) -> DelayCurve:
    delays = np.random.default_rng(0).exponential(mean_h, incidents) * HOUR_MS
    learnt = DelayCurve()
    for delay in delays:
        learnt.learn(0, int(delay))
    return learnt


@pytest.mark.parametrize("mean_h", [2.0, 12.0, 60.0])
def test_a_delay_curve_finds_the_share_that_has_arrived(mean_h: float) -> None:
    ages = np.array([1.0, 6.0, 24.0, 100.0])

    assert curve(mean_h).at(ages) == pytest.approx(1.0 - np.exp(-ages / mean_h), abs=0.03)


def test_completeness_falls_towards_the_present() -> None:
    share = curve(10.0).by_hour(72)

    assert (np.diff(share) >= 0).all()
    assert share[0] == pytest.approx(np.mean(1 - np.exp(-np.linspace(0, 1, 50) / 10)), abs=0.02)


def test_a_new_source_is_trusted_to_be_prompt() -> None:
    assert DelayCurve().at(np.array([3.0]))[0] > 0.95


def test_an_incident_received_before_it_occurred_came_at_once() -> None:
    learnt = DelayCurve()
    learnt.learn(10 * HOUR_MS, 9 * HOUR_MS)

    assert learnt.arrived[0] == 1.0


def test_sources_mix_by_their_share() -> None:
    prompt, slow = curve(0.5), curve(50.0)

    both = mixed({"a": prompt, "b": slow}, {"a": 3.0, "b": 1.0}, 24)

    assert both == pytest.approx(0.75 * prompt.by_hour(24) + 0.25 * slow.by_hour(24))
    assert mixed({}, {}, 4) == pytest.approx(np.ones(4))


@given(mean=st.floats(1e-6, 500.0), ratio=st.floats(1.01, 20.0), share=st.floats(0.005, 0.995))
def test_a_quantile_is_that_of_the_negative_binomial(mean: float, ratio: float, share: float) -> None:
    count = int(quantile(share, np.array([mean]), np.array([mean * ratio]))[0])

    law = stats.nbinom(mean / (ratio - 1.0), 1.0 / ratio)
    assert law.cdf(count) >= share - 1e-9
    assert count == 0 or law.cdf(count - 1) < share + 1e-9


def test_an_interval_holds_nineteen_in_twenty() -> None:
    lower, upper = interval(np.array([20.0]), np.array([20.0 * 1.5]))

    draws = np.random.default_rng(1).negative_binomial(40.0, 1 / 1.5, 20_000)
    assert np.mean((draws >= lower[0]) & (draws <= upper[0])) == pytest.approx(0.955, abs=0.015)


def test_a_multiplier_is_pulled_towards_one_and_less_so_by_more_data() -> None:
    few, many = multiplier(3, 1.0, 1.2), multiplier(300, 100.0, 1.2)

    assert 1.0 < few[0] < many[0] < 3.0
    assert few[1] < 1.0 < many[1]


def test_noise_finds_batches_and_shocks() -> None:
    rng = np.random.default_rng(4)
    settings = Settings(windows=(6, 24))
    noise = Noise(4, settings)
    for _ in range(700):
        shock = rng.gamma(1 / 0.05, 0.05, (4, 1))
        incidents = rng.poisson(np.full((4, 24), 1.0 / 1.1) * shock)
        day = incidents + np.where(incidents > 0, rng.negative_binomial(np.maximum(incidents, 1), 1 / 1.1), 0)
        quiet = rng.poisson(0.09 / 1.1, (4, 24))
        quiet = quiet + np.where(quiet > 0, rng.negative_binomial(np.maximum(quiet, 1), 1 / 1.1), 0)
        sums = np.stack([day[:, :6].sum(axis=1), day.sum(axis=1)], axis=1)[:, None, :].astype(float)
        means = np.broadcast_to(np.array([6.0, 24.0]), sums.shape)
        noise.learn(sums, means, np.ones((4, 2), dtype=bool), quiet.astype(float), np.full((4, 24), 0.09))

    assert noise.batch() == pytest.approx(1.2, abs=0.06)
    assert noise.pooled()[1] == pytest.approx(0.05, abs=0.012)


def test_noise_of_days_that_were_spikes_is_left_out() -> None:
    noise = Noise(2, Settings(windows=(24,)))
    wild = np.full((2, 1, 1), 90.0)
    calm = np.zeros((2, 24))
    for _ in range(50):
        noise.learn(wild, np.full((2, 1, 1), 10.0), np.zeros((2, 1), dtype=bool), calm, calm)

    assert (noise.surplus == 0.0).all()


def test_shared_shapes_are_recovered_from_noisy_areas() -> None:
    rng = np.random.default_rng(5)
    truth = first_shapes(3)
    weights = rng.dirichlet(np.ones(3), 60)
    exposure = np.full((60, 168), 30.0)
    counts = rng.poisson(exposure * (weights @ truth)).astype(float)

    learnt, shapes = factorise(counts, exposure, np.full((60, 3), 1 / 3), first_shapes(3), 80)

    assert np.abs(learnt @ shapes / smoothed(weights @ truth, 1.0) - 1).mean() < 0.05


def test_smoothing_goes_round_the_week_and_keeps_the_total() -> None:
    cells = np.zeros(168)
    cells[0] = 1.0

    smooth = smoothed(cells, 2.0)

    assert smooth[167] == pytest.approx(smooth[1])
    assert smooth.sum() == pytest.approx(1.0, abs=1e-6)


def test_the_season_is_found_under_a_trend() -> None:
    days = np.arange(3.0, 3 * 365, 7) + 18_000
    wave = 0.2 * np.cos(2 * np.pi * (days - 18_050) / 365.25)
    totals = 300 * np.exp(wave + 0.1 * (days - days[0]) / 365)

    waves = season.fitted(days, totals)

    for day in (18_050.0, 18_233.0, 19_000.0):
        truth = np.exp(0.2 * np.cos(2 * np.pi * (day - 18_050) / 365.25))
        assert season.factor(waves, day) == pytest.approx(truth, rel=0.03)


def test_a_spike_is_not_background_and_calm_is() -> None:
    expected = np.full((2, 14), 8.0)
    observed = expected.copy()
    observed[1, 5:8] = 24.0

    share = background_share(observed, expected, np.full((2, 5), 0.02), 1.2, Settings())

    assert (share[0] > 0.98).all()
    assert (share[1, 5:8] < 0.5).all()
    assert (share[1, [0, 1, 12, 13]] > 0.9).all()


@given(array=hnp.arrays(np.float64, hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)))
def test_an_array_survives_its_rows_to_the_bit(array: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    back = unpacked(reversed(packed("x/y", array)))

    assert back["x/y"].tobytes() == array.tobytes()
    assert back["x/y"].shape == array.shape


def test_a_large_array_is_cut_into_rows() -> None:
    array = np.random.default_rng(1).normal(size=(900, 168))

    rows = packed("cells", array)

    assert len(rows) > 1
    assert all(len(value) < 500_000 for _, row in rows for value in row if isinstance(value, bytes))
    assert np.array_equal(unpacked(rows)["cells"], array)
