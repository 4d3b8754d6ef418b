"""
How the weekly detector does in the 42 scenarios, over seeds, beside the bars.

``cd tests && PYTHONPATH=..:. python -m bench.detection.weekly_table --seeds 2 3`` prints a table, mean and standard
error over the seeds at thresholds matched at 1 % of false positives, and one line of JSON. The null table is drawn
from a seed of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np
from bench.detection.weekly import FAMILIES, JUDGED, WEEKS, Measures, matched, measured, scenarios

from streams.core.detection.weekly import weekly_surprise

FPR = 0.01
BARS = {"pod": 0.54, "pod_week": 0.42, "sensitivity": 0.39, "f1": 0.51}
FAMILY_BARS = (0.005, 0.02)
NULL_SEED = 0
Told = dict[str, dict[str, float | list[float] | None]]


def once(seed: int) -> Measures:
    """Measures of one seed's 3,150 series, each judged over its last 49 weeks."""
    series = scenarios(seed)
    surprise = weekly_surprise(series.counts, WEEKS - JUDGED, np.random.default_rng(NULL_SEED))
    return measured(surprise, series, matched(surprise, series, FPR))


def summary(runs: Sequence[Measures]) -> Told:
    """Mean, standard error over *runs* (none of a single one) and bar of every measure."""
    told = {name: _told([getattr(run, name) for run in runs], BARS.get(name)) for name in ("fpr", *BARS, "ppv")}
    for number in range(len(FAMILIES)):
        told[f"fpr of family {number + 1}"] = _told([run.families[number] for run in runs], list(FAMILY_BARS))
    return told


def _told(values: Sequence[float], bar: float | list[float] | None) -> dict[str, float | list[float] | None]:
    error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "error": error, "bar": bar}


def table(told: Told) -> str:
    """Lines of name, mean, standard error and bar."""
    lines = [f"{'measure':<16} {'mean':>7} {'error':>7}  bar"]
    for name, each in told.items():
        error = "-" if each["error"] is None else f"{each['error']:.4f}"
        lines.append(f"{name:<16} {each['mean']:>7.4f} {error:>7}  {'' if each['bar'] is None else each['bar']}")
    return "\n".join(lines)


def main() -> None:
    """Run the seeds that the command line names."""
    parser = argparse.ArgumentParser(description="The weekly detector in the 42 scenarios, beside the bars.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3])
    seeds: list[int] = parser.parse_args().seeds
    told = summary([once(seed) for seed in seeds])
    sys.stdout.write(f"{table(told)}\n{json.dumps({'seeds': seeds, 'measures': told})}\n")


if __name__ == "__main__":
    main()
