"""What a silence or a planned event covers: one rule for the detector, the preview and the screens."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from schemas.events import AlertEvent, AlertKind, Severity

MACHINE = frozenset(
    {
        *(AlertKind.OPENED, AlertKind.UPDATED, AlertKind.ESCALATED),
        *(AlertKind.DEESCALATED, AlertKind.ENDED, AlertKind.RETRACTED),
    }
)
"""Transitions that are told of their own accord, not because somebody did something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Alerts of *area* and *group* ("" for all) of a region; of a planned event, those that are not CRITICAL."""

    region: str
    area: str = ""
    group: str = ""
    planned: bool = False

    def covers(self, *, region: str, group: str, areas: Collection[str], severity: str) -> bool:
        """Whether such an alert is covered: every one of its areas must be.

        >>> Scope(region="R", area="A").covers(region="R", group="g", areas=("A", "B"), severity="ALERT")
        False
        """
        if region != self.region or self.group not in {"", group}:
            return False
        if self.planned and severity == Severity.CRITICAL:
            return False
        return not self.area or set(areas) == {self.area}

    def hides(self, event: AlertEvent) -> bool:
        """Whether *event* would not have been told."""
        told = event.kind in MACHINE and not event.silenced_by
        return told and self.covers(region=event.region, group=event.group, areas=event.areas, severity=event.severity)


def preview(scope: Scope, events: Iterable[AlertEvent]) -> tuple[AlertEvent, ...]:
    """Those of past *events* that *scope* would have hidden, in their order."""
    return tuple(event for event in events if scope.hides(event))
