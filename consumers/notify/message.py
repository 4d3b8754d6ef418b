"""
What a message says: one first line of fixed order, at most 140 characters, then a text; no mark-up.

Of domestic and sexual violence no message names a place finer than the partition level, a time finer than the day, or
an incident: who knows the neighbourhood would know the person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import Held, What, Why
from schemas.certainty import said
from schemas.events import AlertEvent, Tense

FIRST_LINE = 140
PROTECTED = frozenset({"domestic_abuse", "sexual_violence"})
SHORT_ID = 8
_SHOWN = 10
"""Incidents and alerts that a text names at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """
    What is told, to whom it does not matter.

    ``event`` is None for a digest, whose alerts are ``entries``. ``repeat`` marks one that may have arrived before.
    """

    what: What
    why: str
    event: AlertEvent | None
    number: int = 1
    entries: tuple[Held, ...] = ()
    repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A message to read."""

    first_line: str
    body: str


def disclosed(event: AlertEvent, gazetteer: Gazetteer) -> AlertEvent:
    """What may leave of *event*: of protected groups no place finer than the partition level, and no incident."""
    if event.group not in PROTECTED:
        return event
    areas = tuple(dict.fromkeys(gazetteer.parent(area) or area for area in event.areas))
    area = gazetteer.parent(event.area) or event.area
    words = gazetteer.regions.get(event.region)
    level = words.levels[0] if words is not None and area != event.area else event.level
    return replace(event, area=area, areas=areas, level=level, incidents=(), least_certain="", changed="", text="")


def words(code: str) -> str:
    """A code as one reads it."""
    return code.replace("_", " ").lower()


class Composer:
    """
    Words for one deployment.

    Parameters
    ----------
    gazetteer
        Names and local times.
    link
        Address of an alert's page with ``{alert_id}`` in it, "" for none.

    """

    def __init__(self, gazetteer: Gazetteer, link: str = "") -> None:
        self.gazetteer = gazetteer
        self._link = link

    def link(self, alert_id: str) -> str:
        """Address of an alert's page, "" for none."""
        return self._link.replace("{alert_id}", alert_id)

    def text(self, subject: Subject) -> Text:
        """The message."""
        if subject.event is None:
            return self._digest(subject)
        event = disclosed(subject.event, self.gazetteer)
        head = f"{_mark(event, repeat=subject.repeat)}{_word(subject, event)}"
        return Text(
            first_line=self.first_line(event, head),
            body="\n".join(self._body(subject, event)).rstrip() + "\n",
        )

    def first_line(self, event: AlertEvent, head: str) -> str:
        """Severity, place, numbers against what is expected, since when, id, and the link if there is room."""
        group, place = words(event.group), self.gazetteer.place(event.areas)
        numbers = f"{group} {event.observed} in {event.window} h, expected {event.expected:.1f}"
        tail = f": {numbers}, since {self._since(event)}, {event.alert_id[:SHORT_ID]}"
        room = FIRST_LINE - len(head) - len(tail) - 1
        line = f"{head} {place if len(place) <= room else place[: max(room - 1, 0)] + '…'}{tail}"[:FIRST_LINE]
        link = self.link(event.alert_id)
        return f"{line} {link}" if link and len(line) + len(link) < FIRST_LINE else line

    def _since(self, event: AlertEvent) -> str:
        local = self.gazetteer.local(event.region, event.opened_at)
        return local.strftime("%a %d %b" if event.group in PROTECTED else "%a %d %b %H:%M")

    def _body(self, subject: Subject, event: AlertEvent) -> Iterator[str]:
        if subject.repeat:
            yield "This may have reached you before: the notifier was interrupted while it was sent."
            yield ""
        if event.tense == Tense.EXERCISE:
            yield "EXERCISE EXERCISE EXERCISE: nothing of this has happened."
            yield ""
        yield from self._story(subject, event)
        yield ""
        yield f"{words(event.group).capitalize()} in {self.gazetteer.place(event.areas)} ({event.level})"
        normal = f"expected {event.expected:.1f}, normal {event.lower} to {event.upper}"
        yield f"{event.observed} in {event.window} h; {normal}"
        if event.chance_days is not None:
            days = "a day" if round(event.chance_days) <= 1 else f"{event.chance_days:,.0f} days"
            yield f"By chance about once in {days} in the whole region"
        if event.nominal_alerts_per_week is not None:
            yield _budget(event.nominal_alerts_per_week, event.realised_alerts_per_week)
        yield f"Data complete to about {event.completeness:.0%}"
        if not event.stands_without_newest:
            yield "It would not stand without its newest incident"
        if not event.stands_without_least_certain:
            named = f" {event.least_certain}" if event.least_certain else ""
            yield f"It would not stand without its least certain incident{named}: {said(event.doubt)}"
        if event.incidents:
            more = f" and {len(event.incidents) - _SHOWN} more" if len(event.incidents) > _SHOWN else ""
            yield f"Incidents: {', '.join(event.incidents[:_SHOWN])}{more}"
        yield f"Since {self._since(event)}, as of {self.gazetteer.time(event.region, event.clock)}"
        if link := self.link(event.alert_id):
            yield f"Acknowledge and read more: {link}"
        yield ""
        yield f"Alert {event.alert_id}, message {subject.number}, {event.model}, {event.calibration}"
        yield event.handling.replace("_", "-")

    def _story(self, subject: Subject, event: AlertEvent) -> Iterator[str]:
        if subject.what is What.RETRACTION:
            yield "RETRACTED: corrections took away the ground of this alert. Do not act on it any more."
        elif subject.why == Why.UNACKNOWLEDGED:
            yield "Nobody has acknowledged this alert."
        elif subject.why == Why.ASSIGNED:
            yield "This alert was assigned to you."
        elif subject.why == Why.CLOSED:
            yield f"Closed by {event.actor} as {words(event.outcome)}; action: {words(event.action)}."
        elif subject.what is What.END:
            yield "It is over: back to what is normal there."
        if event.changed:
            yield f"What changed: {event.changed}."
        if event.text:
            yield f"Note: {event.text}"

    def _digest(self, subject: Subject) -> Text:
        entries = subject.entries
        exercise = all(held.event.tense == Tense.EXERCISE for held in entries)
        head = f"{'REPEAT ' if subject.repeat else ''}{'EXERCISE ' if exercise else ''}DIGEST"
        worst = max((held.event.severity for held in entries), key=("WATCH", "ALERT", "CRITICAL").index)
        many = f"{len(entries)} alert{'' if len(entries) == 1 else 's'}"
        first = f"{head} {many}, worst {worst}: {', '.join(self._groups(entries))}"
        lines = [
            self.first_line(event, f"{_mark(event, repeat=False)}{_state(event)}")
            for event in (disclosed(held.event, self.gazetteer) for held in entries)
        ]
        reasons = ", ".join(dict.fromkeys(_HELD[held.why] for held in entries))
        body = [f"Not told one by one: {reasons}.", "", *lines]
        return Text(first_line=_cut(first), body="\n".join(body) + "\n")

    @staticmethod
    def _groups(entries: Sequence[Held]) -> list[str]:
        return list(dict.fromkeys(words(held.event.group) for held in entries))


_HELD: Mapping[str, str] = {
    Why.DIGEST: "routes ask for a digest",
    Why.QUIET_HOURS: "quiet hours",
    Why.STORM: "many at once",
    Why.EXPIRED: "they could not be sent in time",
}


def _budget(nominal: float, realised: float | None) -> str:
    lately = "" if realised is None else f"; {realised:,.1f} a week opened lately"
    return f"Promised: about {nominal:,.1f} alerts a week by chance alone{lately}"


def _cut(line: str) -> str:
    return line if len(line) <= FIRST_LINE else line[: FIRST_LINE - 1] + "…"


def _mark(event: AlertEvent, *, repeat: bool) -> str:
    return ("REPEAT " if repeat else "") + ("EXERCISE " if event.tense == Tense.EXERCISE else "")


def _word(subject: Subject, event: AlertEvent) -> str:
    if subject.what is What.RETRACTION:
        return "RETRACTED"
    if subject.what is What.END:
        return "CLOSED" if subject.why == Why.CLOSED else "ENDED"
    if subject.what is What.UPDATE:
        return f"UPDATE {event.severity}"
    if subject.why == Why.UNACKNOWLEDGED:
        return f"UNACKNOWLEDGED {event.severity}"
    return event.severity


def _state(event: AlertEvent) -> str:
    if event.outcome:
        return "CLOSED"
    return event.kind if event.kind in {"ENDED", "RETRACTED"} else event.severity
