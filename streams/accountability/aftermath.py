"""
What followed alerts that were acted on, beside similar spikes that were not. Pure.

A spike is picked because it was high, so the weeks after it are lower whatever is done (regression to the mean:
Barnett, van der Pols and Dobson, International Journal of Epidemiology 34, 2005). A fall from before to after says
nothing, then; only what followed similar spikes does: of one group, one band of score and one of expected rate.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from schemas.equity import Interval

FALL = (
    "A fall after a spike is expected without any action: "
    "what counts is whether it fell more than after similar spikes."
)
FEW = 10
"""Matched spikes on either side below which nothing is compared."""
FEW_INCIDENTS = 10
"""Incidents afterwards on either side below which nothing is compared."""
LIMIT = 1.959964
SCORE_WIDTH = 1.0
"""Of a band of score, a log Bayes factor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """
    One spike and the weeks after it.

    ``score`` at its height; ``expected`` is of the weeks that ``after`` counts, by what was usual before the spike.
    """

    area: str
    group: str
    score: float
    expected: float
    after: int
    acted: bool

    @property
    def stratum(self) -> tuple[str, int, int]:
        """What similar spikes share: group, band of score, and expected rate to a factor of two."""
        return self.group, math.floor(self.score / SCORE_WIDTH), math.floor(math.log2(max(self.expected, 0.01)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    Acted on against similar: the ratio of what came afterwards, each side beside what was usual for it.

    ``ratio`` and ``limits`` (95 %) are None with too little to compare. ``unmatched``: acted on, without a similar one.
    """

    acted: int
    similar: int
    unmatched: int
    ratio: float | None
    limits: Interval | None

    @property
    def words(self) -> str:
        """What the comparison carries, as one reads it."""
        if self.ratio is None or self.limits is None:
            return f"Not enough to compare: {self.acted} spikes acted on, {self.similar} similar ones. {FALL}"
        low, high = self.limits
        found = "no evidence of an effect" if low <= 1 <= high else "fewer came" if high < 1 else "more came"
        return f"{self.ratio:.2f} times what followed similar spikes ({low:.2f} to {high:.2f}): {found}. {FALL}"


def compared(spikes: Iterable[Spike]) -> Comparison:
    """
    Compare within strata, and all strata together.

    The ratio is that of Mantel and Haenszel for rates (Rothman, Greenland and Lash, Modern Epidemiology, 3rd ed. 2008,
    chapter 15), the expected counts being what is at risk. Its variance takes areas as they scatter (sums of residuals
    by area: Liang and Zeger, Biometrika 73, 1986), and at least as Poisson counts do.
    """
    strata: dict[tuple[str, int, int], tuple[list[Spike], list[Spike]]] = defaultdict(lambda: ([], []))
    for spike in spikes:
        strata[spike.stratum][not spike.acted].append(spike)
    both = [(acted, similar) for acted, similar in strata.values() if acted and similar]
    lone = sum(len(acted) for acted, similar in strata.values() if not similar)
    sides = [[spike for pair in both for spike in pair[side]] for side in (0, 1)]
    ratio, limits = _ratio(both) if all(map(_enough, sides)) else (None, None)
    return Comparison(acted=len(sides[0]), similar=len(sides[1]), unmatched=lone, ratio=ratio, limits=limits)


Pair = tuple[Sequence[Spike], Sequence[Spike]]


def _enough(side: Sequence[Spike]) -> bool:
    return len(side) >= FEW and sum(spike.after for spike in side) >= FEW_INCIDENTS


def _ratio(pairs: Sequence[Pair]) -> tuple[float, Interval]:
    above = below = poisson = 0.0
    for acted, similar in pairs:
        one, other = _weights(acted, similar)
        hits, others = _after(acted), _after(similar)
        above, below = above + one * hits, below + other * others
        poisson += one * other * (hits + others)
    ratio = above / below
    scatter = _scatter(pairs)
    # of log(ratio): Greenland and Robins 1985 for counts, residuals by area where these scatter more
    variance = max(poisson / (above * below), scatter / above**2)
    half = LIMIT * math.sqrt(variance)
    return ratio, Interval(ratio * math.exp(-half), ratio * math.exp(half))


def _scatter(pairs: Sequence[Pair]) -> float:
    """Variance of the sum of weighted residuals, by area."""
    by_area: dict[str, float] = defaultdict(float)
    scale = _scale(pairs)
    for acted, similar in pairs:
        one, other = _weights(acted, similar)
        for area, residual in _residuals(acted):
            by_area[area] += one * residual
        for area, residual in _residuals(similar):
            by_area[area] -= other * scale * residual
    areas = len(by_area)
    return sum(each**2 for each in by_area.values()) * areas / max(areas - 1, 1)


def _scale(pairs: Sequence[Pair]) -> float:
    weights = [(_weights(*pair), pair) for pair in pairs]
    above = sum(one * _after(acted) for (one, _), (acted, _) in weights)
    return above / sum(other * _after(similar) for (_, other), (_, similar) in weights)


def _residuals(side: Sequence[Spike]) -> Iterator[tuple[str, float]]:
    """
    By area: what a spike has more than its side's rate, as large as it would be about the true rate.

    HC2 of MacKinnon and White, Journal of Econometrics 29 (1985): a spike pulls the rate to itself by its share.
    """
    total = _expected(side)
    rate = _after(side) / total
    for spike in side:
        share = max(spike.expected, 0.01) / total
        # one alone is its own rate, and scatters at least as a Poisson count does
        alone = math.sqrt(spike.after)
        yield spike.area, (spike.after - rate * spike.expected) / math.sqrt(1 - share) if share < 1 else alone


def _weights(acted: Sequence[Spike], similar: Sequence[Spike]) -> tuple[float, float]:
    """Of incidents after those acted on, and after similar ones."""
    one, other = _expected(acted), _expected(similar)
    return other / (one + other), one / (one + other)


def _expected(side: Sequence[Spike]) -> float:
    return sum(max(spike.expected, 0.01) for spike in side)


def _after(side: Sequence[Spike]) -> int:
    return sum(spike.after for spike in side)
