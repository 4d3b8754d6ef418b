"""
What the unit of a whole region finds of rises that are thin everywhere, and what it costs.

``cd tests && PYTHONPATH=..:. python -m bench.detection.whole`` prints for each made-up city the threshold at one false
alert a year, and the share of spikes of three days found at it; then the time of a pass over London's units. Cities
have a rhythm of the day, Poisson counts and gamma day shocks; they are no worlds that anything was tuned on.
"""

from __future__ import annotations

import time

import click
import numpy as np
import numpy.typing as npt
from support.tables import score_table

from schemas.events import HOUR, WHOLE_LEVEL
from streams.backtest.hours import hour_of
from streams.backtest.walk import DayModel, learnt
from streams.core.detection.budget import Episodes
from streams.core.detection.null import null_scores
from streams.core.detection.unit import Unit, UnitModel
from streams.core.places import WHOLE, plan_of
from streams.regions.loader import load

Floats = npt.NDArray[np.float64]

START = hour_of("2023-11-06T00:00Z")
DAYS = 400
YEARS = 24
CITIES = ((100.0, 0.05), (300.0, 0.05), (300.0, 0.02))
"""Incidents a day, and coefficient of variation of the day shocks."""
RISES = (1.25, 1.4, 1.7)
TRIES = 60
BEGIN, LENGTH, LOOKED = 12 * 24, 72, 84
"""Hours from which the rise lasts so many, and is looked for in so many."""


def shocks(rng: np.random.Generator, variation: float, days: int) -> Floats:
    """Factors of each hour, the same all day."""
    return np.repeat(rng.gamma(variation**-2, variation**2, days), 24)


def city(daily: float, variation: float) -> DayModel:
    """A model that has learnt a steady city."""
    rng = np.random.default_rng(1)
    rhythm = 1.0 + 0.7 * np.cos(2 * np.pi * (np.arange(DAYS * 24) - 14) / 24)
    counts = rng.poisson(daily / 24 * rhythm * shocks(rng, variation, DAYS))[None].astype(np.uint16)
    unit = Unit(
        region="R",
        level=WHOLE_LEVEL,
        group="g",
        areas=("R",),
        neighbours=((),),
        zone="UTC",
        day_starts=6,
        settings=WHOLE,
    )
    return learnt(unit, counts, START, START + DAYS * 24)


def threshold(model: DayModel) -> float:
    """Lowest score that a quiet year reaches once at most."""
    grid = np.arange(0.0, 8.0, 0.05)
    episodes = Episodes(null_scores(model, np.random.default_rng(1), YEARS))
    return float(grid[np.argmax(episodes.above(grid) / YEARS <= 1.0)])


def found(model: DayModel, variation: float, rise: float, least: float) -> float:
    """Share of the rises that reach the score *least* while they last or half a day later."""
    expected = model.outlook(24)
    hits = 0
    for seed in range(TRIES):
        rng = np.random.default_rng(seed)
        rate = expected.copy()
        rate[:, BEGIN : BEGIN + LENGTH] *= rise
        counts = rng.poisson(rate * shocks(rng, variation, 24)).astype(np.float64)
        scores = score_table(model, counts, expected)[:, 0]
        begin = BEGIN - max(model.unit.settings.windows)
        hits += bool(scores[begin : begin + LOOKED].max() >= least)
    return hits / TRIES


def a_pass(units: list[Unit]) -> float:
    """Milliseconds that one score of all *units* takes, the best of five."""
    models = [UnitModel(unit, START * HOUR) for unit in units]
    now = (START + 30 * 24) * HOUR
    for model in models:
        model.advance(now)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        for model in models:
            model.score(now)
        times.append(time.perf_counter() - begun)
    return min(times) * 1000.0


def main() -> None:
    """Print the tables."""
    for daily, variation in CITIES:
        model = city(daily, variation)
        least = threshold(model)
        shares = ", ".join(f"x{rise:g}: {found(model, variation, rise, least):.0%}" for rise in RISES)
        click.echo(f"{daily:g} a day, shocks {variation:.0%}: threshold {least:.2f}; {shares}")
    units = plan_of(load("london")).units
    areas = [unit for unit in units if unit.level != WHOLE_LEVEL]
    click.echo(f"a pass over London's areas {a_pass(areas):.1f} ms, over all units {a_pass(list(units)):.1f} ms")


if __name__ == "__main__":
    main()
