"""Alerts as rows of the journal, and rows that an older version wrote."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import cast

from streams.core.alert import AlertState, Evidence, People
from streams.core.detection.episodes import Episode
from streams.core.stage import Row, RowValue


def row_of(alert: AlertState) -> RowValue:
    """Plain values for the journal, in the order of the fields."""
    episode, p = alert.episode, alert.people
    return (
        (alert.alert_id, alert.tense, alert.region, alert.level, alert.group, alert.area, str(alert.severity)),
        (episode.opened_ms, alert.areas, episode.notified, episode.above_ms, episode.closed_ms),
        astuple(alert.evidence),
        astuple(alert.basis),
        (alert.peak_score, alert.ended_at, alert.retracted, alert.sentinel, alert.inhibited_by),
        (alert.transitions,),
        (p.acknowledged_by, p.acknowledged_severity, p.assignee, p.snoozed_until, p.outcome, p.action, p.commands),
    )


def alert_of(row: RowValue) -> AlertState:
    """What :func:`row_of` wrote, read again."""
    ident, ep, evidence, basis, life, (transitions,), pe = cast("tuple[tuple[object, ...], ...]", row)
    alert_id, tense, region, level, group, area, severity = cast("tuple[str, ...]", ident)
    opened, areas, notified, above, closed = cast("tuple[int, list[str], float, int, int | None]", ep)
    peak, ended, retracted, sentinel, inhibited = cast("tuple[float, int | None, bool, bool, str]", life)
    by, seen, assignee, snoozed, outcome, action, commands = cast(
        "tuple[str, str, str, int | None, str, str, list[str]]", pe
    )
    return AlertState(
        alert_id=alert_id,
        tense=tense,
        region=region,
        level=level,
        group=group,
        area=area,
        severity=severity,
        episode=Episode(opened_ms=opened, areas=frozenset(areas), notified=notified, above_ms=above, closed_ms=closed),
        evidence=_evidence_of(evidence),
        basis=_evidence_of(basis),
        peak_score=peak,
        ended_at=ended,
        retracted=retracted,
        sentinel=sentinel,
        inhibited_by=inhibited,
        transitions=cast("int", transitions),
        people=People(
            acknowledged_by=by,
            acknowledged_severity=seen,
            assignee=assignee,
            snoozed_until=snoozed,
            outcome=outcome,
            action=action,
            commands=tuple(commands),
        ),
    )


def _evidence_of(row: tuple[object, ...]) -> Evidence:
    named = dict(zip((field.name for field in fields(Evidence)), row, strict=True))
    for name in ("over", "incidents"):
        named[name] = tuple(cast("list[str]", named[name]))
    return Evidence(**named)  # type: ignore[arg-type]  # what astuple() wrote, in the same order


_CERTAIN: RowValue = ("", "", True)


def renewed(row: Row) -> Row:
    """A row of the third stage as it was before alerts told their least certain incident: it names none."""
    if row.value is None or not row.key.startswith("alert|"):
        return row
    ident, episode, evidence, basis, *others = cast("tuple[tuple[RowValue, ...], ...]", row.value)
    return Row(row.key, (ident, episode, (*evidence, *_CERTAIN), (*basis, *_CERTAIN), *others))
