"""Spikes and the weeks after them, from the alerts, scores and hours of a backtest. Pure but for reading scores."""

from __future__ import annotations

import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError
from schemas.events import HOUR
from streams.accountability.aftermath import Spike
from streams.accountability.outcomes import Case
from streams.backtest.hours import Counts, Hours, hour_of

WEEK = 7 * 24
WEEKS = 4
"""Weeks after a spike that are compared."""
GAP = 24
"""Hours after the height of a spike that belong to it."""
USUAL_WEEKS = 52
LEAST_WEEKS = 26
"""Weeks that say what is usual, and how many of them there have to be; they end :data:`WEEKS` before the spike."""
LEAST_SCORE = 2.0
"""A score from which an hour is a spike, alerted or not."""
NO_ACTION = frozenset({"", "none", "information_only"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of one level by group, [areas, hours] from ``first`` (hours since the epoch)."""

    areas: tuple[str, ...]
    first: int
    of: Mapping[str, npt.NDArray[np.float32]]


def read_scores(path: Path, groups: Iterable[str]) -> Scores:
    """
    Read ``scores.npz`` of a backtest; one of a single unit says nothing of its group, so *groups* has to be that one.

    Raises
    ------
    UsageError
        It is no such file.

    """
    try:
        with np.load(path, allow_pickle=False) as file:
            areas, first = tuple(map(str, file["areas"])), hour_of(str(file["start"]))
            found = {name.removeprefix("score_"): file[name] for name in file.files if name.startswith("score_")}
            own = list(groups)
            if not found and len(own) == 1:
                found = {own[0]: file["score"]}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as wrong:
        raise UsageError(f"{path.name}: no scores of a backtest ({wrong})") from wrong
    if not found:
        raise UsageError(f"{path.name}: scores of a single group, but {len(own)} groups have alerts")
    return Scores(areas=areas, first=first, of=found)


def spikes(
    cases: Iterable[Case], hours: Hours, scores: Scores | None, level: str, areas: tuple[str, ...]
) -> list[Spike]:
    """
    Alerts of a level with an action, and beside them alerts without one and spikes without an alert.

    Spikes without enough weeks before or after them are left out. *areas*: of the level, as *hours* numbers them.
    """
    place = {area: number for number, area in enumerate(areas)}
    found: list[Spike] = []
    alerted: dict[tuple[str, str], list[int]] = defaultdict(list)
    for case in cases:
        if case.level != level or case.area not in place or (level, case.group) not in hours.counts:
            continue
        at = case.opened_at // HOUR
        alerted[case.area, case.group].append(at)
        acted = case.action not in NO_ACTION
        found += _spike(hours, level, case.group, place[case.area], case.area, at, case.score, acted)
    return found if scores is None else [*found, *_unalerted(scores, hours, level, place, alerted)]


def _unalerted(
    scores: Scores,
    hours: Hours,
    level: str,
    place: Mapping[str, int],
    alerted: Mapping[tuple[str, str], Sequence[int]],
) -> Iterator[Spike]:
    for group, table in scores.of.items():
        if (level, group) not in hours.counts:
            continue
        for area, row in zip(scores.areas, table, strict=True):
            if area in place:
                known = [each - scores.first for each in alerted.get((area, group), ())]
                for at in heights(row, known):
                    score = float(row[at])
                    yield from _spike(hours, level, group, place[area], area, scores.first + at, score, acted=False)


def heights(scores: npt.NDArray[np.float32], alerted: Iterable[int]) -> Iterator[int]:
    """Hours at which a row of scores is at its height, highest first, :data:`WEEKS` from each other and from alerts."""
    left = np.where(scores >= LEAST_SCORE, scores, -np.inf)
    apart = WEEKS * WEEK + GAP
    for at in alerted:
        left[max(at - apart, 0) : max(at + apart + 1, 0)] = -np.inf
    while left.size and np.isfinite(left.max()):
        at = int(left.argmax())
        yield at
        left[max(at - apart, 0) : at + apart + 1] = -np.inf


def _spike(
    hours: Hours, level: str, group: str, row: int, area: str, at: int, score: float, acted: bool
) -> Iterator[Spike]:
    counts, here = hours.counts[level, group], at - hours.first
    end = here + GAP + WEEKS * WEEK
    usual = _usual(counts, row, here)
    if usual is not None and end <= counts.shape[1]:
        after = int(counts[row, here + GAP : end].sum(dtype=np.int64))
        yield Spike(area=area, group=group, score=score, expected=WEEKS * usual, after=after, acted=acted)


def _usual(counts: Counts, row: int, here: int) -> float | None:
    """Incidents a week before the spike; None with too few weeks."""
    end = here - WEEKS * WEEK
    begin = max(end - USUAL_WEEKS * WEEK, 0)
    if end - begin < LEAST_WEEKS * WEEK:
        return None
    return float(counts[row, begin:end].sum(dtype=np.int64)) * WEEK / (end - begin)
