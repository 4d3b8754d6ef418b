"""What a notification must satisfy before it changes any count, and which of its clocks decides its hour."""

from __future__ import annotations

from typing import NamedTuple

from schemas.events import DAY, HOUR, Kind, Millis, Notification, Precision, Quality, Reason, TimeRule

FUTURE_ALLOWANCE: Millis = 300_000
"""Clocks of sources may run ahead of the broker's by so much; one clock that is further ahead must not move ours."""

HISTORIC_AFTER: Millis = 28 * DAY
EARLIEST: Millis = 315_532_800_000
"""1980-01-01: an exact time before it is a placeholder, not a memory."""

_SECONDS_FROM: Millis = EARLIEST // 1000
_SECONDS_UNTIL: Millis = 10_000_000_000
_EXACT = frozenset({Precision.MINUTE, Precision.HOUR})
_WITHOUT_CONTENT = frozenset({Kind.CANCELLED, Kind.MERGED, Kind.CLOSED})


class Refused(NamedTuple):
    """The notification changes nothing; why."""

    reason: Reason
    detail: str


class Timed(NamedTuple):
    """The instant an incident is counted at, the clock that gave it, and what is weak about it."""

    at: Millis
    rule: TimeRule
    quality: tuple[str, ...]

    @property
    def hour(self) -> Millis:
        """Start of the UTC hour that holds the instant."""
        return self.at - self.at % HOUR


def has_content(notification: Notification) -> bool:
    """Whether the notification says what and where, so that it alone decides what is counted."""
    if notification.kind in _WITHOUT_CONTENT:
        return False
    return bool(notification.category) or notification.kind != Kind.REINSTATED


def refuse_coordinates(longitude: float | None, latitude: float | None) -> Refused | None:
    """
    Refuse half a position, one off the globe, and 0/0, which is what a failed geocoder writes.

    >>> refuse_coordinates(-0.12, 51.5) is None
    True
    >>> refuse_coordinates(float("nan"), 51.5).reason.value
    'bad_coordinates'
    """
    if longitude is None and latitude is None:
        return None
    if longitude is None or latitude is None:
        return Refused(Reason.BAD_COORDINATES, f"longitude {longitude}, latitude {latitude}: one without the other")
    if not (-180.0 <= longitude <= 180.0 and -90.0 <= latitude <= 90.0):
        return Refused(Reason.BAD_COORDINATES, f"longitude {longitude}, latitude {latitude} is not on the globe")
    if longitude == 0.0 and latitude == 0.0:
        return Refused(Reason.ZERO_COORDINATES, "longitude 0, latitude 0 is what a failed geocoder writes")
    return None


def refuse_times(notification: Notification, received_at: Millis) -> Refused | None:
    """Refuse times ahead of the append time, epoch 0 and other placeholders, and seconds given for milliseconds."""
    latest = received_at + FUTURE_ALLOWANCE
    for at in (
        notification.occurred_at,
        notification.reported_at,
        notification.recorded_at,
        notification.published_at,
    ):
        if at is not None and not EARLIEST <= at <= latest:
            return _doubtful(notification, received_at)
    return None


def _doubtful(notification: Notification, received_at: Millis) -> Refused | None:
    exact = notification.precision in _EXACT
    for name in ("occurred_at", "reported_at", "recorded_at", "published_at"):
        at: Millis | None = getattr(notification, name)
        if at is None or EARLIEST <= at <= received_at + FUTURE_ALLOWANCE:
            continue
        if at > received_at:
            return Refused(Reason.FUTURE_TIME, f"{name} {at} is {(at - received_at) // 1000} s ahead of its arrival")
        if exact or name != "occurred_at" or at == 0:
            return _implausible(name, at)
    return None


def _implausible(name: str, at: Millis) -> Refused:
    if _SECONDS_FROM <= at < _SECONDS_UNTIL:
        return Refused(Reason.SECONDS_FOR_MILLISECONDS, f"{name} {at} looks like seconds; milliseconds are expected")
    return Refused(Reason.PLACEHOLDER_TIME, f"{name} {at} is before 1980: a placeholder")


def event_time(notification: Notification) -> Timed | Refused:
    """
    The instant to count at: occurred where known to the hour or better, else reported, else published.

    >>> n = Notification("REPORTED", "s", "1", 1, None, 1_600_000_000_000, None, None, "A", "c", "x")
    >>> event_time(n).rule.value
    'PUBLISHED'
    """
    occurred, reported = notification.occurred_at, notification.reported_at
    if occurred is not None and notification.precision in _EXACT:
        known = reported if reported is not None else notification.published_at
        historic = known is not None and known - occurred > HISTORIC_AFTER
        return Timed(occurred, TimeRule.OCCURRED, (Quality.HISTORIC,) if historic else ())
    if reported is not None:
        return Timed(reported, TimeRule.REPORTED, (Quality.TIME_IMPRECISE,))
    if notification.published_at is not None:
        return Timed(notification.published_at, TimeRule.PUBLISHED, (Quality.TIME_IMPRECISE,))
    return Refused(Reason.NO_TIME, "neither occurred_at to the hour, nor reported_at, nor published_at is given")
