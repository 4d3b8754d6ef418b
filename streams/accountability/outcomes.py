"""How often alerts were real, how long until something was done, which reviews are overdue. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas.equity import Interval, quantiles, share_limits
from schemas.events import HOUR, AlertEvent, AlertKind, AlertReason, Millis, Tense

FEW = 5
"""Alerts with an outcome below which no precision is told, and with an action below which no time is."""
REVIEW = re.compile(r"\breview (?:by |on )?(\d{4}-\d{2}-\d{2})\b", re.IGNORECASE)
"""How the text of a close or a note names the day of a review: ``review 2026-12-01``."""
REVIEWED = re.compile(r"\breviewed\b", re.IGNORECASE)
"""How a later note says that it was held."""
REAL = "real"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alert from its opening to the last that was done about it."""

    alert: str
    rule: str
    level: str
    area: str
    group: str
    opened_at: Millis
    score: float
    closed_at: Millis | None
    outcome: str
    action: str
    review: dt.date | None


def cases(events: Iterable[AlertEvent]) -> list[Case]:
    """
    One case an alert, in order of opening.

    The rule is the group with what opened the alert: a score (``robbery``) or a single event (``homicide, single``).
    Injections are none, and an alert whose opening is not among the events is left out. A reopened alert is not closed.
    """
    histories: dict[str, list[AlertEvent]] = defaultdict(list)
    for event in events:
        if event.alert_id and event.tense != Tense.INJECTION:
            histories[event.alert_id].append(event)
    made = [_case(sorted(each, key=lambda event: event.clock)) for each in histories.values()]
    return sorted((each for each in made if each is not None), key=lambda case: (case.opened_at, case.alert))


def _case(history: list[AlertEvent]) -> Case | None:
    first = next((event for event in history if event.kind == AlertKind.OPENED), None)
    if first is None:
        return None
    ends = [event for event in history if event.kind in {AlertKind.CLOSED, AlertKind.REOPENED}]
    close = ends[-1] if ends and ends[-1].kind == AlertKind.CLOSED else None
    return Case(
        alert=first.alert_id,
        rule=f"{first.group}, single" if first.reason == AlertReason.SENTINEL else first.group,
        level=first.level,
        area=first.area,
        group=first.group,
        opened_at=first.opened_at,
        score=max(event.score for event in history),
        closed_at=close.clock if close else None,
        outcome=close.outcome if close else "",
        action=close.action if close else "",
        review=_review(history),
    )


def _review(history: Iterable[AlertEvent]) -> dt.date | None:
    """The day of the review that is still to be held."""
    due: dt.date | None = None
    for event in history:
        if event.kind not in {AlertKind.CLOSED, AlertKind.NOTED}:
            continue
        named = REVIEW.search(event.text)
        if named:
            due = _day(named[1]) or due
        elif REVIEWED.search(event.text):
            due = None
    return due


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


class Precision(NamedTuple):
    """Of alerts that were closed with an outcome, those that were real; ``limits`` None with fewer than :data:`FEW`."""

    of: str
    real: int
    closed: int
    limits: Interval | None


def precision(given: Iterable[Case], by: Callable[[Case], str]) -> list[Precision]:
    """Precision by rule, by area or by whatever else, in order of its name."""
    closed, real = Counter[str](), Counter[str]()
    for case in given:
        if case.outcome:
            closed[by(case)] += 1
            real[by(case)] += case.outcome == REAL
    return [
        Precision(name, real[name], number, share_limits(real[name], number) if number >= FEW else None)
        for name, number in sorted(closed.items())
    ]


class Times(NamedTuple):
    """Hours from opening to the close with an action: quartiles; None with fewer than :data:`FEW`."""

    action: str
    alerts: int
    hours: tuple[float, float, float] | None


def times(given: Iterable[Case]) -> list[Times]:
    """Time to action by its type, in order of its name."""
    found: Mapping[str, list[float]] = defaultdict(list)
    for case in given:
        if case.action and case.closed_at is not None:
            found[case.action].append((case.closed_at - case.opened_at) / HOUR)
    return [Times(name, len(of), quantiles(of) if len(of) >= FEW else None) for name, of in sorted(found.items())]


def overdue(given: Iterable[Case], today: dt.date) -> list[Case]:
    """Cases whose review was due before *today*, the longest ago first."""
    due = [(case.review, case.alert, case) for case in given if case.review is not None and case.review < today]
    return [case for _, _, case in sorted(due, key=lambda each: each[:2])]
