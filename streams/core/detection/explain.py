"""Words behind a score: which window and areas drive it, what was seen, what was expected, how sure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]

MULTIPLIER_SHAPE = 2.0
TAIL = 0.025


@dataclass(frozen=True, slots=True)
class Expected:
    """Count of an area over a window: what was seen, what was expected, and the range 95 in 100 quiet windows keep."""

    observed: int
    expected: float
    lower: int
    upper: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    Why an area scores as it does.

    window_h and members (indexes of areas, itself among them): the hypothesis with the largest share of the score.
    observed to upper: the area's own count in that window; the set_ values add up all members. multiplier: how many
    times the expected rate, shrunk towards 1, with its 95 % range.
    """

    window_h: int
    members: tuple[int, ...]
    observed: int
    expected: float
    lower: int
    upper: int
    set_observed: int
    set_expected: float
    multiplier: float
    multiplier_lower: float
    multiplier_upper: float
    score: float


def quantile(share: float, mean: Floats, variance: Floats) -> npt.NDArray[np.int64]:
    """
    Smallest count k with P(N <= k) >= share for a negative binomial of this mean and *variance* (> mean).

    P(N <= k) = I_p(r, k + 1) with r = mean^2 / (variance - mean) and p = mean / variance (regularised beta function).
    """
    size, chance = mean**2 / (variance - mean), mean / variance
    start = np.floor(mean + special.ndtri(share) * np.sqrt(variance))
    count = np.maximum(start, 0.0)
    while (low := special.betainc(size, count + 1.0, chance) < share).any():
        count = count + low
    while (high := (count > 0) & (special.betainc(size, np.maximum(count, 0.5), chance) >= share)).any():
        count = count - high
    return count.astype(np.int64)


def interval(mean: Floats, variance: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Range that holds the count with 95 %, given its mean and variance."""
    mean = np.maximum(mean, 1e-9)
    variance = np.maximum(variance, mean * 1.0001)
    return quantile(TAIL, mean, variance), quantile(1.0 - TAIL, mean, variance)


def multiplier(observed: float, expected: float, batch: float) -> tuple[float, float, float]:
    """
    Posterior mean and 95 % range of the rate as a multiple of the expected one.

    Gamma-Poisson in batches with a gamma prior of mean 1 and shape 2: Gamma(2 + N/b, 2 + m/b).
    """
    shape, rate = MULTIPLIER_SHAPE + observed / batch, MULTIPLIER_SHAPE + expected / batch
    low, high = special.gammaincinv(shape, TAIL) / rate, special.gammaincinv(shape, 1.0 - TAIL) / rate
    return shape / rate, float(low), float(high)
