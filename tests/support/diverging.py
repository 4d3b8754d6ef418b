"""
Worlds with known truth for the health-police divergence; as a command, its rate of false signals and its power.

``PYTHONPATH=tests:. python -m support.diverging``
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from consumers.archive.divergence import Settings, Verdict, judged

Counts = npt.NDArray[np.int64]
AREAS = 33
CODES = [f"A{number:02}" for number in range(AREAS)]
PAST = 104


def world(seed: int, weeks: int, overdispersion: float = 0.005) -> tuple[Counts, Counts]:
    """Health and police, [areas, weeks]: a season that both see, shares of their own, beta-binomial about them."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(np.log(60), 0.5, AREAS))
    share = rng.uniform(0.15, 0.4, AREAS)
    season = 1 + 0.2 * np.sin(2 * np.pi * np.arange(weeks) / 52)
    total = rng.poisson(rate[:, None] * season * rng.gamma(50, 1 / 50, (AREAS, weeks)))
    weight = 1 / overdispersion - 1
    chance = rng.beta(np.repeat(share * weight, weeks), np.repeat((1 - share) * weight, weeks)).reshape(AREAS, weeks)
    health = rng.binomial(total, chance)
    return health, total - health


def signals(health: Counts, police: Counts, settings: Settings) -> list[Verdict]:
    """What each week after the past shows, all areas in a row."""
    found = []
    for end in range(PAST + 1, health.shape[1] + 1):
        begin = end - PAST - 1
        found += [each.verdict for each in judged(CODES, health[:, begin:end], police[:, begin:end], settings)]
    return found


def detected(factor: float, worlds: int, settings: Settings) -> float:
    """Share of worlds in which one area's health count, times *factor* in the last week, is told as HEALTH_UP."""
    hits = 0
    for seed in range(worlds):
        health, police = world(seed, PAST + 1)
        area = seed % AREAS
        extra = np.random.default_rng(seed + 10_000).poisson((factor - 1) * health[area, :-1].mean())
        health[area, -1] += extra
        hits += judged(CODES, health, police, settings)[area].verdict is Verdict.HEALTH_UP
    return hits / worlds


def main() -> None:
    """Tell the figures."""
    settings = Settings(one_in=8)
    found = [each for seed in range(8) for each in signals(*world(seed, PAST + 100), settings)]
    weeks = len(found) / AREAS
    shares = sum(each in (Verdict.HEALTH_UP, Verdict.POLICE_DOWN, Verdict.SHARE_ONLY) for each in found)
    print(f"null: {weeks:.0f} weeks, budget {weeks / 8:.0f}; share beyond chance {shares}")  # noqa: T201 - a command
    print({verdict.value: found.count(verdict) for verdict in Verdict})  # noqa: T201 - a command
    for factor in (1.5, 2.0, 2.5, 3.0):
        print(f"health x {factor}: {detected(factor, 200, Settings()):.0%} told")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
