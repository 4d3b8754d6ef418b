"""
Single events that are told at once: a homicide, a shooting. No statistic; each incident is told exactly once.

Where such events are frequent (more than twenty in four weeks in the region) a single one is no signal; then the
counted groups speak instead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from schemas.events import DAY, HOUR, AlertKind, AlertReason, HourCount, Millis, Severity
from streams.core.alert import AlertState, Evidence, Transition, doubted, identity
from streams.core.alertrows import alert_of, row_of
from streams.core.detection.episodes import Episode
from streams.core.ledger import Ledger
from streams.core.links import Links
from streams.core.revisions import OLD
from streams.core.stage import Row, RowValue

FREQUENT = 20
"""So many in four weeks are too many for each to be told."""

RECENT: Millis = 28 * DAY
STAYS: Millis = DAY
WINDOW = 24


class SentinelWatch:
    """One sentinel group at the partition level of a region."""

    def __init__(self, region: str, level: str, group: str, links: Links | None = None) -> None:
        self.region = region
        self.level = level
        self.group = group
        self._prefix = f"{region}|{level}|{group}"
        self.ledger = Ledger(f"cell|{self._prefix}", RECENT, links)
        self.alerts: dict[str, AlertState] = {}
        self._dirty: set[str] = set()
        self._revised: dict[str, Millis] = {}
        """When an incident was first received that was named otherwise before: a revision is not news."""
        self._old: dict[str, Millis] = {}
        """When it happened, of an incident that came in a week late: no news if a mass change brought it."""

    def take(self, count: HourCount, now: Millis) -> None:
        """Set one hour of one area."""
        for each in self.ledger.at(count.area, count.hour):
            if each not in count.contributions:
                self._revised[each.incident_id] = each.received_at
        new = self.ledger.take(count, now)
        if count.hour < now - OLD:
            self._old.update((each.incident_id, count.hour) for each in new)

    def relink(self, incidents: Collection[str], now: Millis) -> tuple[frozenset[str], list[Transition]]:
        """Name *incidents* anew, whose links changed; answer the areas that hold them, and what alerts made of it."""
        self.ledger.relink(incidents)
        areas = frozenset(self.ledger.changed)
        moved = list(self._withdrawn(now))
        self.ledger.settle()
        return areas, moved

    def evaluate(self, now: Millis, *, mass: bool = False) -> list[Transition]:
        """Tell what is new, take back what was withdrawn, end what is a day old; *mass*: amid a mass change."""
        told = self._known() if self.ledger.lowered else set()
        self.ledger.received({**self._old, **self._revised} if mass else self._revised)
        self._revised.clear()
        self._old.clear()
        moved = [*self._withdrawn(now), *self._ended(now), *self._new(now, told)]
        self.ledger.settle()
        return moved

    def _known(self) -> set[str]:
        return {incident for alert in self.alerts.values() for incident in alert.basis.incidents}

    def _new(self, now: Millis, told: set[str]) -> Iterator[Transition]:
        """Tell what was received within a day, and anew what was *told* of another place."""
        if not self.ledger.changed or self.ledger.total() > FREQUENT:
            return
        known = self._known()
        lost = told - known
        for area in sorted(self.ledger.changed):
            named = self.ledger.contributions([area], now, RECENT // HOUR)
            new = (each for each in named if each.received_at > now - STAYS or each.incident_id in lost)
            fresh = tuple(each.incident_id for each in new if each.incident_id not in known)
            if fresh:
                yield self._told(area, fresh, max(each.received_at for each in named), now)

    def _told(self, area: str, fresh: tuple[str, ...], newest_at: Millis, now: Millis) -> Transition:
        standing = next((a for a in self.alerts.values() if a.area == area and a.is_open), None)
        if standing is None:
            evidence = self._evidence(area, fresh, newest_at, now)
            episode = Episode(opened_ms=now, areas=frozenset({area}), notified=0.0, above_ms=now)
            alert = AlertState(
                alert_id=identity(self._prefix, area, now),
                region=self.region,
                level=self.level,
                group=self.group,
                area=area,
                episode=episode,
                severity=Severity.CRITICAL,
                evidence=evidence,
                basis=evidence,
                peak_score=0.0,
                sentinel=True,
            )
            return self._keep(alert, AlertKind.OPENED, AlertReason.SENTINEL, "a single event", now)
        evidence = self._evidence(area, (*fresh, *standing.basis.incidents), newest_at, now)
        episode = replace(standing.episode, above_ms=now)
        alert = replace(standing, evidence=evidence, basis=evidence, episode=episode)
        return self._keep(alert, AlertKind.UPDATED, AlertReason.MORE_INCIDENTS, f"{len(fresh)} more", now)

    def _withdrawn(self, now: Millis) -> Iterator[Transition]:
        if not self.ledger.lowered:
            return
        for alert in sorted(self.alerts.values(), key=lambda each: each.alert_id):
            if alert.area not in self.ledger.lowered or alert.retracted:
                continue
            there = {each.incident_id for each in self.ledger.contributions([alert.area], now, RECENT // HOUR)}
            left = tuple(each for each in alert.basis.incidents if each in there)
            if len(left) < len(alert.basis.incidents):
                yield self._weakened(alert, left, now)

    def _weakened(self, alert: AlertState, left: tuple[str, ...], now: Millis) -> Transition:
        gone = len(alert.basis.incidents) - len(left)
        evidence = self._evidence(alert.area, left, alert.evidence.newest_at, now)
        after = replace(alert, evidence=evidence, basis=evidence)
        changed = f"{gone} incident{'s' if gone > 1 else ''} withdrawn, moved or reclassified"
        if left:
            return self._keep(after, AlertKind.UPDATED, AlertReason.CORRECTED, changed, now)
        after = replace(after, retracted=True, ended_at=alert.ended_at or now)
        return self._keep(after, AlertKind.RETRACTED, AlertReason.CORRECTED, changed, now)

    def _ended(self, now: Millis) -> Iterator[Transition]:
        for alert in sorted(self.alerts.values(), key=lambda each: each.alert_id):
            if alert.is_open and now - alert.episode.above_ms >= STAYS:
                after = replace(alert, ended_at=now)
                yield self._keep(after, AlertKind.ENDED, AlertReason.FELL_BELOW, "no further event for a day", now)

    def _evidence(self, area: str, incidents: tuple[str, ...], newest_at: Millis | None, now: Millis) -> Evidence:
        """Each is told by itself: without one, the alert stands as long as there is another."""
        named = self.ledger.contributions([area], now, RECENT // HOUR)
        evidence = Evidence(
            at=now,
            over=(area,),
            window=WINDOW,
            observed=len(incidents),
            expected=0.0,
            lower=0,
            upper=0,
            score=0.0,
            chance_days=None,
            completeness=1.0,
            incidents=incidents,
            stands_without_newest=len(incidents) > 1,
            newest_at=newest_at,
        )
        told = [each for each in named if each.incident_id in incidents]
        return doubted(evidence, told, lambda _: len(incidents) > 1)

    def _keep(self, alert: AlertState, kind: AlertKind, reason: AlertReason, changed: str, now: Millis) -> Transition:
        alert = replace(alert, transitions=alert.transitions + 1)
        self.put(alert)
        return Transition(alert=alert, kind=kind, reason=reason, changed=changed, cause=str(now))

    def put(self, alert: AlertState) -> None:
        """Take an alert that moved."""
        self.alerts[alert.alert_id] = alert
        self._dirty.add(alert.alert_id)

    def forget(self, now: Millis) -> None:
        """Drop hours out of reach and alerts long over; once a day."""
        self.ledger.forget(now)
        for alert_id, alert in list(self.alerts.items()):
            if alert.over_since is not None and alert.over_since < now - RECENT:
                del self.alerts[alert_id]
                self._dirty.add(alert_id)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call."""
        yield from self.ledger.dirty()
        for alert_id in sorted(self._dirty):
            alert = self.alerts.get(alert_id)
            yield Row(f"alert|{self._prefix}|{alert_id}", None if alert is None else row_of(alert))
        self._dirty.clear()

    def restore_alert(self, value: RowValue) -> None:
        """Take one alert over."""
        alert = alert_of(value)
        self.alerts[alert.alert_id] = alert
