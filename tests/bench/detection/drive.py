"""Runs the live model over a world, day by day, and gives the hourly scores of its test year."""

import copy

import numpy as np
import numpy.typing as npt
from bench.detection.world import ZONE, World

from streams.core.detection.calendar import Period
from streams.core.detection.localtime import HOUR_MS, LocalTime
from streams.core.detection.settings import Settings
from streams.core.detection.unit import Unit, UnitModel

Floats = npt.NDArray[np.float64]
DAY_STARTS = 6


def unit_of(world: World, settings: Settings | None = None) -> Unit:
    """The unit of detection that a *world* is."""
    return Unit(
        region="world",
        level="area",
        group="violence",
        areas=tuple(f"A{area:03}" for area in range(len(world.counts))),
        neighbours=world.neighbours,
        zone=ZONE,
        day_starts=DAY_STARTS,
        periods=tuple(
            Period(
                start_ms=(world.start_hour + special.first) * HOUR_MS,
                end_ms=(world.start_hour + special.end) * HOUR_MS,
                kind=special.kind,
                area=special.area,
            )
            for special in world.specials
        ),
        settings=settings or Settings(),
    )


def run(
    model: UnitModel, counts: npt.NDArray[np.int64], start_hour: int, first: int, end: int, *, scored: bool
) -> Floats | None:
    """Feed the hours [first, end) of *counts* to *model* by local days; scores [areas, hours] if *scored*."""
    local = LocalTime(ZONE, DAY_STARTS)
    parts = []
    hour = start_hour + first
    while hour < start_hour + end:
        turn = min(local.first_hour(local.day_of(hour) + 1), start_hour + end)
        model.record_hours(hour, counts[:, hour - start_hour : turn - start_hour])
        if scored:
            parts.append(model.score_hours(hour, turn - hour))
        model.advance(turn * HOUR_MS + 1)
        hour = turn
    return np.concatenate(parts).T if scored else None


def year_of(world: World, settings: Settings | None = None) -> tuple[UnitModel, Floats, Floats]:
    """Model at the start of the test year; scores of that year with spikes and without, [areas, hours]."""
    model = UnitModel(unit_of(world, settings), world.start_hour * HOUR_MS)
    run(model, world.counts, world.start_hour, 0, world.test, scored=False)
    before = copy.deepcopy(model)
    end = world.counts.shape[1]
    spiked = run(copy.deepcopy(model), world.counts, world.start_hour, world.test, end, scored=True)
    clean = run(model, world.clean, world.start_hour, world.test, end, scored=True)
    if spiked is None or clean is None:
        raise RuntimeError("nothing was scored")
    return before, spiked, clean
