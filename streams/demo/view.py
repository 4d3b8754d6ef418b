"""The board in a terminal: areas against what is expected there, alerts as they open, and how far the clock is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from schemas.events import AlertEvent, AlertKind, AlertReason, AreaCount, AreaState, Millis

_STATES = {
    AreaState.ALERT: "bold white on red",
    AreaState.WATCH: "black on yellow",
    AreaState.NORMAL: "green",
    AreaState.GREY: "dim",
}
_KINDS = {
    AlertKind.OPENED: ("opened", "bold red"),
    AlertKind.UPDATED: ("updated", "yellow"),
    AlertKind.ESCALATED: ("escalated", "bold red"),
    AlertKind.DEESCALATED: ("de-escalated", "cyan"),
    AlertKind.ENDED: ("ended", "green"),
    AlertKind.RETRACTED: ("retracted", "magenta"),
}

Marking = Callable[[AlertEvent], str]
"""What a demonstration knows of an alert beside firebreak's own words, "" for nothing."""


class View:
    """
    Words and colours of a region.

    Parameters
    ----------
    names
        Of areas by code; a code without a name is shown itself.
    zone
        Of the times.
    marking
        What is put beside an alert.

    """

    def __init__(self, names: Mapping[str, str], zone: str, marking: Marking) -> None:
        self._names = names
        self._zone = ZoneInfo(zone)
        self._marking = marking

    def time(self, at: Millis) -> str:
        """Local time as one reads it."""
        return dt.datetime.fromtimestamp(at / 1000, self._zone).strftime("%a %d %b %H:%M")

    def board(
        self, counts: Sequence[AreaCount], events: Sequence[AlertEvent], head: RenderableType, foot: RenderableType
    ) -> RenderableType:
        """Build the whole screen."""
        return Group(head, self.areas(counts), Panel(self.alerts(events), title="alerts", border_style="dim"), foot)

    def areas(self, counts: Sequence[AreaCount]) -> Table:
        """Table of areas; the range is that of 95 % of normal days."""
        table = Table(expand=True, border_style="dim", header_style="bold")
        table.add_column("area", ratio=2, no_wrap=True)
        table.add_column("what", ratio=2, no_wrap=True)
        for title in ("24 h", "expected", "normal", "7 d"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("state", justify="center", no_wrap=True)
        for count in counts:
            state = AreaState(count.state)
            expected = "" if count.expected is None else f"{count.expected:.1f}"
            normal = "" if count.lower is None else f"{count.lower}–{count.upper}"
            told = state.value.lower() if state is not AreaState.GREY else count.grey_reason.lower()
            table.add_row(
                self._name(count.area),
                _words(count.group),
                str(count.incidents_24h),
                expected,
                normal,
                str(count.incidents_7d),
                Text(f" {_words(told)} ", _STATES[state]),
            )
        return table

    def alerts(self, events: Sequence[AlertEvent]) -> RenderableType:
        """One line an event."""
        if not events:
            return Text("none so far", "dim")
        return Group(*(self.line(event) for event in events))

    def line(self, event: AlertEvent) -> Text:
        """One event in one line."""
        kind, style = _KINDS[AlertKind(event.kind)]
        mark = self._marking(event)
        parts = [
            (f"{self.time(event.clock)}  ", "dim"),
            (f"{kind:<12}", style),
            (f" {_words(event.group)} in {self._places(event.areas)}", "bold"),
            (f" {mark}" if mark else "", "bold green"),
            (f": {self._finding(event)}", ""),
        ]
        line = Text.assemble(*parts)
        line.no_wrap, line.overflow = True, "ellipsis"
        return line

    def _finding(self, event: AlertEvent) -> str:
        if event.reason == AlertReason.SENTINEL:
            return "one is enough to tell"
        if event.expected == 0.0:
            return f"{event.observed} in {event.window} h"
        found = f"{event.observed} in {event.window} h, expected {event.expected:.1f}"
        if event.chance_days is None:
            return found
        return f"{found}; by chance once in {_days(event.chance_days)}"

    def _places(self, codes: Sequence[str]) -> str:
        named = [self._name(code) for code in codes]
        return ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")

    def _name(self, code: str) -> str:
        return self._names.get(code, code)


def _words(name: str) -> str:
    return name.replace("_", " ")


def no_marking(_event: AlertEvent) -> str:
    """Nothing beside firebreak's own words."""
    return ""


def _days(number: float) -> str:
    return "a day" if round(number) <= 1 else f"{number:,.0f} days"
