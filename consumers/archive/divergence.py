"""
Health sources against police sources: violence that reaches hospitals and that the police do not hear of.

Each week and area, given the total n of both, the health count x is held against the area's past share p::

    x | n ~ BetaBinomial(n, p m, (1 - p) m),    m = (1 - r) / r

(Skellam, J. R. Stat. Soc. B 10 (1948) 257-261). p is the share of the past weeks, discounted by age and drawn to that
of the whole region; r, the overdispersion, is estimated by moments over all areas from the errors of past forecasts
(Kleinman, J. Am. Stat. Assoc. 68 (1973) 46-54), so it also holds what p is unsure by. A season or an event that both
see moves n, not the share. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma, log

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Verdict(StrEnum):
    """What a week of an area shows."""

    NOT_ENOUGH_HISTORY = "not_enough_history"
    NOTHING = "nothing"
    HEALTH_UP = "health_up"
    """The share is beyond chance, health sources count more than usual and police sources do not."""
    POLICE_DOWN = "police_down"
    """The share is beyond chance because police sources count less; health sources do not count more."""
    SHARE_ONLY = "share_only"
    """The share is beyond chance, but both sides are up, or neither moved by itself: no signal."""

    @property
    def signal(self) -> bool:
        """Whether people are told."""
        return self in (Verdict.HEALTH_UP, Verdict.POLICE_DOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides; weeks unless said otherwise."""

    one_in: float = 26.0
    """Over all areas and groups, chance alone makes about one signal in so many weeks."""
    history: int = 26
    least: float = 20.0
    """Discounted incidents of both sides in an area's past, below which it is not judged."""
    memory: float = 52.0
    """Age at which a past week has half its weight."""
    prior: float = 20.0
    """Incidents that the region's share weighs in an area's."""
    moved: float = 0.05
    """Tail probability at or below which a side has moved by itself."""


DEFAULTS = Settings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    One area in the week judged.

    ``by_chance_weeks``: over all areas and groups judged together, chance alone makes a share so far up about once in
    so many weeks.
    """

    area: str
    verdict: Verdict
    health: int
    police: int
    expected_health: float
    expected_police: float
    share: float
    usual_share: float
    by_chance_weeks: float


def judged(
    areas: Sequence[str],
    health: npt.NDArray[np.int64],
    police: npt.NDArray[np.int64],
    settings: Settings = DEFAULTS,
    groups: int = 1,
) -> tuple[Finding, ...]:
    """
    The last week of each area against the weeks before it.

    Parameters
    ----------
    areas
        Their codes.
    health, police
        Counts, [areas, weeks], oldest week first; the last is the one judged.
    settings
        What decides.
    groups
        How many groups are judged side by side: they share the budget.

    Raises
    ------
    ValueError
        The counts are not of these areas, or hold no week.

    """
    if health.shape != police.shape or health.ndim != 2 or len(health) != len(areas) or not health.shape[1]:
        raise ValueError(f"counts of {len(areas)} areas are needed, not {health.shape} and {police.shape}")
    past = _Past(health.astype(np.float64), police.astype(np.float64), settings)
    ready = past.ready()
    tests = max(int(ready.sum()), 1) * groups
    return tuple(
        _finding(area, past, number, tests, settings) if ready[number] else _unjudged(area, past, number)
        for number, area in enumerate(areas)
    )


class _Past:
    """Discounted sums of the weeks before each week, and the overdispersions that forecasts from them had."""

    def __init__(self, health: Floats, police: Floats, settings: Settings) -> None:
        self._settings = settings
        self.health, self.police = health, police
        self._h, self._p, self._w = (_before(each, settings.memory) for each in (health, police, np.ones_like(health)))
        total = self._h + self._p
        region = _ratio(self._h.sum(axis=0), total.sum(axis=0), 0.5)
        self.share = (self._h + settings.prior * region) / (total + settings.prior)
        self.spread = self._share_spread()
        self.health_spread = self._count_spread(health, self._h)
        self.police_spread = self._count_spread(police, self._p)

    def ready(self) -> npt.NDArray[np.bool_]:
        weeks = self.health.shape[1] - 1
        met = (self.health + self.police)[:, :-1] > 0
        first = np.where(met.any(axis=1), met.argmax(axis=1), weeks)
        enough = (self._h + self._p)[:, -1] >= self._settings.least
        answer: npt.NDArray[np.bool_] = enough & (weeks - first >= self._settings.history)
        return answer & (self._h[:, -1] > 0) & (self._p[:, -1] > 0)

    def expected(self, area: int) -> tuple[float, float]:
        """Usual week of health and of police."""
        weight = max(float(self._w[area, -1]), 1e-9)
        return float(self._h[area, -1]) / weight, float(self._p[area, -1]) / weight

    def _usable(self) -> slice:
        """Past weeks whose forecasts had a quarter of the history to rest on."""
        return slice(min(self._settings.history // 4, self.health.shape[1] - 1), -1)

    def _share_spread(self) -> float:
        part = self._usable()
        x, p = self.health[:, part], np.clip(self.share[:, part], 1e-6, 1 - 1e-6)
        n = x + self.police[:, part]
        excess = float(((x - n * p) ** 2 / (p * (1 - p)) - n).sum())
        return min(max(excess / max(float((n * (n - 1)).sum()), 1.0), 1e-5), 0.5)

    def _count_spread(self, counts: Floats, sums: Floats) -> float:
        """Spread of the counts about their forecasts: a negative binomial of variance mean + spread x mean^2."""
        part = self._usable()
        mean = sums[:, part] / np.maximum(self._w[:, part], 1e-9)
        excess = float(((counts[:, part] - mean) ** 2 - mean).sum())
        return min(max(excess / max(float((mean**2).sum()), 1e-9), 1e-5), 5.0)


def _before(counts: Floats, memory: float) -> Floats:
    """Discounted sums of all weeks before each week, [areas, weeks]."""
    keep = 0.5 ** (1 / memory)
    answer = np.zeros_like(counts)
    for week in range(1, counts.shape[1]):
        answer[:, week] = keep * (answer[:, week - 1] + counts[:, week - 1])
    return answer


def _ratio(part: Floats, whole: Floats, otherwise: float) -> Floats:
    answer: Floats = np.where(whole > 0, part / np.maximum(whole, 1e-9), otherwise)
    return answer


def _unjudged(area: str, past: _Past, number: int) -> Finding:
    return _told(area, past, number, Verdict.NOT_ENOUGH_HISTORY, float("nan"))


def _finding(area: str, past: _Past, number: int, tests: int, settings: Settings) -> Finding:
    health, police = int(past.health[number, -1]), int(past.police[number, -1])
    chance = share_tail(health, health + police, float(past.share[number, -1]), past.spread)
    once = 1 / max(chance * tests, 1e-12)
    verdict = Verdict.NOTHING if once < settings.one_in else _side(past, number, settings)
    return _told(area, past, number, verdict, once)


def _side(past: _Past, number: int, settings: Settings) -> Verdict:
    """Which side has moved, once the share has."""
    usual_health, usual_police = past.expected(number)
    health, police = int(past.health[number, -1]), int(past.police[number, -1])
    health_up = count_tail(health, usual_health, past.health_spread) <= settings.moved
    police_up = count_tail(police, usual_police, past.police_spread) <= settings.moved
    police_down = 1 - count_tail(police + 1, usual_police, past.police_spread) <= settings.moved
    if health_up and not police_up:
        return Verdict.HEALTH_UP
    return Verdict.POLICE_DOWN if police_down and not health_up else Verdict.SHARE_ONLY


def _told(area: str, past: _Past, number: int, verdict: Verdict, once: float) -> Finding:
    health, police = int(past.health[number, -1]), int(past.police[number, -1])
    usual_health, usual_police = past.expected(number)
    return Finding(
        area=area,
        verdict=verdict,
        health=health,
        police=police,
        expected_health=usual_health,
        expected_police=usual_police,
        share=health / max(health + police, 1),
        usual_share=float(past.share[number, -1]),
        by_chance_weeks=once,
    )


def share_tail(x: int, n: int, p: float, spread: float) -> float:
    """P(X > x) + P(X = x) / 2 of a beta-binomial with mean *n p* and overdispersion *spread*; 1 if *n* is 0."""
    if n == 0:
        return 1.0
    weight = (1 - spread) / spread
    a, b = p * weight, (1 - p) * weight
    whole = _log_beta(a, b)

    def log_mass(k: int) -> float:
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + _log_beta(k + a, n - k + b) - whole

    return exp(log_mass(x)) / 2 + sum(exp(log_mass(k)) for k in range(x + 1, n + 1))


def count_tail(k: int, mean: float, spread: float) -> float:
    """P(K >= k) of a negative binomial with variance mean + spread mean^2."""
    size = 1 / spread
    hit = mean / (size + mean)
    below = sum(
        exp(lgamma(j + size) - lgamma(size) - lgamma(j + 1) + size * log(1 - hit) + j * log(max(hit, 1e-300)))
        for j in range(k)
    )
    return min(max(1 - below, 0.0), 1.0)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
