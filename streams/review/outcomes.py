"""What was done about alerts, and what followed, beside similar spikes about which nothing was recorded."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from schemas.errors import UsageError

LIMIT = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert of the past, as its last event tells."""

    alert: str
    area: str
    group: str
    opened: str
    observed: float
    expected: float
    outcome: str
    action: str

    @property
    def excess(self) -> float:
        """How many times what was expected."""
        return self.observed / max(self.expected, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Alerts with one action: how many, and how often another alert in the same area and group came within 28 days."""

    action: str
    alerts: int
    again: int
    similar: int
    similar_again: int

    @property
    def words(self) -> str:
        """What the comparison carries."""
        if min(self.alerts, self.similar) < FEW:
            return "too few to compare"
        low, high = difference(self.again, self.alerts, self.similar_again, self.similar)
        if low <= 0.0 <= high:
            return "no evidence of a difference"
        return "fewer came again" if high < 0 else "more came again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """Alerts by area and outcome, and the comparison by action."""

    alerts: tuple[Alert, ...]
    outcomes: Mapping[str, int]
    rows: tuple[Row, ...]

    def of(self, area: str) -> list[Alert]:
        """Those of an area, newest first."""
        return sorted((each for each in self.alerts if each.area == area), key=lambda each: each.opened, reverse=True)


FEW = 10
"""Alerts on either side below which nothing is compared."""
AGAIN_WITHIN_DAYS = 28
NEAR = 1.5
"""A similar spike is one whose excess is within this factor."""


def read_alerts(path: Path) -> Outcomes:
    """
    Read ``alerts.jsonl`` of a backtest or replay, or the topic's events as JSON lines.

    Raises
    ------
    UsageError
        A line is no alert event.

    """
    found: dict[str, Alert] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    _take(found, line, f"{path.name}, line {number}")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UsageError(f"{path} can't be read: {wrong}") from wrong
    alerts = tuple(found.values())
    return Outcomes(
        alerts=alerts, outcomes=Counter(each.outcome or "open" for each in alerts), rows=tuple(_rows(alerts))
    )


def _take(found: dict[str, Alert], line: str, where: str) -> None:
    try:
        event = json.loads(line)
        key, before = str(event["alert_id"]), found.get(str(event["alert_id"]))
        found[key] = Alert(
            alert=key,
            area=str(event["area"]),
            group=str(event["group"]),
            opened=str(event["opened_at"]),
            observed=max(float(event.get("observed") or 0), before.observed if before else 0.0),
            expected=float(event.get("expected") or (before.expected if before else 0.0)),
            outcome=str(event.get("outcome") or (before.outcome if before else "")),
            action=str(event.get("action") or (before.action if before else "")),
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise UsageError(f"{where}: no alert event ({wrong!r})") from wrong


def _rows(alerts: Iterable[Alert]) -> Iterable[Row]:
    """
    By action: what came again, against similar spikes without a recorded action.

    After any spike the next weeks are lower anyway (regression to the mean; Barnett, van der Pols and Dobson 2005), so
    the comparison is with spikes of similar excess in the same group, never with the weeks before.
    """
    listed = list(alerts)
    idle = [each for each in listed if not each.action]
    for action in sorted({each.action for each in listed if each.action}):
        done = [each for each in listed if each.action == action]
        similar = [each for each in idle if any(_near(each, other) for other in done)]
        yield Row(
            action=action,
            alerts=len(done),
            again=sum(_again(each, listed) for each in done),
            similar=len(similar),
            similar_again=sum(_again(each, listed) for each in similar),
        )


def _near(one: Alert, other: Alert) -> bool:
    return one.group == other.group and 1 / NEAR <= one.excess / max(other.excess, 0.01) <= NEAR


def _again(alert: Alert, alerts: Iterable[Alert]) -> bool:
    begun = datetime.fromisoformat(alert.opened)
    return any(
        other.alert != alert.alert
        and (other.area, other.group) == (alert.area, alert.group)
        and begun < datetime.fromisoformat(other.opened) <= begun + timedelta(days=AGAIN_WITHIN_DAYS)
        for other in alerts
    )


def difference(hits: int, of: int, others: int, of_others: int) -> tuple[float, float]:
    """Limits of 95 % for the difference of two shares (Agresti and Caffo 2000)."""
    p, q = (hits + 1) / (of + 2), (others + 1) / (of_others + 2)
    half = LIMIT * math.sqrt(p * (1 - p) / (of + 2) + q * (1 - q) / (of_others + 2))
    return p - q - half, p - q + half
