"""
The state of one alert: a situation with its evidence, and what people made of it.

Whether an alert is open, ended, retracted or closed is derived from its times and outcome, never kept as a flag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from schemas.certainty import least_certain, reason
from schemas.events import (
    Alert,
    AlertEvent,
    AlertKind,
    AlertReason,
    Command,
    Contribution,
    HourCount,
    Millis,
    Severity,
    Tense,
)
from streams.core.controller import Rates
from streams.core.detection.episodes import RISE, STAY, Episode
from streams.core.guard import source_of
from streams.core.revisions import Mass, named

MODEL = "multi-window-scan/1"
"""Name and version of the statistic, on every event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """
    What an alert rests on, at one instant: the fields of :class:`schemas.events.AlertEvent` of the same names.

    ``at`` is the tick it was weighed at, ``over`` the areas that are counted together, ``newest_at`` when the newest
    contributing incident was received, None if none is named.
    """

    at: Millis
    over: tuple[str, ...]
    window: int
    observed: int
    expected: float
    lower: int
    upper: int
    score: float
    chance_days: float | None
    completeness: float
    incidents: tuple[str, ...]
    stands_without_newest: bool
    newest_at: Millis | None
    least_certain: str = ""
    doubt: str = ""
    stands_without_least_certain: bool = True

    @property
    def named(self) -> tuple[str, ...]:
        """The incidents named, and the least certain one if it is older than those."""
        other = self.least_certain and self.least_certain not in self.incidents
        return (*self.incidents, self.least_certain) if other else self.incidents


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The human side of an alert; beside the machine's, so that the order of arrival does not matter."""

    acknowledged_by: str = ""
    acknowledged_severity: str = ""
    assignee: str = ""
    snoozed_until: Millis | None = None
    outcome: str = ""
    action: str = ""
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """
    One situation of one unit (region, level, group).

    ``area`` is where it began. ``evidence`` is what the last notice told, ``basis`` the strongest that was ever told:
    the ground that corrections can take away. ``sentinel`` alerts rest on single events, not on a score.
    ``inhibited_by`` names the alert of the level above that already tells of it.
    """

    alert_id: str
    tense: str = Tense.ACTUAL
    region: str
    level: str
    group: str
    area: str
    episode: Episode
    severity: str
    evidence: Evidence
    basis: Evidence
    peak_score: float
    ended_at: Millis | None = None
    retracted: bool = False
    sentinel: bool = False
    inhibited_by: str = ""
    transitions: int = 0
    people: People = field(default_factory=People)

    @property
    def areas(self) -> tuple[str, ...]:
        """All areas of the situation, sorted."""
        return tuple(sorted(self.episode.areas))

    @property
    def is_open(self) -> bool:
        """Whether the machine still watches it and nobody closed it."""
        return self.over_since is None and not self.people.outcome

    @property
    def over_since(self) -> Millis | None:
        """When it ended; a level shift ends an alert though its episode is watched until it has fallen."""
        return self.episode.closed_ms if self.ended_at is None else self.ended_at

    @property
    def status(self) -> str:
        """OPEN, ACKNOWLEDGED, CLOSED, ENDED or RETRACTED."""
        if self.retracted:
            return "RETRACTED"
        if self.people.outcome:
            return "CLOSED"
        if self.over_since is not None:
            return "ENDED"
        return "ACKNOWLEDGED" if self.people.acknowledged_by else "OPEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """An alert after a step, and what the step was."""

    alert: AlertState
    kind: AlertKind
    reason: AlertReason
    changed: str
    cause: str
    """Tick or command id: with alert and kind it makes the event's identity."""
    command: Command | None = None


def identity(*parts: object) -> str:
    """Short digest of *parts*: the same log gives the same ids.

    >>> identity("london", "borough", 1) == identity("london", "borough", "1")
    True
    """
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:20]


def severity_of(score: float, threshold: float, was: str | None = None) -> Severity:
    """
    WATCH below the threshold, ALERT from it, CRITICAL three above; falls only when 0.7 below the step it stands on.

    >>> severity_of(5.0, 4.0).value, severity_of(7.2, 4.0).value, severity_of(6.8, 4.0, "CRITICAL").value
    ('ALERT', 'CRITICAL', 'CRITICAL')
    """
    critical = threshold + RISE - (STAY if was == Severity.CRITICAL else 0.0)
    if score >= critical:
        return Severity.CRITICAL
    alert = threshold - (STAY if was in {Severity.CRITICAL, Severity.ALERT} else 0.0)
    return Severity.ALERT if score >= alert else Severity.WATCH


def doubted(evidence: Evidence, named: Iterable[Contribution], stands: Callable[[str], bool]) -> Evidence:
    """
    *evidence* that says which of *named* is least certain, why, and whether the alert *stands* without it.

    named: newest first, so that of equally doubtful ones the newest is told.
    """
    weakest = least_certain(named)
    if weakest is None:
        return evidence
    name, why = weakest.incident_id, reason(weakest.quality)
    return replace(evidence, least_certain=name, doubt=why, stands_without_least_certain=stands(name))


def event_of(
    transition: Transition, clock: Millis, calibration: str, silenced_by: str, rates: Rates | None = None
) -> AlertEvent:
    """The event that tells of *transition*; *rates* are those of the budget that it has part in."""
    alert, evidence, command = transition.alert, transition.alert.evidence, transition.command
    nominal, realised = (None, None) if rates is None else (rates.nominal, rates.realised)
    return AlertEvent(
        event_id=identity(alert.alert_id, transition.kind, transition.cause),
        alert_id=alert.alert_id,
        kind=transition.kind,
        tense=alert.tense,
        region=alert.region,
        level=alert.level,
        group=alert.group,
        area=alert.area,
        areas=alert.areas,
        severity=alert.severity,
        opened_at=alert.episode.opened_ms,
        clock=clock,
        window=evidence.window,
        observed=evidence.observed,
        expected=evidence.expected,
        lower=evidence.lower,
        upper=evidence.upper,
        score=evidence.score,
        chance_days=evidence.chance_days,
        completeness=evidence.completeness,
        data_age_s=None if evidence.newest_at is None else (clock - evidence.newest_at) // 1000,
        incidents=evidence.incidents,
        reason=transition.reason,
        changed=transition.changed,
        stands_without_newest=evidence.stands_without_newest,
        inhibited_by=alert.inhibited_by,
        silenced_by=silenced_by,
        actor="" if command is None else command.actor,
        text="" if command is None else command.text,
        outcome=alert.people.outcome,
        action=alert.people.action,
        model="sentinel/1" if alert.sentinel else MODEL,
        calibration=calibration,
        cause=transition.cause,
        until=alert.people.snoozed_until if transition.kind is AlertKind.SNOOZED else None,
        assignee=alert.people.assignee,
        least_certain=evidence.least_certain,
        doubt=evidence.doubt,
        stands_without_least_certain=evidence.stands_without_least_certain,
        nominal_alerts_per_week=None if nominal is None else round(nominal, 4),
        realised_alerts_per_week=None if realised is None else round(realised, 4),
    )


def alarm_of(
    region: str, held: Sequence[HourCount], mass: Mass | None, clock: Millis, *, tense: str, calibration: str
) -> AlertEvent:
    """
    The event that tells of the data of *region*, nothing of violence there: what is *held*, a *mass* change, or both.

    One publication is one alarm. The counts of what is held stay until a person releases or refuses it.
    """
    some = named(each for count in held for each in count.contributions)
    incidents = tuple(each.incident_id for each in some) if mass is None or held else mass.incidents
    subject = f"{'held' if held else 'mass_change'}|{region}|{clock}"
    changed = "; ".join([*([_held(held, incidents)] if held else []), *([] if mass is None else [_massed(mass)])])
    about = Command(subject, "", region, subject, "", clock)
    reason = AlertReason.MASS_CHANGE
    event = answer_to(about, AlertKind.DATA_ALARM, reason, changed, clock, tense=tense, calibration=calibration)
    return replace(event, incidents=incidents, cause=str(clock))


def _held(held: Sequence[HourCount], incidents: Sequence[str]) -> str:
    many, sources = sum(count.incidents for count in held), sorted(set(map(source_of, incidents)))
    return (
        f"{many} revisions of {', '.join(sources)} would take incidents out of the counts and are held: "
        "`firebreak feed release|refuse --source` decides"
    )


def _massed(mass: Mass) -> str:
    return f"{mass.revised} incidents older than a week revised within an hour, {mass.usual} are usual"


def answer_to(
    command: Command,
    kind: AlertKind,
    reason: AlertReason,
    detail: str,
    clock: Millis,
    *,
    tense: str,
    calibration: str,
    subject: str = "",
) -> AlertEvent:
    """The event that tells what became of a *command* that moved no alert; *subject* is the id of what it is about."""
    subject = subject or command.alert_id
    return AlertEvent(
        event_id=identity(subject, kind, command.command_id),
        alert_id=subject,
        kind=kind,
        tense=tense,
        region=command.region,
        level="",
        group=command.group,
        area=command.area,
        areas=(),
        severity=Severity.WATCH,
        opened_at=clock,
        clock=clock,
        window=0,
        observed=0,
        expected=0.0,
        lower=0,
        upper=0,
        score=0.0,
        chance_days=None,
        completeness=1.0,
        data_age_s=None,
        incidents=(),
        reason=reason,
        changed=detail,
        stands_without_newest=False,
        inhibited_by="",
        silenced_by="",
        actor=command.actor,
        text=command.text,
        outcome="",
        action="",
        model="",
        calibration=calibration,
        cause=command.command_id,
        since=command.since,
        until=command.until,
    )


def state_of(alert: AlertState, clock: Millis) -> Alert:
    """The public state of *alert*."""
    evidence, people = alert.evidence, alert.people
    return Alert(
        alert_id=alert.alert_id,
        region=alert.region,
        level=alert.level,
        group=alert.group,
        area=alert.area,
        areas=alert.areas,
        status=alert.status,
        severity=alert.severity,
        opened_at=alert.episode.opened_ms,
        updated_at=clock,
        ended_at=alert.over_since,
        observed=evidence.observed,
        expected=evidence.expected,
        window=evidence.window,
        score=evidence.score,
        peak_score=alert.peak_score,
        transitions=alert.transitions,
        incidents=evidence.incidents,
        acknowledged_by=people.acknowledged_by,
        acknowledged_severity=people.acknowledged_severity,
        assignee=people.assignee,
        snoozed_until=people.snoozed_until,
        outcome=people.outcome,
        action=people.action,
        tense=alert.tense,
    )
