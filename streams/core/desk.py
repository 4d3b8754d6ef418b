"""
What people do to alerts, as pure steps: an alert and a command in, the alert after it out, or why not.

A command is idempotent by its id, names the severity that was seen, and comes through the same log as the counts, so
there is one order of things.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from typing import NamedTuple

from schemas.closing import ACTIONS, OUTCOMES
from schemas.events import DAY, AlertKind, AlertReason, Command, CommandKind, Facts, Millis
from schemas.silence import Scope
from streams.core.alert import AlertState, People, Transition

LONGEST_SILENCE: Millis = 31 * DAY
FURTHEST_PLAN: Millis = 60 * DAY
"""A planned event ends so soon: what is told of it once must be kept until then."""


class Refusal(NamedTuple):
    """A command that changes nothing, and why."""

    reason: AlertReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """
    Alerts of *area* and *group* ("" for all) are not told from ``since`` until ``until``; who asked, and why.

    A planned event explains alerts; what is CRITICAL is told all the same.
    """

    silence_id: str
    region: str
    area: str
    group: str
    until: Millis
    author: str
    reason: str
    since: Millis = 0
    planned: bool = False

    def covers(self, alert: AlertState, now: Millis) -> bool:
        """Whether *alert* is silenced at *now*: every one of its areas must be."""
        scope = Scope(region=self.region, area=self.area, group=self.group, planned=self.planned)
        return self.since <= now < self.until and scope.covers(
            region=alert.region, group=alert.group, areas=alert.episode.areas, severity=alert.severity
        )


def hush(command: Command, now: Millis) -> Silence | Refusal:
    """Make a silence or a planned event of a command."""
    planned = command.kind == CommandKind.PLAN
    since = command.since if planned and command.since is not None else now
    if command.until is None or command.until <= max(now, since):
        return Refusal(AlertReason.BAD_COMMAND, "an end is needed that is still to come")
    if not command.text:
        return Refusal(AlertReason.BAD_COMMAND, "a reason is needed")
    if not planned and command.until > now + LONGEST_SILENCE:
        return Refusal(AlertReason.BAD_COMMAND, "a silence ends within 31 days")
    if planned and command.until > now + FURTHEST_PLAN:
        return Refusal(AlertReason.BAD_COMMAND, "a planned event ends within 60 days")
    return Silence(
        silence_id=command.command_id,
        region=command.region,
        area=command.area,
        group=command.group,
        until=command.until,
        author=command.actor,
        reason=command.text,
        since=since,
        planned=planned,
    )


def told_of(alert: AlertState) -> Facts:
    """What people can change about an alert, for the audit."""
    people = alert.people
    return {
        "status": alert.status,
        "severity": str(alert.severity),
        "acknowledged_by": people.acknowledged_by,
        "assignee": people.assignee,
        "snoozed_until": people.snoozed_until,
        "outcome": people.outcome,
        "action": people.action,
    }


def told_of_silence(silence: Silence | None) -> Facts:
    """A silence for the audit; nothing for none."""
    return {} if silence is None else dict(zip(Silence.__slots__, astuple(silence), strict=True))


def act(alert: AlertState | None, command: Command, now: Millis) -> Transition | Refusal | None:
    """Apply *command* to *alert*; None for a command that was applied before."""
    if alert is None or command.region != alert.region:
        return Refusal(AlertReason.UNKNOWN_ALERT, f"no alert {command.alert_id or '(none named)'} in {command.region}")
    if command.command_id in alert.people.commands:
        return None
    step = _STEPS.get(command.kind)
    if step is None:
        return Refusal(AlertReason.BAD_COMMAND, f"{command.kind} is not something one does to an alert")
    answer = step(alert, command, now)
    if isinstance(answer, Refusal):
        return answer
    kind, after, changed = answer
    people = replace(after.people, commands=(*after.people.commands, command.command_id))
    after = replace(after, people=people, transitions=alert.transitions + 1)
    return Transition(
        alert=after, kind=kind, reason=AlertReason.COMMAND, changed=changed, cause=command.command_id, command=command
    )


_Step = tuple[AlertKind, AlertState, str] | Refusal


def _acknowledge(alert: AlertState, command: Command, _now: Millis) -> _Step:
    if not alert.is_open:
        return Refusal(AlertReason.ALREADY_CLOSED, f"the alert is {alert.status}")
    if command.severity_seen and command.severity_seen != alert.severity:
        return Refusal(AlertReason.BAD_COMMAND, f"it is {alert.severity} now, {command.severity_seen} was seen")
    return (
        AlertKind.ACKNOWLEDGED,
        _with(alert, acknowledged_by=command.actor, acknowledged_severity=alert.severity),
        f"acknowledged by {command.actor}",
    )


def _assign(alert: AlertState, command: Command, _now: Millis) -> _Step:
    if not command.assignee:
        return Refusal(AlertReason.BAD_COMMAND, "an assignee is needed")
    return AlertKind.ASSIGNED, _with(alert, assignee=command.assignee), f"assigned to {command.assignee}"


def _note(alert: AlertState, command: Command, _now: Millis) -> _Step:
    if not command.text:
        return Refusal(AlertReason.BAD_COMMAND, "a note needs a text")
    return AlertKind.NOTED, alert, f"note by {command.actor}"


def _snooze(alert: AlertState, command: Command, now: Millis) -> _Step:
    if command.until is None or command.until <= now:
        return Refusal(AlertReason.BAD_COMMAND, "a snooze needs an end that is still to come")
    return AlertKind.SNOOZED, _with(alert, snoozed_until=command.until), f"snoozed by {command.actor}"


def _close(alert: AlertState, command: Command, now: Millis) -> _Step:
    if alert.people.outcome:
        return Refusal(AlertReason.ALREADY_CLOSED, f"closed before as {alert.people.outcome}")
    if command.outcome not in OUTCOMES:
        return Refusal(AlertReason.BAD_COMMAND, f"outcome must be one of {', '.join(sorted(OUTCOMES))}")
    if command.action not in ACTIONS:
        return Refusal(AlertReason.BAD_COMMAND, f"action must be one of {', '.join(sorted(ACTIONS))}")
    closed = _with(alert, outcome=command.outcome, action=command.action)
    if alert.ended_at is None and alert.episode.closed_ms is None:
        # watched on, so that the same situation cannot open again before it fell
        closed = replace(closed, episode=replace(alert.episode, closed_ms=now))
    return AlertKind.CLOSED, closed, f"closed as {command.outcome}, action {command.action}"


def _reopen(alert: AlertState, _command: Command, _now: Millis) -> _Step:
    if not alert.people.outcome:
        return Refusal(AlertReason.BAD_COMMAND, f"the alert is {alert.status}, not closed")
    opened = _with(alert, outcome="", action="", acknowledged_by="", acknowledged_severity="")
    if alert.ended_at is None:
        opened = replace(opened, episode=replace(alert.episode, closed_ms=None))
    return AlertKind.REOPENED, opened, "reopened"


_STEPS: dict[str, Callable[[AlertState, Command, Millis], _Step]] = {
    CommandKind.ACKNOWLEDGE: _acknowledge,
    CommandKind.ASSIGN: _assign,
    CommandKind.NOTE: _note,
    CommandKind.SNOOZE: _snooze,
    CommandKind.CLOSE: _close,
    CommandKind.REOPEN: _reopen,
}


def _with(alert: AlertState, **changes: str | Millis | None) -> AlertState:
    people: People = replace(alert.people, **changes)  # type: ignore[arg-type]  # fields of People by name
    return replace(alert, people=people)
