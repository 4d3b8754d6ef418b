"""The public rolling counts of every area, from the model of its unit; sent when a window's count has changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from schemas.events import AreaCount, AreaState, Millis, Severity
from streams.core.detection.unit import Readiness
from streams.core.watch import UnitWatch

WINDOWS = (1, 6, 24, 168, 672)
"""Hours: 1, 6, 24, and 7 and 28 days."""

EXPECTED_WINDOW = 24
NEAR_THRESHOLD = 1.5
"""So far below the threshold begins WATCH."""

Counts = npt.NDArray[np.int64]


def window_counts(watch: UnitWatch, now: Millis) -> Counts:
    """Counts over each of the windows up to *now*, [areas, windows]."""
    return np.stack([watch.model.observed(now, window) for window in WINDOWS], axis=1).astype(np.int64)


def area_counts(
    watch: UnitWatch, now: Millis, before: Millis | None, told: frozenset[str] | None
) -> Iterator[AreaCount]:
    """
    Counts of the areas whose windows hold another number at *now* than at the evaluation *before*, and of those *told*.

    None for either means all.

    Hours that slide out of a window change it as much as incidents that come in; both are seen by counting twice.
    """
    counts = window_counts(watch, now)
    every = before is None or told is None
    moved = np.ones(len(counts), dtype=bool) if every else (counts != window_counts(watch, before or now)).any(axis=1)
    told = (told or frozenset()).union(watch.ledger.changed)
    chosen = [i for i, area in enumerate(watch.unit.areas) if moved[i] or area in told]
    if not chosen:
        return
    _, expected, lower, upper = watch.model.expected_all(now, EXPECTED_WINDOW)
    readiness = watch.model.readiness()
    completeness = round(watch.completeness(now, EXPECTED_WINDOW), 4)
    alerted = {area: alert.severity for alert in watch.alerts.values() if alert.is_open for area in alert.areas}
    for index in chosen:
        area, ready = watch.unit.areas[index], readiness[index] is Readiness.READY
        state, why = _state(alerted.get(area), watch.scores.get(area), watch.threshold), ""
        if not ready:
            state, why = AreaState.GREY, readiness[index].value
        elif watch.blind and state is AreaState.NORMAL:
            state, why = AreaState.GREY, watch.blind
        yield AreaCount(
            region=watch.unit.region,
            level=watch.unit.level,
            area=area,
            group=watch.unit.group,
            as_of=now,
            incidents_1h=int(counts[index, 0]),
            incidents_6h=int(counts[index, 1]),
            incidents_24h=int(counts[index, 2]),
            incidents_7d=int(counts[index, 3]),
            incidents_28d=int(counts[index, 4]),
            expected=round(float(expected[index]), 4) if ready else None,
            lower=int(lower[index]) if ready else None,
            upper=int(upper[index]) if ready else None,
            state=state,
            grey_reason=why,
            completeness=completeness,
        )


def _state(severity: str | None, score: float | None, threshold: float) -> AreaState:
    if severity in {Severity.ALERT, Severity.CRITICAL}:
        return AreaState.ALERT
    near = score is not None and score >= threshold - NEAR_THRESHOLD
    return AreaState.WATCH if severity is not None or near else AreaState.NORMAL


def heartbeat(region: str, now: Millis) -> AreaCount:
    """A record of no area that says only that the clock of *region* has reached *now*: it proves the line."""
    return AreaCount(
        region=region,
        level="",
        area="",
        group="heartbeat",
        as_of=now,
        incidents_1h=0,
        incidents_6h=0,
        incidents_24h=0,
        incidents_7d=0,
        incidents_28d=0,
        expected=None,
        lower=None,
        upper=None,
        state=AreaState.NORMAL,
        grey_reason="",
        completeness=1.0,
    )
