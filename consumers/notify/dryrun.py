"""What would have been told of past alerts: the policy by the clock of the events, every message arriving at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import Decision, Rules, Send
from consumers.notify.channels.base import Delivered
from consumers.notify.ledger import Ledger
from consumers.notify.message import Composer, Subject
from schemas.events import HOUR, AlertEvent, Millis

ROOM = 1_000_000
DUTY_BEGINS: Millis = 6 * HOUR
"""A duty day turns at 06:00, so that one night is one day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One decision: when, what, and what the message would have said first."""

    at: Millis
    region: str
    alert_id: str
    decision: Decision
    first_line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """Alerts and messages of one duty day, by its date."""

    day: str
    alerts: frozenset[str]
    messages: int


def dry_run(rules: Rules, composer: Composer, events: Iterable[AlertEvent]) -> Iterator[Line]:
    """Decide about *events*, which are in the order of their clock."""
    ledger = Ledger(rules)
    region, now = "", 0
    for event in events:
        while (due := _next_due(ledger)) is not None and due <= event.clock:
            yield from _lines(ledger.time(due), composer, due, region)
            _deliver(ledger, due)
        region, now = event.region, event.clock
        yield from _lines(ledger.take(event, now), composer, now, region)
        _deliver(ledger, now)
    while (due := _next_due(ledger)) is not None:
        yield from _lines(ledger.time(due), composer, due, region)
        _deliver(ledger, due)


def _next_due(ledger: Ledger) -> Millis | None:
    times = [box.due for box in ledger.boxes.values() if box.due is not None]
    times += ledger.silences.values()
    times += [due.due for case in ledger.cases.values() for due in case.escalations]
    return min(times, default=None)


def _deliver(ledger: Ledger, now: Millis) -> None:
    while started := ledger.begin(now, defaultdict(lambda: ROOM)):
        for delivery in started:
            ledger.ended(delivery.delivery_id, Delivered(), now)
    ledger.drain()


def _lines(decisions: Sequence[Decision], composer: Composer, now: Millis, region: str) -> Iterator[Line]:
    for decision in decisions:
        if isinstance(decision, Send):
            subject = Subject(
                what=decision.what,
                why=decision.why,
                event=decision.event,
                number=decision.number,
                entries=decision.entries,
            )
            first = composer.text(subject).first_line
        else:
            first = composer.first_line(decision.event, decision.event.severity)
        event = decision.event
        alert_id = "" if event is None else event.alert_id
        yield Line(
            at=now,
            region=region if event is None else event.region,
            alert_id=alert_id,
            decision=decision,
            first_line=first,
        )


def duty_days(lines: Iterable[Line], gazetteer: Gazetteer) -> list[Day]:
    """Alerts and messages by duty day."""
    messages: dict[str, int] = defaultdict(int)
    alerts: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        if isinstance(line.decision, Send):
            day = gazetteer.local(line.region, line.at - DUTY_BEGINS).date().isoformat()
            messages[day] += 1
            entries = [held.event.alert_id for held in line.decision.entries]
            alerts[day].update(entries or [line.alert_id])
    return [Day(day=day, alerts=frozenset(alerts[day]), messages=messages[day]) for day in sorted(messages)]
