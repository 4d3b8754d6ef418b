"""Builders that fill in all but the point at issue."""

from __future__ import annotations

from typing import Any

from schemas.events import CLOCK_SOURCE, PLAYER_SOURCE, Kind, Millis, Notification
from streams.core.enrich import RawNotification, Situation
from streams.core.taxonomy import Classification
from streams.core.validate import Refused

NOON: Millis = 1_700_049_600_000
"""2023-11-15T12:00:00Z."""

MINUTE: Millis = 60_000


def notification(**given: Any) -> Notification:
    """A plain street assault in area A at noon, unless said otherwise."""
    fields: dict[str, Any] = {
        "kind": Kind.REPORTED,
        "source": "met.cad",
        "source_ref": "1",
        "revision": 1,
        "occurred_at": NOON,
        "published_at": NOON + MINUTE,
        "longitude": None,
        "latitude": None,
        "area_code": "A",
        "category": "violence_injury",
        "scheme": "firebreak",
    }
    return Notification(**{**fields, **given})


def raw(**given: Any) -> RawNotification:
    """The same, with key and no bytes."""
    made = notification(**given)
    return RawNotification(made, b"", made.incident_id.encode(), None)


def tick(at: Millis, *, simulated: bool = True) -> RawNotification:
    """A heartbeat at *at*."""
    source = PLAYER_SOURCE if simulated else CLOCK_SOURCE
    beat = notification(
        kind=Kind.HEARTBEAT,
        source=source,
        source_ref="",
        occurred_at=at,
        published_at=at,
        area_code=None,
        category="",
        scheme="",
    )
    return RawNotification(beat, b"", b"heartbeat", None)


class PlainPlaces:
    """Region "R": the area code is the area, ``A/1`` is ward A/1 of area A; the category is the one group."""

    def situate(self, notification: Notification) -> Situation:
        code = notification.area_code
        if not code:
            return Situation("R", "UNKNOWN", "", "", ("LOCATION_MISSING",))
        area, _, ward = code.partition("/")
        return Situation("R", area, code if ward else "", "2025", ())

    def classify(self, region: str, notification: Notification) -> Classification | Refused:  # noqa: ARG002 - protocol
        return Classification(notification.category, tuple(sorted(notification.category.split("+"))))
