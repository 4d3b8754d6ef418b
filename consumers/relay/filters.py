"""What a subscriber asked for, and whether a record is it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.events import Alert, AlertEvent, AlertKind, AreaCount, Change, Handling, Incident, Severity, Tense

GRAVITY: Mapping[str, int] = MappingProxyType({each.value: place for place, each in enumerate(Severity)})
RAISING = frozenset({AlertKind.OPENED, AlertKind.UPDATED, AlertKind.ESCALATED, AlertKind.REOPENED})
"""Transitions that a severity may keep back; an end or a retraction is told to everyone who may have been told more."""
HEARTBEAT = "heartbeat"
Public = Incident | AreaCount | AlertEvent | Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """
    What one subscriber gets of its topics.

    Empty ``areas`` (codes of either level), ``groups`` or ``handling`` mean all; ``severity`` is the least of alerts.
    ``tenses`` is ACTUAL unless somebody tests. Heartbeats always pass: they prove that the line is alive.
    """

    name: str
    topics: tuple[str, ...]
    areas: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    severity: str = Severity.WATCH
    handling: frozenset[str] = frozenset()
    tenses: frozenset[str] = frozenset({Tense.ACTUAL})

    def passes(self, record: Public) -> bool:
        """Whether the subscriber gets *record*."""
        match record:
            case Incident():
                return record.change == Change.HEARTBEAT or self._incident(record)
            case AreaCount():
                return record.group == HEARTBEAT or (
                    self._here(record.area) and self._group(record.group) and self._marked(record.handling)
                )
            case AlertEvent() | Alert():
                return self._alert(record) and self._grave(record)

    def _incident(self, record: Incident) -> bool:
        was = record.was
        places = {record.area, record.ward, *((was.area, was.ward) if was else ())}
        groups = {*record.groups, *(was.groups if was else ())}
        return self._here(*places) and self._group(*groups) and record.tense in self.tenses

    def _alert(self, record: AlertEvent | Alert) -> bool:
        return (
            self._here(record.area, *record.areas)
            and self._group(record.group)
            and self._marked(record.handling)
            and record.tense in self.tenses
        )

    def _grave(self, record: AlertEvent | Alert) -> bool:
        ends = isinstance(record, AlertEvent) and record.kind not in RAISING
        return ends or GRAVITY[record.severity] >= GRAVITY[self.severity]

    def _here(self, *areas: str) -> bool:
        return not self.areas or not self.areas.isdisjoint(areas)

    def _group(self, *groups: str) -> bool:
        return not self.groups or not self.groups.isdisjoint(groups)

    def _marked(self, handling: str) -> bool:
        return not self.handling or handling in self.handling


MARKINGS = frozenset(each.value for each in Handling)
