"""
How well the review's list of areas foretells next year's harm, and how often it calls a change that is none.

``cd tests && PYTHONPATH=..:. python -m bench.review`` prints one line of JSON a measure, on London's wards and
Chicago's districts (skipped where those files are absent) and on made-up worlds. ``foretold`` and ``raw`` are the
shares of the next year's incidents in as many areas (a tenth, at least one) named by the estimate and by last year's
raw counts; ``gain`` their difference, mean over the years, with limits of 95 % from the years (Student's t).
"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from streams.regions.loader import load
from streams.review import change, focus, local, season
from streams.review.months import iso, month
from streams.review.panel import Counts
from streams.review.profile import read_profile
from streams.review.reading import read_monthly
from streams.review.season import YEAR

DATA = Path(__file__).parents[3] / "shared" / "data"
WARDS = tuple(DATA / f"london-mps-ward-monthly-{span}.csv.gz" for span in ("2010-2024", "2024-2026"))
CHICAGO = DATA / "chicago-aggravated-assaults-2010-2019.csv.gz"


def gains(counts: Counts, others: Counts | None, begin: int, end: int, share: float = 0.1) -> tuple[Counts, Counts]:
    """Shares of each next year's harm in the areas named, by estimate and raw counts; years begin at [begin, end)."""
    named = max(1, round(share * counts.shape[0]))
    foretold: list[float] = []
    raw: list[float] = []
    for at in range(begin, end - YEAR + 1, YEAR):
        following = counts[:, at : at + YEAR].sum(axis=1)
        made = focus.estimate(counts[:, :at], None if others is None else others[:, :at])
        last = counts[:, at - YEAR : at].sum(axis=1)
        for mean, out in ((made.mean, foretold), (last, raw)):
            best = np.argsort(-mean, kind="stable")[:named]
            out.append(following[best].sum() / max(int(following.sum()), 1))
    return np.array(foretold), np.array(raw)


def told(where: str, group: str, foretold: Counts, raw: Counts) -> dict[str, object]:
    gain = foretold - raw
    half = float(stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain)))
    return {
        "where": where,
        "group": group,
        "years": len(gain),
        "foretold": round(float(foretold.mean()), 4),
        "raw": round(float(raw.mean()), 4),
        "gain": round(float(gain.mean()), 4),
        "low": round(float(gain.mean()) - half, 4),
        "high": round(float(gain.mean()) + half, 4),
    }


def london() -> Iterator[dict[str, object]]:
    if not all(path.exists() for path in WARDS):
        return
    begin, end = month("2010-04"), month("2024-01")
    panel = read_monthly(WARDS, read_profile("mps-ward-monthly"), load("london"), begin, end)
    whole = panel.counts.sum(axis=0)
    first = month("2012-01") - panel.first
    for group in panel.groups:
        counts = panel.of(group)
        yield told("london wards 2011-2023", group, *gains(counts, whole - counts, first, len(panel.months)))


def chicago() -> Iterator[dict[str, object]]:
    if not CHICAGO.exists():
        return
    with gzip.open(CHICAGO, "rt", encoding="utf-8", newline="") as file:
        rows = [(row["district"], month(row["date"][:10])) for row in csv.DictReader(file) if row["district"]]
    areas, first = sorted({area for area, _ in rows}), min(at for _, at in rows)
    counts = np.zeros((len(areas), max(at for _, at in rows) - first + 1), dtype=np.int64)
    for area, at in rows:
        counts[areas.index(area), at - first] += 1
    yield told(f"chicago districts from {iso(first)}", "assault", *gains(counts, None, 2 * YEAR, counts.shape[1]))


def worlds(seeds: int = 200) -> Iterator[dict[str, object]]:
    for jump in (1.0, 1.25, 1.5, 2.0):
        for level in (10.0, 40.0, 160.0):
            called, wrong = [], []
            for seed in range(seeds):
                random = np.random.default_rng([seed, int(level), int(100 * jump)])
                counts = random.poisson(level / YEAR, size=(300, 72))
                counts[:30, -YEAR:] = random.poisson(level * jump / YEAR, size=(30, YEAR))
                verdicts = np.array([each.verdict for each in change.changes(counts)])
                changed = (verdicts == change.Verdict.UP) | (verdicts == change.Verdict.DOWN)
                called.append(changed[:30].mean())
                wrong.append(changed[30:].mean())
            yield {
                "where": f"{seeds} worlds of 300 areas, 30 of them changed",
                "a_year": level,
                "times": jump,
                "called": round(float(np.mean(called)), 4),
                "called_of_the_unchanged": round(float(np.mean(wrong)), 5),
            }


def shifted(areas: int = 300, months: int = 180) -> Iterator[dict[str, object]]:
    first, at = month("2010-01"), 120
    for jump in (1.0, 1.25, 1.5, 2.0):
        for level in (4.0, 20.0):
            random = np.random.default_rng([int(level), int(100 * jump)])
            levels = np.where(np.arange(months) >= at, level * jump, level)
            counts = random.poisson(levels, size=(areas, months))
            calm = season.learnt(random.poisson(areas * level, size=months), first)
            found = local.own_shifts(counts, first, calm)
            dated = [any(each.earliest <= first + at <= each.latest for each in own) for own in found]
            yield {
                "where": f"{areas} areas with a level shift after {at} of {months} months",
                "a_month": level,
                "times": jump,
                "given_any_shift": round(float(np.mean([bool(own) for own in found])), 4),
                "given_this_shift": round(float(np.mean(dated)), 4) if jump > 1 else None,
            }


def main() -> None:
    for rows in (london(), chicago(), worlds(), shifted()):
        for row in rows:
            sys.stdout.write(f"{json.dumps(row)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
