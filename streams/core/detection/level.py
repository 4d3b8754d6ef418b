"""Level of each area: a slow gamma-Poisson mean and a fast, mean-reverting deviation."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from streams.core.detection.settings import Settings

Floats = npt.NDArray[np.float64]


class Level(NamedTuple):
    """
    What is known of the level of each area; arrays over areas.

    counts, exposure: discounted sums of winsorised counts and of expected counts at level 1 (hours of a mean week).
    deviation, variance: mean and variance of the short-run log deviation. days: days seen.
    """

    counts: Floats
    exposure: Floats
    deviation: Floats
    variance: Floats
    days: Floats


def fresh(areas: int) -> Level:
    """Level of areas of which nothing is known."""
    return Level(
        counts=np.zeros(areas),
        exposure=np.zeros(areas),
        deviation=np.zeros(areas),
        variance=np.full(areas, 0.01),
        days=np.zeros(1),
    )


def mean_level(level: Level, settings: Settings) -> Floats:
    """
    Long-run level: gamma-Poisson posterior mean (counts + alpha) / (exposure + alpha / m), m the region's mean.

    A new area starts at the region's mean.
    """
    region = max(float(level.counts.sum()), 1e-3) / max(float(level.exposure.sum()), 1.0)
    answer: Floats = (level.counts + settings.level_prior) / (level.exposure + settings.level_prior / region)
    return answer


def current(level: Level, settings: Settings) -> Floats:
    """Expected incidents in an hour of a mean week, as of the next day."""
    answer: Floats = mean_level(level, settings) * np.exp(level.deviation)
    return answer


def stepped(
    level: Level, observed: Floats, exposure: Floats, settings: Settings, *, complete: float, batch: float
) -> tuple[Level, Floats]:
    """
    Level after a day, and the day's counts with their surplus clipped (winsorised).

    One step of a scalar Kalman filter (Kalman, 1960) on O/E - 1 with noise R = b/E + v_day; the innovation is clipped
    at *clip* standard deviations, so that no spike can raise its own baseline by more (Noufaily et al. 2013, section
    3.3, down-weight past outbreaks in the same spirit). observed, exposure: [areas]; complete: share of the day's
    incidents that have arrived.
    """
    first = level.days[0] < settings.min_days
    expected = np.maximum(current(level, settings) * exposure * complete, 1e-9)
    noise = batch / expected + settings.day_variance
    total = level.variance + noise
    surplus = observed / expected - 1.0
    if not first:
        surplus = np.minimum(surplus, settings.clip * np.sqrt(total))
    clipped = (1.0 + surplus) * expected
    gain = level.variance / total
    fade = np.exp(-1.0 / settings.drift_days)
    keep = 0.5 ** (1.0 / settings.level_half_life)
    following = Level(
        counts=keep * level.counts + clipped,
        exposure=keep * level.exposure + exposure * complete,
        deviation=np.zeros_like(level.deviation) if first else fade * (level.deviation + gain * surplus),
        variance=level.variance if first else fade**2 * (1.0 - gain) * level.variance + settings.drift_variance,
        days=level.days + 1.0,
    )
    return following, clipped
