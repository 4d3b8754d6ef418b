"""What the notifier knows and decides, as values: cases, boxes, decisions and their reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from zoneinfo import ZoneInfo

from consumers.notify.routes import Route, Routes
from consumers.notify.times import within
from schemas.events import AlertEvent, Millis


class Why(StrEnum):
    """Why somebody is told, is told later, or is not."""

    FIRST = "FIRST"
    ESCALATED = "ESCALATED"
    NEW_AREA = "NEW_AREA"
    UPDATED = "UPDATED"
    ENDED = "ENDED"
    RETRACTED = "RETRACTED"
    CLOSED = "CLOSED"
    UNACKNOWLEDGED = "UNACKNOWLEDGED"
    ASSIGNED = "ASSIGNED"
    DIGEST = "DIGEST"
    QUIET_HOURS = "QUIET_HOURS"
    STORM = "STORM"
    EXPIRED = "EXPIRED"
    INHIBITED = "INHIBITED"
    SILENCED = "SILENCED"
    SNOOZED = "SNOOZED"
    NOT_ACTUAL = "NOT_ACTUAL"
    NO_ROUTE = "NO_ROUTE"
    SUPERSEDED = "SUPERSEDED"


class What(StrEnum):
    """What a message is to who gets it."""

    ORIGINAL = "ORIGINAL"
    UPDATE = "UPDATE"
    END = "END"
    RETRACTION = "RETRACTION"
    REMINDER = "REMINDER"
    DIGEST = "DIGEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """
    One recipient's part in an alert.

    ``severity`` and ``number`` are those of the last message, ``wake`` his route's. ``held`` while it waits in his box,
    ``said`` once a message went out.
    """

    severity: str
    number: int
    wake: str
    held: bool = False
    said: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An escalation still to come: from ``due`` on ``to`` are told, unless somebody acknowledged."""

    due: Millis
    route: str
    wake: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the notifier knows of one alert; ``event`` is its last transition by the machine."""

    event: AlertEvent
    told: Mapping[str, Told] = field(default_factory=dict)
    number: int = 0
    acknowledged: bool = False
    snoozed_until: Millis | None = None
    over: bool = False
    touched: Millis = 0
    waits_since: Millis | None = None
    """Since when somebody has been told and nobody has acknowledged."""
    escalations: tuple[Due, ...] = ()
    scheduled: tuple[str, ...] = ()
    """Routes whose escalations were put among those to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One alert in a box: its newest event, and why it waits."""

    event: AlertEvent
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What waits for one recipient until ``due``, by alert; and when he was told of late."""

    recipient: str
    held: Mapping[str, Held] = field(default_factory=dict)
    due: Millis | None = None
    sent: tuple[Millis, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Tell *recipient* (a key) now; with ``supersedes`` instead of what he has not been told of this alert yet."""

    recipient: str
    what: What
    why: Why
    event: AlertEvent | None
    number: int = 0
    route: str = ""
    entries: tuple[Held, ...] = ()
    supersedes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Tell *recipient* later, in a digest."""

    recipient: str
    why: Why
    event: AlertEvent
    due: Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Do not tell *recipient* ("" for anybody); with ``cancels`` not even what still waits to be sent."""

    recipient: str
    why: Why
    event: AlertEvent
    cancels: bool = False


Decision = Send | Hold | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Routes, and what has to be known of regions: the area that an area lies in, and zones by region."""

    routes: Routes
    parents: Mapping[str, str] = field(default_factory=dict)
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)

    def local(self, region: str, at: Millis) -> dt.datetime:
        """Local time in a region, UTC in one that is not known."""
        return dt.datetime.fromtimestamp(at / 1000, self.zones.get(region, dt.UTC))

    def fitting(self, event: AlertEvent, now: Millis) -> list[Route]:
        """Routes for *event* at the local time of *now*."""
        local = self.local(event.region, now)
        return [each for each in self.routes.routes if each.fits(event, self.parents) and within(each.when, local)]


class State:
    """
    Boxes while decisions are made; what changed is in ``changed``.

    Parameters
    ----------
    boxes
        Of all recipients, by key; not changed.

    """

    def __init__(self, boxes: Mapping[str, Box]) -> None:
        self._boxes = boxes
        self.changed: dict[str, Box] = {}

    def box(self, key: str) -> Box:
        """The box of a recipient as it is by now."""
        return self.changed.get(key) or self._boxes.get(key) or Box(recipient=key)

    def put(self, box: Box) -> None:
        """Change a box."""
        self.changed[box.recipient] = box


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The case after a step, the boxes that changed, and what was decided."""

    case: Case | None
    boxes: Mapping[str, Box]
    decisions: tuple[Decision, ...]
