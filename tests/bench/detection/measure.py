"""
Measures the detector in worlds of its own: ``python -m bench.detection.measure boroughs 101 112`` (from ``tests``).

Prints one JSON object a seed and one for all: spikes found and delay at matched false alerts, false alerts of quiet and
busy areas, and what thresholds from ``calibrate`` realised of their nominal rate.
"""

import json
import sys
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
from bench.detection import bars
from bench.detection.drive import year_of
from bench.detection.world import Kind, build

from streams.core.detection.null import null_scores

RATES: dict[Kind, tuple[float, ...]] = {"boroughs": (1.0, 4.0, 12.0), "wards": (0.08, 0.5, 1.0)}
YEARS: dict[Kind, int] = {"boroughs": 8, "wards": 2}
"""Null years that thresholds are set by."""


@dataclass(frozen=True, slots=True)
class At:
    """One seed at one rate: hits and delays of the spikes that could be seen; thirds; realised / nominal."""

    hits: npt.NDArray[np.bool_]
    delays: npt.NDArray[np.float64]
    quiet: float
    busy: float
    kept: float


def measure(kind: Kind, seed: int) -> dict[float, At]:
    """Everything about one world."""
    world = build(kind, seed)
    model, spiked, clean = year_of(world)
    seen = tuple(spike for spike in world.spikes if spike.extra >= bars.ENOUGH)
    null = null_scores(model, np.random.default_rng(seed), YEARS[kind]).T
    answers = {}
    for rate in RATES[kind]:
        threshold = bars.matched(clean, rate)
        found = bars.found(spiked, seen, world.test, threshold)
        quiet, busy = bars.thirds(bars.false_alerts(clean, threshold), world.smooth.mean(axis=1))
        kept = bars.false_alerts(clean, bars.matched(null, rate)).mean() / rate
        answers[rate] = At(~np.isnan(found.delays), found.delays, quiet, busy, float(kept))
    return answers


def summary(seeds: list[dict[float, At]]) -> dict[str, dict[str, float]]:
    """Means over *seeds*; standard errors are those over seeds."""
    answer = {}
    for rate in seeds[0]:
        each = [seed[rate] for seed in seeds]
        hits = np.concatenate([at.hits for at in each])
        delays = np.concatenate([at.delays for at in each])
        answer[f"{rate:g}"] = {
            "spikes": float(len(hits)),
            "found": round(float(hits.mean()), 3),
            "standard_error": _error([float(at.hits.mean()) for at in each]),
            "delay_h": float(np.nanmedian(delays)),
            "quiet_third": round(float(np.mean([at.quiet for at in each])), 2),
            "busy_third": round(float(np.mean([at.busy for at in each])), 2),
            "realised_of_nominal": round(float(np.mean([at.kept for at in each])), 2),
            "realised_error": _error([at.kept for at in each]),
        }
    return answer


def _error(values: list[float]) -> float:
    """Standard error of the mean; 0 of a single value."""
    return round(float(np.std(values, ddof=1) / np.sqrt(len(values))), 3) if len(values) > 1 else 0.0


def main(kind: str, first: str, last: str) -> None:
    """Measure seeds *first* to *last* and print."""
    if kind not in get_args(Kind):
        raise SystemExit(f"no world of {kind}: boroughs or wards")
    seeds = []
    for seed in range(int(first), int(last) + 1):
        seeds.append(measure("boroughs" if kind == "boroughs" else "wards", seed))
        sys.stdout.write(json.dumps({"seed": seed, **summary(seeds[-1:])}) + "\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps({"seeds": len(seeds), **summary(seeds)}, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
