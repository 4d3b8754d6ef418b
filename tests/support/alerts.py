"""Public records with all but the point at issue filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from schemas.events import HOUR, AlertEvent, AlertKind, AlertReason, AreaCount, AreaState

ONSET = 1_772_481_600_000
"""2026-03-02T20:00:00Z."""


def opened(**given: Any) -> AlertEvent:
    """A robbery alert in area B, opened three hours after the onset."""
    event = AlertEvent(
        event_id="e",
        alert_id="a",
        kind=AlertKind.OPENED,
        tense="EXERCISE",
        region="london",
        level="borough",
        group="robbery",
        area="B",
        areas=("B",),
        severity="ALERT",
        opened_at=ONSET + 3 * HOUR,
        clock=ONSET + 3 * HOUR,
        window=6,
        observed=12,
        expected=2.0,
        lower=0,
        upper=5,
        score=6.0,
        chance_days=90.0,
        completeness=1.0,
        data_age_s=60,
        incidents=(),
        reason=AlertReason.FIRST,
        changed="opened",
        stands_without_newest=True,
        inhibited_by="",
        silenced_by="",
        actor="",
        text="",
        outcome="",
        action="",
        model="m",
        calibration="c",
    )
    return replace(event, **given)


def area_count(**given: Any) -> AreaCount:
    """A normal count of robberies in area B."""
    count = AreaCount(
        region="london",
        level="borough",
        area="B",
        group="robbery",
        as_of=ONSET,
        incidents_1h=0,
        incidents_6h=2,
        incidents_24h=5,
        incidents_7d=30,
        incidents_28d=120,
        expected=5.0,
        lower=2,
        upper=9,
        state=AreaState.NORMAL,
        grey_reason="",
        completeness=1.0,
    )
    return replace(count, **given)
