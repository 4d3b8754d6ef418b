"""What the review says of worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from streams.review import change, completeness, focus, season, shifts
from streams.review.change import Verdict
from streams.review.clocks import near_repeats
from streams.review.months import days, month
from streams.review.panel import Counts, Recording

FIRST = month("2010-01")
MONTHS = 144
SEASON = 1.0 + 0.2 * np.sin(2 * np.pi * np.arange(12) / 12)


def world(random: np.random.Generator, level: float, jump: float = 1.0, at: int = MONTHS) -> Counts:
    """Months of a seasonal series whose level is *jump* times as high from month *at* on."""
    months = np.arange(FIRST, FIRST + MONTHS)
    levels = np.where(np.arange(MONTHS) >= at, level * jump, level)
    return random.poisson(levels * SEASON[months % 12] * days(months) / season.MEAN_DAYS)


def test_the_season_is_learnt_and_taken_out() -> None:
    counts = world(np.random.default_rng(1), 2_000.0)
    learnt = season.learnt(counts, FIRST)
    assert learnt.factors == pytest.approx(SEASON / SEASON.mean(), abs=0.03)
    assert learnt.adjusted(counts) == pytest.approx(np.full(MONTHS, 2_000.0), rel=0.12)
    assert learnt.dispersion < 1.6


def test_few_incidents_have_no_season_that_chance_makes() -> None:
    counts = np.random.default_rng(2).poisson(4.0, MONTHS)
    assert season.learnt(counts, FIRST).factors == pytest.approx(np.ones(12), abs=0.1)


@pytest.mark.parametrize(("level", "jump"), [(1_000.0, 0.85), (200.0, 1.3), (10.0, 2.0)])
def test_a_planted_shift_is_dated_and_its_ratio_within_the_limits(level: float, jump: float) -> None:
    at, right = 80, 0
    for seed in range(20):
        counts = world(np.random.default_rng(seed), level, jump, at)
        found = shifts.found(counts, FIRST, season.learnt(counts, FIRST))
        right += any(s.earliest <= FIRST + at <= s.latest and s.low <= jump <= s.high for s in found)
    # a date and a ratio, each inside limits of 95 %
    assert right >= 16


def test_series_without_a_shift_are_given_none() -> None:
    given = 0
    for seed in range(100):
        counts = world(np.random.default_rng(seed), 300.0)
        given += bool(shifts.found(counts, FIRST, season.learnt(counts, FIRST)))
    # 1 in 100 is promised; 6 or more have a chance below 0.001 under that, learning the season aside
    assert given <= 5


def test_in_a_world_without_change_hardly_any_area_is_reported_as_changed() -> None:
    random = np.random.default_rng(3)
    shares = []
    for _ in range(20):
        rates = random.gamma(2.0, 4.0, size=300)
        verdicts = [each.verdict for each in change.changes(random.poisson(rates[:, None], size=(300, 72)))]
        shares.append(sum(verdict in (Verdict.UP, Verdict.DOWN) for verdict in verdicts) / 300)
    assert max(shares) <= 0.05
    # Benjamini and Hochberg: in such a world any call at all has a chance of 5 %
    assert sum(share > 0 for share in shares) <= 5


def test_areas_that_really_changed_are_found_and_few_others() -> None:
    random = np.random.default_rng(4)
    rates = np.full(200, 20.0)
    counts = random.poisson(rates[:, None], size=(200, 72))
    counts[:30, -12:] = random.poisson(30.0, size=(30, 12))
    verdicts = np.array([each.verdict for each in change.changes(counts)])
    assert (verdicts[:30] == Verdict.UP).mean() > 0.9
    assert (verdicts[30:] != Verdict.NONE).sum() <= 6


def test_ordinary_ups_and_downs_of_areas_are_no_change() -> None:
    random = np.random.default_rng(5)
    yearly = random.normal(0.0, 0.15, size=(150, 8))
    counts = random.poisson(np.repeat(80.0 * np.exp(yearly), 12, axis=1))
    verdicts = [each.verdict for each in change.changes(counts)]
    assert sum(verdict is not Verdict.NONE for verdict in verdicts) <= 7


def test_too_few_incidents_and_too_little_history_are_answers_of_their_own() -> None:
    assert change.changes(np.zeros((1, 72), dtype=np.int64))[0].verdict is Verdict.FEW
    assert change.changes(np.ones((1, 20), dtype=np.int64))[0].verdict is Verdict.SHORT


def test_rates_are_drawn_towards_what_is_expected_and_cover_the_truth() -> None:
    random = np.random.default_rng(6)
    rates = random.gamma(3.0, 2.0, size=400)
    counts = random.poisson(rates[:, None] / 12, size=(400, 60))
    made = focus.estimate(counts)
    raw = counts[:, -12:].sum(axis=1)
    assert ((made.mean - rates) ** 2).mean() < 0.5 * ((raw - rates) ** 2).mean()
    low, high = made.interval()
    assert ((low <= rates) & (rates <= high)).mean() > 0.85


def test_an_area_with_few_incidents_borrows_from_its_other_violence() -> None:
    random = np.random.default_rng(7)
    true = random.gamma(1.5, 0.3, size=500)
    rare = random.poisson(true[:, None] / 12, size=(500, 72))
    others = random.poisson(200 * true[:, None] / 12, size=(500, 72))
    alone, together = focus.estimate(rare), focus.estimate(rare, others)
    assert np.corrcoef(together.mean, true)[0, 1] > np.corrcoef(alone.mean, true)[0, 1] + 0.1


def test_chances_of_the_highest_tenth_add_up_to_a_tenth_and_come_again() -> None:
    counts = np.random.default_rng(8).poisson(3.0, size=(50, 36))
    made = focus.estimate(counts)
    assert made.top_probability(1).sum() == pytest.approx(5.0)
    assert (made.top_probability(1) == made.top_probability(1)).all()


def test_concentration_by_chance_is_not_foretold() -> None:
    counts = np.random.default_rng(9).poisson(0.05, size=(600, 60))
    (tenth,) = [share for share in focus.concentration(counts) if share.areas == 0.10]
    assert tenth.most > 0.15
    assert tenth.foretold is not None
    assert tenth.foretold == pytest.approx(0.10, abs=0.05)


def test_the_share_recorded_by_now_is_that_of_the_delays() -> None:
    random = np.random.default_rng(10)
    delays = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    table = np.zeros((60, 61), dtype=np.int64)
    for row in range(60):
        for delay, count in enumerate(random.multinomial(2_000, delays)):
            if row + delay < 60:
                table[row, delay] = count
    recording = Recording(by_delay={"g": table}, until=FIRST + 60)
    share = completeness.completeness(recording, "g", range(FIRST, FIRST + 60))
    assert share[-5:] == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.5], abs=0.02)
    assert share[:-5] == pytest.approx(np.ones(55), abs=1e-9)


def test_near_repeats_are_told_from_chance() -> None:
    random = np.random.default_rng(11)
    even = random.poisson(0.01, size=(200, 364))
    again = even + np.roll(even, 3, axis=1)
    none, some = near_repeats(even), near_repeats(again)
    assert none.low < 1.1
    assert some.low > 1.3
