"""Alerts and what happened to them in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table
from rich.text import Text

from consumers.desk.board import Hush
from consumers.gazetteer import Gazetteer
from schemas.events import Alert, AlertEvent

_SEVERITIES = {"CRITICAL": "bold white on red", "ALERT": "bold red", "WATCH": "yellow"}


def words(code: str) -> str:
    """A code as one reads it."""
    return code.replace("_", " ").lower()


def table(alerts: Sequence[Alert], gazetteer: Gazetteer) -> Table:
    """One line an alert."""
    board = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "severity", "since"):
        board.add_column(column, no_wrap=True)
    board.add_column("what", overflow="fold")
    for alert in alerts:
        count = f"{alert.observed} in {alert.window} h, expected {alert.expected:.1f}"
        board.add_row(
            alert.alert_id[:8],
            Text(alert.severity, _SEVERITIES.get(alert.severity, "")),
            gazetteer.local(alert.region, alert.opened_at).strftime("%a %d %H:%M"),
            Text(f"{words(alert.group)}, {gazetteer.place(alert.areas)}: {count}; {status(alert)}"),
        )
    return board


def status(alert: Alert) -> str:
    """Where an alert stands, and with whom."""
    if alert.status == "CLOSED":
        return f"closed as {words(alert.outcome)}, {words(alert.action)}"
    told = [alert.status.lower() + (f" by {alert.acknowledged_by}" if alert.acknowledged_by else "")]
    if alert.assignee:
        told.append(f"with {alert.assignee}")
    return ", ".join(told)


def described(alert: Alert, gazetteer: Gazetteer) -> Iterator[tuple[str, str]]:
    """Lines of label and text about one alert."""
    yield "alert", alert.alert_id
    if alert.tense != "ACTUAL":
        yield "tense", f"{alert.tense}: this is not the real world"
    yield "what", f"{words(alert.group)} in {gazetteer.place(alert.areas)} ({alert.level})"
    yield "severity", f"{alert.severity}, score {alert.score:.1f}, at most {alert.peak_score:.1f}"
    yield "count", f"{alert.observed} in {alert.window} h, expected {alert.expected:.1f}"
    yield "since", gazetteer.time(alert.region, alert.opened_at)
    yield "status", status(alert)
    if alert.snoozed_until is not None:
        yield "snoozed", f"until {gazetteer.time(alert.region, alert.snoozed_until)}"
    yield "incidents", ", ".join(alert.incidents) or "none named"


def happened(event: AlertEvent, gazetteer: Gazetteer) -> str:
    """One line about one event."""
    told = f"{gazetteer.time(event.region, event.clock)}  {event.kind.lower():<12} {event.changed}"
    hidden = " (silenced)" if event.silenced_by else " (told by another alert)" if event.inhibited_by else ""
    return told + (f": {event.text}" if event.text else "") + hidden


def hushes(found: Sequence[Hush], gazetteer: Gazetteer) -> Table:
    """One line a silence or planned event."""
    board = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("id", "kind", "where", "what", "from", "until", "by", "why"):
        board.add_column(column, overflow="fold")
    for each in found:
        board.add_row(
            each.silence_id,
            "planned event" if each.planned else "silence",
            gazetteer.name(each.area) if each.area else f"all of {each.region}",
            words(each.group) if each.group else "all",
            gazetteer.time(each.region, each.since),
            gazetteer.time(each.region, each.until),
            each.author,
            Text(each.reason),
        )
    return board
