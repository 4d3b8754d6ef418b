"""The season of a monthly series, how much it scatters, and the series with the season taken out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from streams.review.months import Month, days
from streams.review.panel import Counts, Reals

YEAR = 12
ENOUGH = 3 * YEAR
"""Months of history below which no season is learnt."""
MEAN_DAYS = 365.25 / YEAR
SURE = 1.959964
"""Normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasonal:
    """
    A series and its season.

    ``factors`` are twelve multipliers with mean 1, January first; ``expected_share`` is what a month would have of an
    even rate: factor times days over mean days times the share recorded; ``dispersion`` the variance over the mean of a
    month's count around its own level, at least 1; ``drift`` that of a month around the same one a year before.
    """

    factors: Reals
    expected_share: Reals
    dispersion: float
    drift: float = 1.0

    def until(self, months: int) -> Seasonal:
        """The same for the first months of the series."""
        return replace(self, expected_share=self.expected_share[:months])

    def adjusted(self, counts: Counts) -> Reals:
        """Counts of months of mean length and season."""
        out: Reals = counts / self.expected_share
        return out

    def interval(self, counts: Counts) -> tuple[Reals, Reals]:
        """Limits of 95 % for the adjusted count's own level: square-root scale (Anscombe 1948), dispersion put in."""
        half = SURE * np.sqrt(self.dispersion) / 2.0
        root = np.sqrt(counts + 3.0 / 8.0)
        low = np.maximum(root - half, 0.0) ** 2 - 3.0 / 8.0
        return np.maximum(low, 0.0) / self.expected_share, ((root + half) ** 2 - 3.0 / 8.0) / self.expected_share


def learnt(counts: Counts, first: Month, complete: Reals | None = None) -> Seasonal:
    """
    The season of a series of monthly counts, of which so much is recorded by now.

    Ratio to the centred moving average of twelve months, median by month of the year (Makridakis, Wheelwright and
    Hyndman, Forecasting, 1998, 3/4), shrunk to 1 by the share of its variance that is not chance (James and Stein
    1961).
    """
    months = range(first, first + len(counts))
    lengths = days(months) / MEAN_DAYS * (1.0 if complete is None else complete)
    if len(counts) < ENOUGH or counts.sum() == 0:
        return Seasonal(factors=np.ones(YEAR), expected_share=lengths, dispersion=dispersion(counts / lengths))
    rate = counts / lengths
    kernel = np.r_[0.5, np.ones(YEAR - 1), 0.5] / YEAR
    middle = np.convolve(rate, kernel, "valid")
    half = YEAR // 2
    ratio = np.where(middle > 0, rate[half : half + len(middle)] / np.where(middle > 0, middle, 1.0), 1.0)
    of_year = (np.arange(len(middle)) + first + half) % YEAR
    raw = np.array([np.median(ratio[of_year == k]) for k in range(YEAR)])
    spread = dispersion(rate)
    # what chance alone gives to the median of so many months (its variance is pi/2 of the mean's)
    chance = np.pi / 2 * spread / max(float(counts.mean()), 1e-9) / (len(counts) / YEAR)
    between = float(np.mean((raw - 1.0) ** 2))
    kept = max(0.0, between - chance) / between if between > 0 else 0.0
    factors = 1.0 + kept * (raw - 1.0)
    factors /= factors.mean()
    share = lengths * factors[np.arange(first, first + len(counts)) % YEAR]
    return Seasonal(factors=factors, expected_share=share, dispersion=dispersion(counts / share), drift=_drift(counts))


def dispersion(level: Reals) -> float:
    """
    Variance over mean of months around their own level, from how far each is from the middle of its neighbours.

    The variance of x[t] - (x[t-1] + x[t+1]) / 2 is 3/2 that of x (Gasser, Sroka and Jennen-Steinmetz 1986, eq. 2.3), so
    that slow change does not count as scatter; shifts are rare and trimmed with the largest twentieth.
    """
    if len(level) < YEAR or level.mean() <= 0:
        return 1.0
    off = (level[1:-1] - (level[:-2] + level[2:]) / 2.0) ** 2 / 1.5
    base = np.maximum((level[1:-1] + level[:-2] + level[2:]) / 3.0, 0.5)
    ratio = np.sort(off / base)
    kept = ratio[: max(1, int(len(ratio) * 0.95))]
    # a chi-squared variable without its largest twentieth keeps 0.7588 of its mean
    return max(1.0, float(kept.sum() / len(kept) / TRIMMED))


def _drift(counts: Counts) -> float:
    """Variance over chance of the log ratio of a month to the same month a year before, around its running middle."""
    now, before = counts[YEAR:].astype(np.float64) + 0.5, counts[:-YEAR].astype(np.float64) + 0.5
    log = np.log(now / before)
    around = log - np.convolve(np.pad(log, YEAR // 2, mode="edge"), np.ones(YEAR + 1) / (YEAR + 1), "valid")
    return max(1.0, float(np.median(around**2 / (1.0 / now + 1.0 / before)) / MEDIAN_CHI))


MEDIAN_CHI = 0.4549
"""Median of a chi-squared variable of one degree."""
TRIMMED = 0.7588
"""Mean of a chi-squared variable of one degree below its 0.95 quantile, over that of the whole one."""
