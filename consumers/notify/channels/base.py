"""What every way to tell has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from consumers.notify.message import Composer, Subject, Text, disclosed
from schemas.events import AlertEvent, Millis

DEADLINE = 15.0
"""Seconds that one attempt may take in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """
    One message on its way to one address.

    ``delivery_id`` is the same in every attempt. ``made_at`` is when it was decided, ``sent_at`` the time of this
    attempt.
    """

    delivery_id: str
    address: str
    subject: Subject
    composer: Composer
    made_at: Millis
    sent_at: Millis

    @property
    def text(self) -> Text:
        """The message to read."""
        return self.composer.text(self.subject)

    @property
    def events(self) -> tuple[AlertEvent, ...]:
        """What may leave of the alerts that it is about."""
        told = [held.event for held in self.subject.entries] if self.subject.event is None else [self.subject.event]
        return tuple(disclosed(event, self.composer.gazetteer) for event in told)


@dataclass(frozen=True, slots=True)
class Delivered:
    """It arrived."""


@dataclass(frozen=True, slots=True)
class Later:
    """
    It did not arrive, and may on another attempt, not before ``after`` seconds if that is said.

    With ``unsure`` nobody can tell whether it arrived: the next attempt has to say that it may be a repeat.
    """

    why: str
    after: float | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never arrive there."""

    why: str


Result = Delivered | Later | Refused


class Channel(Protocol):
    """One way to tell; called from threads, several at a time."""

    def send(self, parcel: Parcel) -> Result:
        """Make one attempt, within :data:`DEADLINE` seconds."""
        ...


class Standing(Protocol):
    """A way that has to be told again and again of what is open."""

    def refresh(self, events: Sequence[AlertEvent], composer: Composer, now: Millis) -> Result:
        """Tell of all that is open."""
        ...
