"""What outcomes.md is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from schemas.errors import UsageError
from schemas.events import AlertEvent
from streams.accountability.aftermath import Comparison, compared
from streams.accountability.outcomes import Case, Precision, Times, cases, overdue, precision, times
from streams.accountability.spikes import read_scores, spikes
from streams.backtest.hours import Hours
from streams.core.geography import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Of all alerts of a file; ``today`` is the local day of its newest event."""

    by_rule: Sequence[Precision]
    by_area: Sequence[Precision]
    times: Sequence[Times]
    today: dt.date
    overdue: Sequence[Case]
    comparison: Comparison | None
    scored: bool


def outcomes(events: Sequence[AlertEvent], region: Region, hours: Hours | None, scores: Path | None) -> Outcomes:
    """
    Everything that the events and files say of outcomes.

    Raises
    ------
    UsageError
        Scores are given without hours, or are none.

    """
    if scores is not None and hours is None:
        raise UsageError("--scores needs --hours: what came after a spike is counted in hours")
    known, names = cases(events), {area.code: area.name for area in region.areas}
    newest = max((event.clock for event in events), default=0)
    today = dt.datetime.fromtimestamp(newest / 1000, ZoneInfo(region.zone)).date()
    return Outcomes(
        by_rule=precision(known, lambda case: case.rule),
        by_area=precision(known, lambda case: names.get(case.area, case.area)),
        times=times(known),
        today=today,
        overdue=overdue(known, today),
        comparison=None if hours is None else _comparison(known, region, hours, scores),
        scored=scores is not None,
    )


def _comparison(known: Sequence[Case], region: Region, hours: Hours, scores: Path | None) -> Comparison:
    level = region.partition_level
    groups = sorted({case.group for case in known if case.level == level})
    read = None if scores is None else read_scores(scores, groups)
    return compared(spikes(known, hours, read, level, region.unit_areas(level)))
