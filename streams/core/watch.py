"""
Watching one unit (region, level, group): at each tick its areas are scored and its alerts move.

The statistic is behind two seams: :class:`Model` (what is normal, how far from it) and :class:`Budget` (how far is
far enough). Both are pure; :mod:`streams.core.detection` is the one implementation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from schemas.events import DAY, HOUR, AlertKind, AlertReason, Contribution, HourCount, Millis
from streams.core.alert import AlertState, Evidence, Transition, doubted, identity, severity_of
from streams.core.alertrows import alert_of, row_of
from streams.core.detection.episodes import Change, Decision, Episode, Reason, Verdict, advance
from streams.core.detection.unit import Readiness, UnitModel
from streams.core.ledger import KEPT, Ledger, Recount
from streams.core.links import Links
from streams.core.revisions import MASS_CHANGE
from streams.core.situations import Neighbourhood
from streams.core.stage import Row, RowValue

NAMED = 32
"""An alert names at most so many incidents, the newest."""

REMEMBERED: Millis = 28 * DAY
"""So long after its end an alert can still be retracted or reopened."""

_KINDS = {
    Change.OPENED: AlertKind.OPENED,
    Change.UPDATED: AlertKind.UPDATED,
    Change.ESCALATED: AlertKind.ESCALATED,
    Change.ENDED: AlertKind.ENDED,
}
_REASONS = {
    Reason.FIRST: AlertReason.FIRST,
    Reason.ESCALATED: AlertReason.ESCALATED,
    Reason.NEW_AREA: AlertReason.NEW_AREA,
    Reason.FELL_BELOW: AlertReason.FELL_BELOW,
    Reason.LEVEL_SHIFT: AlertReason.LEVEL_SHIFT,
    Reason.NOT_READY: AlertReason.GREY,
}


class Budget(Protocol):
    """How high a score must be for an alert, so that the team gets as many as it can work."""

    @property
    def version(self) -> str:
        """Of what the thresholds rest on."""
        ...

    def threshold(self, level: str, group: str) -> float:
        """Score from which an alert opens."""
        ...

    def chance_days(self, level: str, group: str, score: float) -> float | None:
        """A score this high turns up by chance about once in so many days in the whole region; None if not known."""
        ...


class UnitWatch:
    """The model of one unit, what its hours hold, and its alerts."""

    def __init__(
        self, model: UnitModel, budget: Budget, links: Links | None = None, *, ledger: Ledger | None = None
    ) -> None:
        unit = model.unit
        self.model = model
        self.unit = unit
        self.budget = budget
        self._prefix = f"{unit.region}|{unit.level}|{unit.group}"
        self._index = {area: index for index, area in enumerate(unit.areas)}
        self._near = Neighbourhood(unit.areas, unit.neighbours)
        self.ledger = ledger or Ledger(f"cell|{self._prefix}", links=links)
        self.alerts: dict[str, AlertState] = {}
        self.scores: dict[str, float] = {}
        """Scores at the last evaluation, of the areas evaluated."""
        self.blind = ""
        """Why these counts can't say "normal": a source is silent, or its past is being rewritten; "" if they can."""
        self._dirty: set[str] = set()

    @property
    def threshold(self) -> float:
        """Score from which an alert opens."""
        return self.budget.threshold(self.unit.level, self.unit.group)

    def take(self, count: HourCount, now: Millis) -> tuple[Contribution, ...]:
        """Set one hour of one area (none that the region pack does not know); answer the incidents new in it."""
        index = self._index.get(count.area)
        if index is None:
            return ()
        new = self.ledger.take(count, now)
        self.model.record(index, count.hour, self.ledger.counted(count, now))
        for area, hour, incidents in self.ledger.recounted():
            self.model.record(self._index[area], hour, incidents)
        return new

    def evaluate(self, now: Millis, *, everything: bool) -> list[Transition]:
        """Score what changed (or *everything*) at *now* and move the alerts; answer their transitions."""
        self.model.advance(now)
        if self.blind == MASS_CHANGE:
            return []
        watched = None if everything else self._watched()
        if watched is not None and not watched:
            return []
        self.scores = self.score(now, watched)
        moved = [*self._corrected(now), *self._moved(now)]
        self.ledger.settle()
        return moved

    def relink(self, incidents: Collection[str], now: Millis) -> tuple[frozenset[str], list[Transition]]:
        """Count *incidents* anew, whose links changed; answer the areas that hold them, and what alerts made of it."""
        for area, hour, count in self.ledger.relink(incidents):
            self.model.record(self._index[area], hour, count)
        areas = frozenset(self.ledger.changed)
        moved = list(self._corrected(now))
        self.ledger.settle()
        return areas, moved

    def _watched(self) -> list[str]:
        open_areas = {area for alert in self.alerts.values() if alert.ended_at is None for area in alert.areas}
        return sorted(self._near.around(self.ledger.changed) | open_areas)

    def score(self, now: Millis, areas: Sequence[str] | None) -> dict[str, float]:
        """Scores of *areas* (None: of all) at *now*; changes nothing."""
        chosen = self.unit.areas if areas is None else areas
        indexes = None if areas is None else [self._index[area] for area in areas]
        return dict(zip(chosen, self.model.score(now, indexes).score.tolist(), strict=True))

    def _moved(self, now: Millis) -> Iterator[Transition]:
        threshold = self.threshold
        hot = {area: s for area, s in self.scores.items() if s >= threshold and self._ready(area)}
        for alert in self._standing():
            mine = {area: hot.pop(area) for area in sorted(self._near.around(alert.areas) & hot.keys())}
            yield from self._step(alert, mine, now)
        for group in self._near.groups(hot) if hot else ():
            yield self._opened(group, hot[group[0]], now)

    def _ready(self, area: str) -> bool:
        return self.model.ready(self._index[area]) is Readiness.READY

    def _standing(self) -> list[AlertState]:
        standing = [alert for alert in self.alerts.values() if alert.ended_at is None and not alert.sentinel]
        return sorted(standing, key=lambda alert: (alert.episode.opened_ms, alert.alert_id))

    def _opened(self, areas: Sequence[str], score: float, now: Millis) -> Transition:
        alert = self.begun(areas, score, now)
        return self._keep(alert, AlertKind.OPENED, AlertReason.FIRST, _beginning(alert), now)

    def begun(self, areas: Sequence[str], score: float, now: Millis) -> AlertState:
        """What an alert over *areas*, the highest first, begins as; changes nothing."""
        verdict = Verdict(score=score, areas=frozenset(areas))
        episode, _ = advance(None, verdict, now, self.threshold)
        assert episode is not None, "a score at the threshold opens an episode"  # noqa: S101 - law of advance()
        evidence = self.evidence(areas[0], areas, score, now)
        return AlertState(
            alert_id=identity(self._prefix, areas[0], now),
            region=self.unit.region,
            level=self.unit.level,
            group=self.unit.group,
            area=areas[0],
            episode=episode,
            severity=severity_of(score, self.threshold),
            evidence=evidence,
            basis=evidence,
            peak_score=score,
        )

    def _step(self, alert: AlertState, hot: Mapping[str, float], now: Millis) -> Iterator[Transition]:
        own = {area: self.scores[area] for area in alert.areas if area in self.scores} | dict(hot)
        if not own:
            return
        top = max(own, key=lambda area: (own[area], area))
        if self.blind and own[top] < self.threshold:
            # what falls is the feed, perhaps not the violence
            return
        verdict = Verdict(score=own[top], areas=frozenset(hot), ready=self._ready(top))
        episode, decision = advance(alert.episode, verdict, now, self.threshold)
        if episode is None or decision.change is Change.ENDED:
            yield from self._ended(alert, episode, decision, now)
            return
        yield from self._went_on(replace(alert, episode=episode), decision, top, own[top], now)

    def _ended(
        self, alert: AlertState, episode: Episode | None, decision: Decision, now: Millis
    ) -> Iterator[Transition]:
        after = replace(alert, episode=episode or alert.episode, ended_at=now if episode is None else None)
        if decision.change is Change.ENDED and not alert.people.outcome:
            yield self._keep(after, AlertKind.ENDED, _REASONS[decision.reason], "ended", now)
        else:
            self._put(after)

    def _went_on(
        self, alert: AlertState, decision: Decision, top: str, score: float, now: Millis
    ) -> Iterator[Transition]:
        severity = severity_of(score, self.threshold, alert.severity)
        after = replace(alert, peak_score=max(score, alert.peak_score))
        quiet = alert.people.outcome or alert.episode.closed_ms is not None
        kind, reason = _KINDS.get(decision.change), _REASONS.get(decision.reason)
        if kind is None and severity != alert.severity:
            fell = severity_order(severity) < severity_order(alert.severity)
            kind = AlertKind.DEESCALATED if fell else AlertKind.ESCALATED
            reason = AlertReason.DE_ESCALATED if fell else AlertReason.ESCALATED
        if kind is None or reason is None or quiet:
            self._put(after)
            return
        evidence = self.evidence(top, after.areas, score, now)
        basis = max(alert.basis, evidence, key=lambda each: each.score)
        changed = _difference(alert, evidence, decision.joined)
        people = alert.people
        if severity_order(severity) > severity_order(people.acknowledged_severity or severity):
            people = replace(people, acknowledged_by="", acknowledged_severity="")
        after = replace(after, severity=severity, evidence=evidence, basis=basis, people=people)
        yield self._keep(after, kind, reason, changed, now)

    def _corrected(self, now: Millis) -> Iterator[Transition]:
        """Alerts that a correction weakened, or took the ground from: scored again as of their highest tick."""
        if not self.ledger.lowered:
            return
        for alert in sorted(self.alerts.values(), key=lambda alert: alert.alert_id):
            lost = self.ledger.lowered.intersection(alert.basis.over)
            if lost and not alert.retracted and not alert.sentinel:
                yield from self._weighed_again(alert, now)

    def _weighed_again(self, alert: AlertState, now: Millis) -> Iterator[Transition]:
        basis = alert.basis
        if basis.at - basis.window * HOUR < now - KEPT:
            return
        there = {each.incident_id for each in self.ledger.contributions(basis.over, basis.at, basis.window)}
        gone = [incident for incident in basis.named if incident not in there]
        if not gone:
            return
        score = max(self.score(basis.at, alert.areas).values())
        evidence = self.evidence(alert.area, alert.areas, score, basis.at)
        changed = (
            f"{len(gone)} incident{'s' if len(gone) > 1 else ''} withdrawn, moved or linked: {', '.join(gone[:4])}"
        )
        after = replace(alert, evidence=evidence, basis=evidence)
        if score < self.threshold:
            after = replace(after, retracted=True, ended_at=alert.ended_at or now)
            yield self._keep(after, AlertKind.RETRACTED, AlertReason.CORRECTED, changed, now)
        elif alert.is_open:
            severity = min(severity_of(score, self.threshold), alert.severity, key=severity_order)
            kind = AlertKind.UPDATED if severity == alert.severity else AlertKind.DEESCALATED
            yield self._keep(replace(after, severity=severity), kind, AlertReason.CORRECTED, changed, now)

    def evidence(self, top: str, areas: Sequence[str], score: float, now: Millis) -> Evidence:
        """
        What the score of *top* at *now* rests on.

        Counted are all *areas* of the situation and the neighbours that the strongest hypothesis takes in with *top*:
        a spike that is spread over several areas shows in none of them alone.
        """
        why = self.model.explain(self._index[top], now)
        spread = sorted({*areas, *(self.unit.areas[member] for member in why.members)})
        named = self.ledger.contributions(spread, now, why.window_h)
        newest = self.ledger.without(named[0].incident_id) if named else self._unnamed(spread, now, why.window_h)
        over = {top, *areas}
        others = [self.model.expected(self._index[area], now, why.window_h) for area in spread if area != top]
        evidence = Evidence(
            at=now,
            over=tuple(spread),
            window=why.window_h,
            observed=why.observed + sum(each.observed for each in others),
            expected=round(why.expected + sum(each.expected for each in others), 4),
            lower=why.lower + sum(each.lower for each in others),
            upper=why.upper + sum(each.upper for each in others),
            score=round(score, 4),
            chance_days=self.budget.chance_days(self.unit.level, self.unit.group, score),
            completeness=round(self.completeness(now, why.window_h), 4),
            incidents=tuple(each.incident_id for each in named[:NAMED]),
            stands_without_newest=self._stands(over, now, newest),
            newest_at=named[0].received_at if named else None,
        )
        return doubted(evidence, named, lambda each: self._stands(over, now, self.ledger.without(each)))

    def _stands(self, areas: Iterable[str], now: Millis, changes: Iterable[Recount]) -> bool:
        """Whether one of *areas* would reach the threshold at *now* with other counts."""
        supposed = self.model.with_more([(self._index[area], hour, change) for area, hour, change in changes])
        scores = supposed.score(now, sorted(self._index[area] for area in areas)).score
        return bool(scores.max() >= self.threshold)

    def _unnamed(self, areas: Iterable[str], now: Millis, window: int) -> list[Recount]:
        """One fewer in the newest hour that has any: of counts that name no incident, as those of a file."""
        newest = self.model.newest([self._index[area] for area in areas], now, window)
        return [] if newest is None else [Recount(self.unit.areas[newest[0]], newest[1], -1)]

    def surplus(self, areas: Iterable[str], window: int, now: Millis) -> float:
        """Incidents of *areas* above what was expected, over the last *window* hours up to *now*."""
        observed, expected, _, _ = self.model.expected_all(now, window)
        chosen = sorted(self._index[area] for area in areas)
        return float(observed[chosen].sum() - expected[chosen].sum())

    def completeness(self, now: Millis, window: int) -> float:
        """Share of the last *window* hours' incidents that should have been received by *now*."""
        return self.model.completeness(now, window)

    def _keep(self, alert: AlertState, kind: AlertKind, reason: AlertReason, changed: str, now: Millis) -> Transition:
        alert = replace(alert, transitions=alert.transitions + 1)
        self._put(alert)
        return Transition(alert=alert, kind=kind, reason=reason, changed=changed, cause=str(now))

    def _put(self, alert: AlertState) -> None:
        if self.alerts.get(alert.alert_id) != alert:
            self.alerts[alert.alert_id] = alert
            self._dirty.add(alert.alert_id)

    def inhibit(self, transition: Transition, by: str) -> Transition:
        """Mark an alert as told by that of the level above."""
        alert = replace(transition.alert, inhibited_by=by)
        self._put(alert)
        return replace(transition, alert=alert, reason=AlertReason.INHIBITED)

    def release(self, alert: AlertState, now: Millis) -> Transition:
        """Tell now of an alert that was told by another one so far."""
        evidence = self.evidence(alert.area, alert.areas, self.scores[alert.area], now)
        after = replace(alert, inhibited_by="", evidence=evidence)
        return self._keep(
            after, AlertKind.UPDATED, AlertReason.FIRST, f"not told by {alert.inhibited_by} any more", now
        )

    def put(self, alert: AlertState) -> None:
        """Take an alert that a command or the sentinel rule moved."""
        self._put(alert)

    def forget(self, now: Millis) -> None:
        """Drop hours out of reach and alerts long over; once a day."""
        self.ledger.forget(now)
        for alert_id, alert in list(self.alerts.items()):
            if alert.ended_at is not None and alert.ended_at < now - REMEMBERED:
                del self.alerts[alert_id]
                self._dirty.add(alert_id)

    def dirty(self) -> Iterator[Row]:
        """Rows changed since the last call: of the model, the hours and the alerts."""
        for key, value in self.model.dirty():
            yield Row(f"model|{self._prefix}|{key}", value)
        yield from self.ledger.dirty()
        for alert_id in sorted(self._dirty):
            alert = self.alerts.get(alert_id)
            yield Row(f"alert|{self._prefix}|{alert_id}", None if alert is None else row_of(alert))
        self._dirty.clear()

    def restore_alert(self, value: RowValue) -> None:
        """Take one alert over."""
        alert = alert_of(value)
        self.alerts[alert.alert_id] = alert


_ORDER = {"WATCH": 0, "ALERT": 1, "CRITICAL": 2}


def severity_order(severity: str) -> int:
    """Rank of a severity, WATCH lowest."""
    return _ORDER[severity]


def _beginning(alert: AlertState) -> str:
    beside = sorted(set(alert.evidence.over).difference(alert.areas))
    return f"opened; counted with {', '.join(beside)} beside it" if beside else "opened"


def _difference(before: AlertState, now: Evidence, joined: Iterable[str]) -> str:
    was = before.evidence
    parts = [f"{was.observed} in {was.window} h became {now.observed} in {now.window} h"]
    if joined := sorted(joined):
        parts.append(f"{', '.join(joined)} joined")
    return "; ".join(parts)
