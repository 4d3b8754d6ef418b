"""Routes, events and a desk in memory for tests of the policy; times are local clock times of one London day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from support.alerts import opened

from consumers.notify.cases import Box, Case, Decision, Hold, Leave, Rules, Send, What
from consumers.notify.policy import on_box, on_event, on_time
from consumers.notify.routes import Limits, Recipient, Route, Routes
from consumers.notify.times import span
from schemas.events import AlertEvent, AlertKind, Millis

LONDON = ZoneInfo("Europe/London")
RECIPIENTS = {
    "ana": Recipient(name="ana", channel="mail", address="ana@x"),
    "ben": Recipient(name="ben", channel="mail", address="ben@x", quiet=(span("22:00-07:00"),)),
    "lead": Recipient(name="lead", channel="mail", address="lead@x"),
    "hub": Recipient(name="hub", channel="hub"),
}
ANA, BEN, LEAD, HUB = "mail:ana@x", "mail:ben@x", "mail:lead@x", "hub"


def rules(*routes: Route, **limits: Any) -> Rules:
    """Rules of these routes; borough B holds the ward B1."""
    return Rules(
        routes=Routes(routes=routes, recipients=MappingProxyType(RECIPIENTS), limits=Limits(**limits)),
        parents={"B1": "B"},
        zones={"london": LONDON},
    )


def route(*to: str, **given: Any) -> Route:
    """A route for everything to these people."""
    return Route(**{"name": "all", "severity": "WATCH", "to": to, **given})


def at(clock: str, day: int = 2) -> Millis:
    """The instant of a local time in London in March 2026; the 2nd is a Monday."""
    hour, minute = map(int, clock.split(":"))
    return int(dt.datetime(2026, 3, day, hour, minute, tzinfo=LONDON).timestamp() * 1000)


@dataclass(slots=True)
class Desk:
    """What is known, moved by events; ``undelivered`` says which messages are still on their way."""

    rules: Rules
    cases: dict[str, Case] = field(default_factory=dict)
    boxes: dict[str, Box] = field(default_factory=dict)
    undelivered: dict[str, What] = field(default_factory=dict)

    def event(self, kind: str, clock: str, *, now: str = "", day: int = 2, alert: str = "a", **given: Any) -> list[str]:
        """Take an event; answer the decisions in short: ``tell mail:ana@x ORIGINAL FIRST``."""
        clock_ms = at(clock, day)
        fields: dict[str, Any] = {"tense": "ACTUAL", "event_id": f"{alert}{kind}{clock}", **given}
        event = opened(alert_id=alert, kind=AlertKind(kind), clock=clock_ms, opened_at=clock_ms, **fields)
        return self.take(event, at(now, day) if now else clock_ms)

    def take(self, event: AlertEvent, now: Millis) -> list[str]:
        """Take an event at an instant."""
        known = self.cases.get(event.alert_id)
        outcome = on_event(self.rules, known, self.boxes, event, now, self.undelivered)
        if outcome.case is not None:
            self.cases[event.alert_id] = outcome.case
        self.boxes.update(outcome.boxes)
        return short(outcome.decisions)

    def time(self, clock: str, day: int = 2) -> list[str]:
        """Let it be so late; answer what that causes."""
        now, said = at(clock, day), []
        for alert_id, case in list(self.cases.items()):
            outcome = on_time(self.rules, case, self.boxes, now)
            self.cases[alert_id] = outcome.case or case
            self.boxes.update(outcome.boxes)
            said += short(outcome.decisions)
        for key, box in list(self.boxes.items()):
            self.boxes[key], changed, message = on_box(box, self.cases, now)
            self.cases.update(changed)
            said += short([message] if message else [])
        return said


def short(decisions: Sequence[Decision]) -> list[str]:
    """Decisions as one reads them."""
    said = []
    for each in decisions:
        match each:
            case Send():
                entries = "".join(f" {held.event.alert_id}:{held.event.kind}" for held in each.entries)
                said.append(
                    f"tell {each.recipient} {each.what} {each.why}{' instead' if each.supersedes else ''}{entries}"
                )
            case Hold():
                said.append(f"hold {each.recipient} {each.why} until {_clock(each.due)}")
            case Leave():
                said.append(f"leave {each.recipient or 'all'} {each.why}{' cancel' if each.cancels else ''}")
    return said


def _clock(due: Millis) -> str:
    return dt.datetime.fromtimestamp(due / 1000, LONDON).strftime("%a %H:%M")


def worse(event: AlertEvent) -> AlertEvent:
    """The same as CRITICAL."""
    return replace(event, severity="CRITICAL")
