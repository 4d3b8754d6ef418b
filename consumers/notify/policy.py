"""
Who is told what: pure functions from what is known, an event and the time to decisions, each with its reason.

What is known of an alert is its :class:`Case`; what waits for one recipient is his :class:`Box`. Updates, ends and
retractions go to exactly those who were told of the alert, and to nobody who was not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import replace

from consumers.notify.cases import (
    Box,
    Case,
    Decision,
    Due,
    Held,
    Hold,
    Leave,
    Outcome,
    Rules,
    Send,
    State,
    Told,
    What,
    Why,
)
from consumers.notify.routes import MINUTE, Recipient, Route, rank
from schemas.events import AlertEvent, AlertKind, Millis, Tense

CATCH_UP: Millis = MINUTE
"""So long after the first message that came too late the digest of them goes out."""


_FINAL = {
    AlertKind.ENDED: (What.END, Why.ENDED),
    AlertKind.RETRACTED: (What.RETRACTION, Why.RETRACTED),
    AlertKind.CLOSED: (What.END, Why.CLOSED),
}
_GROWING = {AlertKind.OPENED: Why.FIRST, AlertKind.ESCALATED: Why.ESCALATED, AlertKind.UPDATED: Why.UPDATED}
_TELLING = frozenset({*_FINAL, *_GROWING, AlertKind.DEESCALATED, AlertKind.REOPENED})
_UNKNOWN_TO_ALERTS = frozenset(
    {
        *(AlertKind.REFUSED, AlertKind.SILENCED, AlertKind.UNSILENCED, AlertKind.PLANNED),
        *(AlertKind.FEED_SILENT, AlertKind.FEED_BACK, AlertKind.DATA_ALARM),
    }
)


def on_event(
    rules: Rules,
    case: Case | None,
    boxes: Mapping[str, Box],
    event: AlertEvent,
    now: Millis,
    waiting: Mapping[str, What],
) -> Outcome:
    """
    What to do about *event* at *now*.

    Parameters
    ----------
    rules
        The routes.
    case
        What is known of the alert, None if nothing.
    boxes
        Of recipients, by key.
    event, now
        What happened, and when this is decided.
    waiting
        By key of the recipient: what message about this alert is on its way to him and certainly was not delivered yet.

    """
    if event.kind in _UNKNOWN_TO_ALERTS:
        return Outcome(case=case, boxes={}, decisions=())
    if event.tense not in {Tense.ACTUAL, Tense.EXERCISE}:
        return Outcome(case=None, boxes={}, decisions=(Leave(recipient="", why=Why.NOT_ACTUAL, event=event),))
    known = case or Case(event=event)
    after = _moved(known, event, now)
    if event.kind == AlertKind.ASSIGNED:
        return _assigned(rules, after, boxes, event, now)
    if event.kind not in _TELLING:
        return Outcome(case=after, boxes={}, decisions=())
    step = _Step(rules, after, State(boxes), event, now, waiting)
    return step.outcome()


def _moved(case: Case, event: AlertEvent, now: Millis) -> Case:
    case = replace(case, touched=now)
    if event.kind in _FINAL:
        last = _with_people(case.event, event) if event.kind == AlertKind.CLOSED else event
        return replace(case, over=True, waits_since=None, escalations=(), event=last)
    if event.kind in _GROWING or event.kind == AlertKind.DEESCALATED:
        worse = rank(event.severity) > rank(case.event.severity)
        return replace(_asked_again(case) if worse and case.acknowledged else case, event=event)
    match event.kind:
        case AlertKind.ACKNOWLEDGED:
            return replace(case, acknowledged=True, waits_since=None, escalations=())
        case AlertKind.SNOOZED:
            return replace(case, snoozed_until=event.until)
        case AlertKind.REOPENED:
            return replace(_asked_again(case), over=False, event=_with_people(case.event, event))
    return case


def _asked_again(case: Case) -> Case:
    return replace(case, acknowledged=False, scheduled=())


def _with_people(event: AlertEvent, by: AlertEvent) -> AlertEvent:
    return replace(event, outcome=by.outcome, action=by.action, actor=by.actor, text=by.text)


class _Step:
    """Decisions about one transition that is told."""

    def __init__(
        self, rules: Rules, case: Case, state: State, event: AlertEvent, now: Millis, waiting: Mapping[str, What]
    ) -> None:
        self.rules, self.case, self.state = rules, case, state
        self.event, self.now, self.waiting = event, now, waiting
        self.told: dict[str, Told] = dict(case.told)
        self.number = case.number + 1

    def outcome(self) -> Outcome:
        """Decide."""
        decisions = tuple(self._decisions())
        spoke = any(not isinstance(each, Leave) for each in decisions)
        case = replace(self.case, told=self.told, number=self.number if spoke else self.case.number)
        open_to_answer = not case.over and not case.acknowledged
        if open_to_answer and case.waits_since is None and any(isinstance(each, Send) for each in decisions):
            case = replace(case, waits_since=self.now)
        return Outcome(case=case, boxes=self.state.changed, decisions=decisions)

    def _decisions(self) -> Iterator[Decision]:
        final = _FINAL.get(AlertKind(self.event.kind))
        before = dict(self.told)
        if self.event.silenced_by and self.event.kind != AlertKind.RETRACTED:
            yield Leave(recipient="", why=Why.SILENCED, event=self.event)
            return
        for key, told in before.items():
            yield from self._final(key, told, *final) if final else self._update(key, told)
        if final:
            return
        if self.event.inhibited_by:
            yield Leave(recipient="", why=Why.INHIBITED, event=self.event)
            return
        yield from self._originals(before)

    def _originals(self, before: Mapping[str, Told]) -> Iterator[Decision]:
        routes = self.rules.fitting(self.event, self.now)
        if not routes and not before:
            yield Leave(recipient="", why=Why.NO_ROUTE, event=self.event)
        why = (
            Why.NEW_AREA
            if before and self.event.kind == AlertKind.UPDATED
            else _GROWING.get(AlertKind(self.event.kind), Why.UPDATED)
        )
        if why is Why.UPDATED:
            why = Why.FIRST
        for route in routes:
            self._schedule(route)
            for name in route.to:
                recipient = self.rules.routes.recipients[name]
                if recipient.key not in self.told:
                    yield self._tell(recipient, What.ORIGINAL, why, route.name, route.wake, digest=route.digest)

    def _schedule(self, route: Route) -> None:
        if self.case.acknowledged or route.name in self.case.scheduled:
            return
        steps = tuple(
            Due(due=self.now + each.after, route=route.name, wake=route.wake, to=each.to) for each in route.escalate
        )
        self.case = replace(
            self.case,
            escalations=self.case.escalations + steps,
            scheduled=(*self.case.scheduled, route.name),
        )

    def _update(self, key: str, told: Told) -> Iterator[Decision]:
        if told.held:
            self._replace_held(key)
            return
        rises = rank(self.event.severity) > rank(told.severity)
        if not rises and self.case.snoozed_until is not None and self.now < self.case.snoozed_until:
            yield Leave(recipient=key, why=Why.SNOOZED, event=self.event)
            return
        recipient = self.rules.routes.by_key(key) or _forgotten(key)
        waits = self.waiting.get(key)
        what = What.ORIGINAL if waits is What.ORIGINAL else What.UPDATE
        why = Why.ESCALATED if rises else Why.UPDATED
        yield self._tell(recipient, what, why, "", told.wake, supersedes=waits is not None)

    def _final(self, key: str, told: Told, what: What, why: Why) -> Iterator[Decision]:
        waits = self.waiting.get(key)
        if what is What.RETRACTION and (waits is What.ORIGINAL or (told.held and not told.said)):
            # nothing was said, so there is nothing to take back
            del self.told[key]
            self._drop_held(key)
            yield Leave(recipient=key, why=Why.SUPERSEDED, event=self.event, cancels=waits is not None)
        elif told.held:
            self._replace_held(key)
        else:
            recipient = self.rules.routes.by_key(key) or _forgotten(key)
            yield self._tell(recipient, what, why, "", told.wake, supersedes=waits is not None)

    def _tell(
        self,
        recipient: Recipient,
        what: What,
        why: Why,
        route: str,
        wake: str,
        *,
        digest: int | None = None,
        supersedes: bool = False,
    ) -> Decision:
        event, key = self.case.event if self.event.kind == AlertKind.CLOSED else self.event, recipient.key
        held = _reason_to_hold(self.rules, recipient, self.state.box(key), event, self.now, what, wake, digest)
        if supersedes:
            # it stays on its way: to wait for a digest would be later than what it takes the place of
            held = None
        said = held is None or (key in self.told and self.told[key].said)
        self.told[key] = Told(severity=event.severity, number=self.number, wake=wake, held=held is not None, said=said)
        box = self.state.box(key)
        if held is None:
            self.state.put(_spoken(box, self.now, self.rules.routes.limits.within))
            return Send(
                recipient=key,
                what=what,
                why=why,
                event=event,
                number=self.number,
                route=route,
                supersedes=supersedes,
            )
        reason, due = held
        entries = {**box.held, event.alert_id: Held(event=event, why=reason)}
        self.state.put(replace(box, held=entries, due=min(due, box.due or due)))
        return Hold(recipient=key, why=reason, event=event, due=due)

    def _replace_held(self, key: str) -> None:
        box = self.state.box(key)
        before = box.held.get(self.event.alert_id)
        if before is not None:
            event = self.case.event if self.event.kind == AlertKind.CLOSED else self.event
            self.state.put(replace(box, held={**box.held, event.alert_id: replace(before, event=event)}))

    def _drop_held(self, key: str) -> None:
        box = self.state.box(key)
        left = {alert_id: held for alert_id, held in box.held.items() if alert_id != self.event.alert_id}
        self.state.put(replace(box, held=left, due=box.due if left else None))


def _forgotten(key: str) -> Recipient:
    """Somebody the file does not name any more, but who was told: he hears how it goes on."""
    channel, _, address = key.partition(":")
    return Recipient(name=key, channel=channel, address=address)


def _reason_to_hold(
    rules: Rules,
    recipient: Recipient,
    box: Box,
    event: AlertEvent,
    now: Millis,
    what: What,
    wake: str,
    digest: int | None,
) -> tuple[Why, Millis] | None:
    limits = rules.routes.limits
    local = rules.local(event.region, now)
    if digest is not None:
        return Why.DIGEST, now + _until(local, digest)
    if what is not What.RETRACTION and now - event.clock > limits.expires:
        return Why.EXPIRED, now + CATCH_UP
    if rank(event.severity) < rank(wake):
        asleep = max((each.left(local) for each in recipient.quiet), default=0)
        if asleep:
            return Why.QUIET_HOURS, now + asleep * MINUTE - (now % MINUTE)
    if len([at for at in box.sent if at > now - limits.within]) >= limits.pages:
        return Why.STORM, now + limits.digest_after
    return None


def _until(local: dt.datetime, minute: int) -> Millis:
    """From *local* to the next time that it is *minute* of the day."""
    ahead = (minute - local.hour * 60 - local.minute - 1) % (24 * 60) + 1
    return ahead * MINUTE - local.second * 1000 - local.microsecond // 1000


def _spoken(box: Box, now: Millis, span: Millis) -> Box:
    return replace(box, sent=(*(at for at in box.sent if at > now - span), now))


def _assigned(rules: Rules, case: Case, boxes: Mapping[str, Box], event: AlertEvent, now: Millis) -> Outcome:
    """Who takes an alert on is told so, if the file knows him by that name and nobody else did."""
    recipient = rules.routes.recipients.get(event.assignee)
    if recipient is None or recipient.key in case.told or event.actor == event.assignee:
        return Outcome(case=case, boxes={}, decisions=())
    state = State(boxes)
    step = _Step(rules, case, state, replace(case.event, clock=event.clock), now, {})
    decision = step._tell(recipient, What.ORIGINAL, Why.ASSIGNED, "", case.event.severity)  # noqa: SLF001 - same module
    after = replace(case, told=step.told, number=step.number)
    return Outcome(case=after, boxes=state.changed, decisions=(decision,))


def on_time(rules: Rules, case: Case, boxes: Mapping[str, Box], now: Millis) -> Outcome:
    """Escalations of one alert that are due: nobody has acknowledged."""
    due = [each for each in case.escalations if each.due <= now]
    if not due:
        return Outcome(case=case, boxes={}, decisions=())
    if case.snoozed_until is not None and now < case.snoozed_until:
        later = tuple(replace(each, due=max(each.due, case.snoozed_until)) for each in case.escalations)
        return Outcome(case=replace(case, escalations=later), boxes={}, decisions=())
    left = tuple(each for each in case.escalations if each.due > now)
    state = State(boxes)
    # what is told is that nobody answered, and that is so now
    step = _Step(rules, replace(case, escalations=left), state, replace(case.event, clock=now), now, {})
    decisions = [decision for each in due for decision in _escalated(step, each)]
    after = replace(step.case, told=step.told, number=step.number if decisions else case.number)
    return Outcome(case=after, boxes=state.changed, decisions=tuple(decisions))


def _escalated(step: _Step, due: Due) -> Iterator[Decision]:
    for name in due.to:
        recipient = step.rules.routes.recipients.get(name)
        if recipient is not None:
            what = What.REMINDER if recipient.key in step.told else What.ORIGINAL
            yield step._tell(recipient, what, Why.UNACKNOWLEDGED, due.route, due.wake)  # noqa: SLF001 - same module


def on_box(box: Box, cases: Mapping[str, Case], now: Millis) -> tuple[Box, dict[str, Case], Send | None]:
    """The digest of a box that is due: the box without it, the cases that it told of, and the message."""
    if box.due is None or box.due > now or not box.held:
        return replace(box, due=None) if not box.held else box, {}, None
    entries = tuple(sorted(box.held.values(), key=lambda each: (-rank(each.event.severity), each.event.clock)))
    changed = {}
    for alert_id in box.held:
        case = cases.get(alert_id)
        if case is not None and box.recipient in case.told:
            told = replace(case.told[box.recipient], held=False, said=True)
            waits = case.waits_since if case.over or case.acknowledged else case.waits_since or now
            changed[alert_id] = replace(case, told={**case.told, box.recipient: told}, waits_since=waits)
    message = Send(recipient=box.recipient, what=What.DIGEST, why=Why.DIGEST, event=None, entries=entries)
    return replace(box, held={}, due=None), changed, message


def on_expired(case: Case | None, box: Box, event: AlertEvent, now: Millis, *, said: bool) -> tuple[Case | None, Box]:
    """
    A message could not be sent while it was news: it goes into the digest that comes next.

    *said* is whether the recipient may have heard of the alert.
    """
    entries = {**box.held, event.alert_id: Held(event=event, why=Why.EXPIRED)}
    due = now + CATCH_UP
    if case is not None and box.recipient in case.told:
        told = replace(case.told[box.recipient], held=True, said=said)
        case = replace(case, told={**case.told, box.recipient: told})
    return case, replace(box, held=entries, due=min(due, box.due or due))
