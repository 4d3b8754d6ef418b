"""
Messages on their way: one row each, from the decision to what became of it.

The row of a message is written before it is sent, and again after: whoever starts after a crash finds those of which
nobody knows whether they arrived, and sends them again, marked as what they may be, a repeat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from consumers.notify.cases import Held, Send, What
from consumers.notify.channels.base import Delivered, Later, Refused, Result
from consumers.notify.message import Subject
from consumers.notify.routes import MINUTE, Recipient
from schemas.events import DAY, AlertEvent, Millis

FIRST_WAIT: Millis = 5_000
LONGEST_WAIT: Millis = 5 * MINUTE
LAST: Millis = DAY
"""So long is tried to deliver a retraction, and a digest."""


class Status(StrEnum):
    """Where a message stands, or what was decided instead of one."""

    INTENT = "INTENT"
    SENDING = "SENDING"
    SENT = "SENT"
    RETRY = "RETRY"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    HELD = "HELD"
    LEFT = "LEFT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One message to one recipient; ``order`` is that of the decisions.

    ``attempt`` counts those begun, ``unsure`` those of which nobody knows whether they arrived.
    """

    delivery_id: str
    order: int
    recipient: str
    channel: str
    address: str
    what: What
    why: str
    route: str
    event: AlertEvent | None
    number: int
    entries: tuple[Held, ...]
    made_at: Millis
    expires_at: Millis
    due: Millis
    attempt: int = 0
    sending: bool = False
    unsure: int = 0

    @property
    def alert_id(self) -> str:
        """The alert, "" for a digest."""
        return "" if self.event is None else self.event.alert_id

    @property
    def untold(self) -> bool:
        """Whether it certainly has not arrived."""
        return not self.sending and not self.unsure

    @property
    def subject(self) -> Subject:
        """What it says."""
        return Subject(
            what=self.what,
            why=self.why,
            event=self.event,
            number=self.number,
            entries=self.entries,
            repeat=self.unsure > 0,
        )


def delivery_of(send: Send, recipient: Recipient, order: int, now: Millis, fresh: Millis) -> Delivery:
    """The message that a decision means; it is news for *fresh* ms."""
    about = f"digest|{now}" if send.event is None else f"{send.event.alert_id}|{send.number}"
    lasting = send.event is None or send.what is What.RETRACTION
    return Delivery(
        delivery_id=f"{about}|{recipient.key}",
        order=order,
        recipient=recipient.key,
        channel=recipient.channel,
        address=recipient.address,
        what=send.what,
        why=send.why,
        route=send.route,
        event=send.event,
        number=send.number,
        entries=send.entries,
        made_at=now,
        expires_at=now + (LAST if lasting else fresh),
        due=now,
    )


def begun(delivery: Delivery) -> Delivery:
    """The row before an attempt."""
    return replace(delivery, sending=True, attempt=delivery.attempt + 1)


def interrupted(delivery: Delivery, now: Millis) -> Delivery:
    """The row of a message whose attempt was cut off."""
    if not delivery.sending:
        return delivery
    return replace(delivery, sending=False, unsure=delivery.unsure + 1, due=now)


def ended(delivery: Delivery, result: Result, now: Millis) -> tuple[Status, str, Delivery | None]:
    """Status, its reason, and the row after an attempt, None if there is nothing more to do."""
    match result:
        case Delivered():
            return Status.SENT, "", None
        case Refused(why):
            return Status.FAILED, why, None
        case Later(why, after, unsure):
            waited = max(_wait(delivery), int((after or 0.0) * 1000))
            row = replace(delivery, sending=False, unsure=delivery.unsure + unsure, due=now + waited)
            return Status.RETRY, why, row


def _wait(delivery: Delivery) -> Millis:
    """Twice as long each time, spread by a third so that not all come back at once."""
    longest = min(FIRST_WAIT << min(delivery.attempt - 1, 16), LONGEST_WAIT)
    spread = hashlib.sha256(f"{delivery.delivery_id}{delivery.attempt}".encode()).digest()[0]
    return longest * 2 // 3 + longest * spread // 765


def startable(deliveries: Iterable[Delivery], now: Millis, room: dict[str, int]) -> list[Delivery]:
    """
    Messages to begin now, at most as many of each channel as there is *room* for.

    Those to one recipient go one after the other, in order.
    """
    busy: set[str] = set()
    chosen = []
    for delivery in sorted(deliveries, key=lambda each: each.order):
        if delivery.recipient in busy:
            continue
        busy.add(delivery.recipient)
        if not delivery.sending and delivery.due <= now and room.get(delivery.channel, 0) > 0:
            room[delivery.channel] -= 1
            chosen.append(delivery)
    return chosen
