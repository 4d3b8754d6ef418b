"""What pages say, as one person may see it: names, local times, sentences; nothing that would point at somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consumers.console.access.people import Person
from consumers.gazetteer import Gazetteer
from schemas.certainty import said
from schemas.events import Alert, AlertEvent, AreaCount, Millis

PROTECTED = frozenset({"domestic_abuse", "sexual_violence"})
SMALLEST_SHARE = 0.995
NAMES = {
    "street_violence": "Street violence",
    "knife_crime": "Knife crime",
    "domestic_abuse": "Domestic abuse",
    "sexual_violence": "Sexual violence",
    "robbery": "Robbery",
    "firearm": "Gun crime",
    "homicide": "Homicide",
    "shooting": "Shooting",
}
SIGNS = {"CRITICAL": "◆", "ALERT": "▲", "WATCH": "●", "NORMAL": "○", "GREY": "?"}


def words(code: str) -> str:
    """A code as one reads it."""
    return code.replace("_", " ").lower()


def group(code: str) -> str:
    """A group as people say it."""
    return NAMES.get(code, words(code).capitalize())


def span(seconds: float) -> str:
    """
    A length of time in its largest unit.

    >>> span(42), span(600), span(7200), span(200_000)
    ('42 s', '10 min', '2 h', '2 days')
    """
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit != "days" and seconds >= size):
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """One person looking at one instant."""

    person: Person
    gazetteer: Gazetteer
    now: Millis

    def time(self, region: str, at: Millis, group: str = "") -> str:
        """Local time with its zone; of protected groups the day only."""
        if group in PROTECTED:
            return self.gazetteer.local(region, at).strftime("%a %d %b")
        return self.gazetteer.time(region, at)

    def ago(self, at: Millis | None) -> str:
        """How long ago."""
        return "never" if at is None else f"{span((self.now - at) / 1000)} ago"

    def areas(self, areas: Sequence[str], group: str) -> tuple[str, ...]:
        """Areas that this person may be told: of protected groups the coarse ones, unless they are trusted."""
        if group not in PROTECTED or self.person.trusted:
            return tuple(areas)
        return tuple(dict.fromkeys(self.gazetteer.parent(area) or area for area in areas))

    def place(self, areas: Sequence[str], group: str) -> str:
        """Where, in words."""
        return self.gazetteer.place(self.areas(areas, group))

    def incidents(self, alert: Alert) -> tuple[str, ...]:
        """Incidents that are named: none of protected groups, and none to viewers."""
        return alert.incidents if alert.group not in PROTECTED and self.person.trusted else ()

    def rests_on(self, event: AlertEvent) -> tuple[str, ...]:
        """What an alert would not stand without, a sentence each."""
        told = []
        if not event.stands_without_newest:
            told.append("It rests on the newest incident: without that it would not stand.")
        if not event.stands_without_least_certain:
            why = said(event.doubt)
            told.append(f"It rests on its least certain incident ({why}): without that it would not stand.")
        return tuple(told)

    def doubted(self, incident: str, event: AlertEvent | None) -> str:
        """Why a named incident is the least certain one of its alert, "" of the others."""
        return said(event.doubt) if event is not None and incident == event.least_certain else ""

    def sees(self, count: AreaCount) -> bool:
        """Whether this count may be shown at its level."""
        return count.group not in PROTECTED or self.person.trusted or not self.gazetteer.parent(count.area)

    def sentence(self, alert: Alert, event: AlertEvent | None) -> str:
        """What an alert says, in one sentence."""
        if event is not None and event.upper == 0 and event.score == 0:
            return f"{alert.observed} in {hours(alert.window)}; told at once, since each one counts"
        said = f"{alert.observed} in {hours(alert.window)}, expected {alert.expected:.1f}"
        if event is not None and event.upper >= event.lower:
            said += f" (normal {event.lower} to {event.upper})"
        if event is not None and event.chance_days is not None:
            said += f"; by chance about once in {days(event.chance_days)}"
        return said

    def status(self, alert: Alert) -> str:
        """Where it stands, and with whom."""
        if alert.status == "CLOSED":
            return f"closed as {words(alert.outcome)}, {words(alert.action)}"
        said = words(alert.status)
        if alert.acknowledged_by:
            said += f" by {alert.acknowledged_by}"
        if alert.assignee:
            said += f", with {alert.assignee}"
        if alert.snoozed_until is not None and alert.snoozed_until > self.now:
            said += f", snoozed until {self.gazetteer.time(alert.region, alert.snoozed_until)}"
        return said


def hours(window: int) -> str:
    """
    A window.

    >>> hours(6), hours(168)
    ('6 h', '7 days')
    """
    return f"{window // 24} days" if window >= 48 and window % 24 == 0 else f"{window} h"


def days(number: float) -> str:
    """
    So many days.

    >>> days(0.5), days(61.2), days(4000)
    ('12 h', '61 days', 'more than 10 years')
    """
    if number >= 3650:
        return "more than 10 years"
    return f"{number * 24:.0f} h" if number < 2 else f"{number:.0f} days"
