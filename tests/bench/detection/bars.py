"""What a detector reaches in a world: spikes found and delay at matched false alerts, and what its budget keeps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bench.detection.world import Spike

Floats = npt.NDArray[np.float64]

MERGE = 24
ENOUGH = 5.0
"""Expected extra incidents of a spike that could be seen at all."""


def episode_starts(above: npt.NDArray[np.bool_]) -> list[int]:
    """First hours of the stretches above, those at most 24 hours apart taken as one; the first hour opens none."""
    starts, last = [], -MERGE - 1
    for hour in np.flatnonzero(above):
        if hour - last > MERGE:
            starts.append(int(hour))
        last = int(hour)
    return [start for start in starts if start > 0]


def false_alerts(clean: Floats, threshold: float) -> npt.NDArray[np.int64]:
    """Episodes of each area in the scores without spikes, [areas, hours]."""
    return np.array([len(episode_starts(row >= threshold)) for row in clean])


def matched(clean: Floats, per_area_year: float) -> float:
    """Threshold at which the scores without spikes give so many episodes for each area and year."""
    budget = per_area_year * clean.shape[0] * clean.shape[1] / 8760.0
    low, high = -5.0, 40.0
    for _ in range(22):
        middle = 0.5 * (low + high)
        if false_alerts(clean, middle).sum() > budget:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True, slots=True)
class Found:
    """Spikes found at a threshold: share, median delay in hours, and the delay of each spike (nan: missed)."""

    share: float
    delay: float
    delays: Floats


def found(scores: Floats, spikes: tuple[Spike, ...], test: int, threshold: float) -> Found:
    """Up-crossings from onset to end + 24 h; *scores* [areas, hours] start at hour *test*."""
    delays = np.full(len(spikes), np.nan)
    for index, spike in enumerate(spikes):
        onset, end = spike.onset - test, min(spike.end - test + MERGE, scores.shape[1])
        above = scores[spike.area, max(onset - 1, 0) : end] >= threshold
        crossings = np.flatnonzero(above[1:] & ~above[:-1])
        if len(crossings):
            delays[index] = crossings[0] + 1
    hit = ~np.isnan(delays)
    return Found(float(hit.mean()), float(np.median(delays[hit])) if hit.any() else np.nan, delays)


def thirds(alerts: npt.NDArray[np.int64], size: Floats) -> tuple[float, float]:
    """Mean false alerts in the quietest and in the busiest third of the areas."""
    order = np.argsort(size)
    part = len(order) // 3
    return float(alerts[order[:part]].mean()), float(alerts[order[-part:]].mean())
