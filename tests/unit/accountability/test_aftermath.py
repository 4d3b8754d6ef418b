"""Before and after deceives, similar spikes do not: worlds of which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from streams.accountability.aftermath import FALL, Spike, compared

WORLDS = 200
WEEKS = 4
LEAST = 2.0


def world(random: np.random.Generator, effect: float, areas: int = 150, scatter: float = 0.0) -> Iterator[Spike]:
    """
    Areas with rates of their own; a week well above what is usual is a spike; every second one is acted on.

    The score is the log ratio of a Poisson count against what is usual, as in Kulldorff 1997. With *scatter*, rates
    drift after the spike, each area by a factor of its own.
    """
    for area in range(areas):
        usual = random.uniform(2, 10)
        drift = random.lognormal(-(scatter**2) / 2, scatter) if scatter else 1.0
        for _ in range(26):
            count = int(random.poisson(usual))
            score = count * math.log(count / usual) - count + usual if count > usual else 0.0
            if score >= LEAST:
                acted = bool(random.integers(2))
                after = random.poisson(WEEKS * usual * drift * (effect if acted else 1.0))
                yield Spike(
                    area=str(area), group="g", score=score, expected=WEEKS * usual, after=int(after), acted=acted
                )


@pytest.mark.parametrize("scatter", [0.0, 0.3])
def test_where_nothing_works_the_interval_holds_one(scatter: float) -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(WORLDS):
        limits = compared(world(random, 1.0, scatter=scatter)).limits
        assert limits is not None
        held += limits.low <= 1 <= limits.high
    assert held >= 0.9 * WORLDS


def test_a_halving_is_found() -> None:
    random = np.random.default_rng(4)
    found = [compared(world(random, 0.5)) for _ in range(50)]
    assert all(each.limits is not None and each.limits.high < 1 for each in found)
    assert np.mean([each.ratio for each in found if each.ratio is not None]) == pytest.approx(0.5, abs=0.03)


def test_before_and_after_shows_an_effect_in_worlds_without_any() -> None:
    random = np.random.default_rng(3)
    deceived = 0
    for _ in range(WORLDS):
        acted = [each for each in world(random, 1.0) if each.acted]
        before = sum(WEEKS * height(each) for each in acted)
        after = sum(each.after for each in acted)
        # the usual interval of a ratio of two counts, as whoever compares before and after would take it
        half = 1.96 * math.sqrt(1 / before + 1 / after)
        deceived += math.log(after / before) + half < 0
    assert deceived == WORLDS


def height(spike: Spike) -> float:
    """Count of the week of the spike, from its score."""
    usual = spike.expected / WEEKS
    return min(
        (n for n in range(200) if n > usual), key=lambda n: abs(n * math.log(n / usual) - n + usual - spike.score)
    )


def test_too_few_are_not_compared_and_the_fall_is_said_all_the_same() -> None:
    told = compared(
        Spike(area=str(k), group="g", score=3.0, expected=5.0, after=4, acted=k % 2 == 0) for k in range(18)
    )
    assert (told.acted, told.similar, told.ratio) == (9, 9, None)
    assert told.words.startswith("Not enough to compare")
    assert told.words.endswith(FALL)


def test_what_is_not_similar_is_left_out_and_counted() -> None:
    alike = [Spike(area=str(k), group="g", score=3.0, expected=5.0, after=5, acted=k % 2 == 0) for k in range(40)]
    other = [
        Spike(area="x", group="other", score=3.0, expected=5.0, after=500, acted=True),
        Spike(area="y", group="g", score=9.0, expected=5.0, after=500, acted=True),
        Spike(area="z", group="g", score=3.0, expected=500.0, after=0, acted=False),
    ]
    told = compared([*alike, *other])
    assert (told.acted, told.similar, told.unmatched) == (20, 20, 2)
    assert told.ratio == pytest.approx(1.0)
