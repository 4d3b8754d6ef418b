"""Alerts and silences as the topics tell of them now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from consumers.reading import read
from schemas.errors import Malformed, UsageError
from schemas.events import Alert, AlertEvent, AlertKind, Millis, Tense
from schemas.settings import Settings
from schemas.wire import Wire

OPEN = frozenset({"OPEN", "ACKNOWLEDGED"})
_RANK = {"CRITICAL": 0, "ALERT": 1, "WATCH": 2}


def alerts(settings: Settings, wire: Wire) -> dict[str, Alert]:
    """Every alert by its id, as it is now."""
    found: dict[str, Alert] = {}
    for record in read(settings, settings.catalogue()["alerts.state"]):
        if record.key is None:
            continue
        if record.value is None:
            found.pop(record.key.decode(), None)
        else:
            alert = wire.alert.decode(record.value)
            found[alert.alert_id] = alert
    return found


def events(settings: Settings, wire: Wire, since: Millis | None = None) -> list[AlertEvent]:
    """Events of alerts in the order of their clock, without injections and those of a version that can't be read."""
    found = []
    for record in read(settings, settings.catalogue()["alerts.events"], since=since):
        try:
            event = wire.alert_event.decode(record.value or b"")
        except Malformed:
            continue
        if event.tense != Tense.INJECTION:
            found.append((record.timestamp, record.partition, record.offset, event))
    return [event for *_, event in sorted(found, key=lambda each: each[:3])]


def chosen(known: Mapping[str, Alert], begun: str) -> Alert:
    """
    The alert whose id begins so.

    Raises
    ------
    UsageError
        None or several do.

    """
    fitting = [alert for alert_id, alert in known.items() if alert_id.startswith(begun)]
    if len(fitting) != 1:
        why = "no alert" if not fitting else f"{len(fitting)} alerts"
        raise UsageError(f"{why} with an id that begins with {begun}: `firebreak alerts list --all` prints them")
    return fitting[0]


def in_order(known: Iterable[Alert]) -> list[Alert]:
    """What is open and worst first, then what is newest."""
    return sorted(known, key=lambda each: (each.status not in OPEN, _RANK.get(each.severity, 3), -each.opened_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Hush:
    """A silence or a planned event, as the log told of it."""

    silence_id: str
    region: str
    area: str
    group: str
    since: Millis
    until: Millis
    author: str
    reason: str
    planned: bool


def silences(told: Sequence[AlertEvent], now: Millis) -> list[Hush]:
    """Silences and planned events that are not over, by their end."""
    found: dict[str, Hush] = {}
    for event in told:
        if event.kind in {AlertKind.SILENCED, AlertKind.PLANNED} and event.until is not None:
            found[event.alert_id] = Hush(
                silence_id=event.alert_id,
                region=event.region,
                area=event.area,
                group=event.group,
                since=event.clock if event.since is None else event.since,
                until=event.until,
                author=event.actor,
                reason=event.text,
                planned=event.kind == AlertKind.PLANNED,
            )
        elif event.kind == AlertKind.UNSILENCED:
            found.pop(event.alert_id, None)
    return sorted((each for each in found.values() if each.until > now), key=lambda each: each.until)
