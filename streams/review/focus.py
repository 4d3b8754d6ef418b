"""Where to focus: the underlying rate of each area, how sure its rank is, and how concentrated harm is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from streams.review.panel import Counts, Reals
from streams.review.season import YEAR

HALF_LIVES = (6.0, 12.0, 24.0, 48.0, 96.0)
"""Months after which an incident says half as much of the present rate; the one that foretells best is taken."""
DRAWS = 4000
TOP = 0.1
SHARES = (0.05, 0.10, 0.25)
"""Shares of areas whose part of the harm is told."""


class Estimate(NamedTuple):
    """
    Underlying rates of all areas, incidents a year: posterior Gamma(``shape``, ``rate``) per area.

    ``half_life`` in months; ``prior`` the mean that each area's own record is shrunk to.
    """

    shape: Reals
    rate: Reals
    prior: Reals
    half_life: float

    @property
    def mean(self) -> Reals:
        """Posterior means."""
        out: Reals = self.shape / self.rate
        return out

    def interval(self) -> tuple[Reals, Reals]:
        """Limits of 95 %."""
        low, high = (np.asarray(stats.gamma.ppf(q, self.shape)) / self.rate for q in (0.025, 0.975))
        return low, high

    def top_probability(self, seed: int, share: float = TOP) -> Reals:
        """Probability of being among the *share* with the highest rates (Laird and Louis 1989), by simulation."""
        random = np.random.default_rng(seed)
        places = max(1, round(share * len(self.shape)))
        hits = np.zeros(len(self.shape))
        for _ in range(DRAWS // 500):
            drawn = random.gamma(self.shape, 1.0 / self.rate, size=(500, len(self.shape)))
            top = np.argpartition(-drawn, places - 1, axis=1)[:, :places]
            hits += np.bincount(top.ravel(), minlength=len(hits))
        out: Reals = hits / (DRAWS // 500 * 500)
        return out


def estimate(
    counts: Counts, others: Counts | None = None, half_life: float | None = None, complete: Reals | None = None
) -> Estimate:
    """
    Underlying rates of [areas, months].

    Each area's record, older months weighing less, is shrunk to a prior mean: gamma-Poisson empirical Bayes (Clayton
    and Kaldor 1987). The mean is a power of what *others* (counts of other violence there) lead to expect, so that an
    area with few homicides borrows from its other violence (Marshall 1991). Weighted counts are scaled so that variance
    and mean agree (Kish 1965, 8.2). Without *half_life* the one is used that best foretells the last year from those
    before it. *complete* is the share of each month that is recorded by now.
    """
    chosen = half_life if half_life is not None else _best_half_life(counts, others)
    return _posterior(counts, others, chosen, complete)


def _posterior(counts: Counts, others: Counts | None, half_life: float, complete: Reals | None = None) -> Estimate:
    weighted, years, scale = _weighted(counts, half_life, complete)
    expected = _prior_means(weighted, years, others, half_life)
    spread = _prior_spread(weighted, years, expected, scale)
    # shrinkage: prior Gamma(1 / spread, 1 / (spread * expected)), record of `scale` times too much variance
    shape = 1.0 / spread + weighted / scale
    rate = 1.0 / (spread * expected) + years / scale
    return Estimate(shape, rate, expected, half_life)


def _weighted(counts: Counts, half_life: float, complete: Reals | None = None) -> tuple[Reals, float, float]:
    """Weighted counts, weighted years, and the variance of a weighted count over its mean."""
    weights = 0.5 ** (np.arange(counts.shape[1])[::-1] / half_life)
    scale = float((weights**2).sum() / weights.sum())
    recorded = weights if complete is None else weights * complete
    return counts @ weights, float(recorded.sum()) / YEAR, scale


def _prior_means(weighted: Reals, years: float, others: Counts | None, half_life: float) -> Reals:
    mean = max(float(weighted.mean()), 1e-6) / years
    flat = np.full(len(weighted), mean)
    if others is None or others.sum() == 0 or weighted.sum() < TOO_FEW:
        return flat
    told = _weighted(others, half_life)[0]
    x = np.log(told + 0.5 * max(float(told.mean()), 1e-9))
    x -= x.mean()
    level, power = np.log(mean), 0.0
    for _ in range(STEPS):
        fitted = np.exp(level + power * x) * years
        # one step of Fisher scoring, Poisson with a log link (McCullagh and Nelder 1989, 2.5)
        design = np.stack([np.ones_like(x), x])
        step = np.linalg.solve((design * fitted) @ design.T, design @ (weighted - fitted))
        level, power = level + float(step[0]), float(np.clip(power + step[1], 0.0, 2.0))
    out: Reals = np.exp(level + power * x)
    return out


def _prior_spread(weighted: Reals, years: float, expected: Reals, scale: float) -> float:
    """Squared coefficient of variation of areas' rates around what is expected, by moments; never as good as 0."""
    mean = expected * years
    excess = ((weighted - mean) ** 2 - scale * mean).sum() / (mean**2).sum()
    return float(max(excess, SMALLEST_SPREAD))


def _best_half_life(counts: Counts, others: Counts | None) -> float:
    if counts.shape[1] < 3 * YEAR:
        return HALF_LIVES[1]
    past, last = counts[:, :-YEAR], counts[:, -YEAR:].sum(axis=1)
    told = None if others is None else others[:, :-YEAR]
    return max(HALF_LIVES, key=lambda each: _foretold(_posterior(past, told, each), last))


def _foretold(made: Estimate, last: Counts) -> float:
    """Log probability of a year's counts under the predictive negative binomial, the region's own change taken out."""
    change = max(float(last.sum()), 0.5) / float(made.mean.sum())
    rate = made.rate / change
    return float(np.sum(stats.nbinom.logpmf(last, made.shape, rate / (rate + 1.0))))


class Share(NamedTuple):
    """The part of the harm in a share of the areas: those that had most, and those named from the record before."""

    areas: float
    number: int
    most: float
    foretold: float | None


def concentration(counts: Counts, others: Counts | None = None) -> list[Share]:
    """
    How much of the last twelve months' harm was in few areas (Weisburd 2015).

    ``most`` counts the areas that turned out highest, which chance alone makes look concentrated; ``foretold`` those
    that an estimate from all months before would have named.
    """
    last = counts[:, -YEAR:].sum(axis=1)
    whole = max(int(last.sum()), 1)
    ranked = None
    if counts.shape[1] >= 2 * YEAR:
        told = None if others is None else others[:, :-YEAR]
        ranked = np.argsort(-estimate(counts[:, :-YEAR], told).mean, kind="stable")
    highest = np.sort(last)[::-1]
    out = []
    for share in SHARES:
        number = max(1, round(share * len(last)))
        foretold = None if ranked is None else float(last[ranked[:number]].sum() / whole)
        out.append(Share(share, number, float(highest[:number].sum() / whole), foretold))
    return out


def persistence(counts: Counts) -> list[float]:
    """Rank correlation (Spearman) of areas' counts in each pair of years that follow each other, oldest first."""
    years = counts.shape[1] // YEAR
    sums = [counts[:, counts.shape[1] - YEAR * (k + 1) : counts.shape[1] - YEAR * k].sum(axis=1) for k in range(years)]
    return [rank_correlation(sums[k + 1], sums[k]) for k in range(years - 2, -1, -1)]


def rank_correlation(one: Sequence[float] | Reals | Counts, other: Sequence[float] | Reals | Counts) -> float:
    """Spearman's; 0 where one of them does not vary."""
    a, b = stats.rankdata(one), stats.rankdata(other)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


TOO_FEW = 50.0
"""Weighted incidents of all areas together below which other violence is not asked."""
STEPS = 12
SMALLEST_SPREAD = 0.05
"""Other violence never foretells a rate better than by about a fifth, however well it fits few incidents."""
