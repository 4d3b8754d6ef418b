"""
All that the notifier knows, and what of it has to be written: pure but for its own memory.

Every change is a row of the journal; the rows of one step are written in one transaction with the position, so that
a step is done wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from consumers.notify import deliveries as post
from consumers.notify.cases import Box, Case, Decision, Hold, Leave, Outcome, Rules, Send, What
from consumers.notify.channels.base import Refused, Result
from consumers.notify.deliveries import Delivery, Status
from consumers.notify.policy import on_box, on_event, on_expired, on_time
from consumers.notify.routes import Recipient
from schemas.errors import Fatal
from schemas.events import DAY, AlertEvent, AlertKind, Millis

JOURNAL = "notifier.journal"
DELIVERIES = "notifications.deliveries"
POSITION = "position"
REMEMBERED: Millis = 28 * DAY
"""So long after its end an alert can be reopened or retracted."""
EVERY: Millis = DAY
"""How often old cases are looked for."""


_HUSHING = frozenset({AlertKind.SILENCED, AlertKind.PLANNED, AlertKind.UNSILENCED})


class Write(NamedTuple):
    """One record: topic by its id, key, and value; None deletes a row."""

    topic: str
    key: str
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One record of ``notifications.deliveries``: a decision, or what became of a message."""

    delivery_id: str
    at: Millis
    status: str
    detail: str
    what: str
    why: str
    recipient: str
    channel: str
    route: str
    alert_id: str
    event_id: str
    number: int
    attempt: int
    repeat: bool
    tense: str
    severity: str
    region: str
    group: str
    area: str
    alerts: tuple[str, ...]
    made_at: Millis


class Ledger:
    """
    State of the notifier.

    Parameters
    ----------
    rules
        The routes.

    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.cases: dict[str, Case] = {}
        self.boxes: dict[str, Box] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.positions: dict[int, int] = {}
        self.silences: dict[str, Millis] = {}
        """When each silence and planned event ends."""
        self._order = 0
        self._swept: Millis = 0
        self._rows: dict[str, Case | Box | Delivery | Millis | None] = {}
        self._moved = False
        self._reports: list[Report] = []
        self.expired: list[Delivery] = []
        """Messages that were given up since :meth:`drain`."""

    def restore(self, rows: Iterable[tuple[str, bytes | None]], now: Millis) -> None:
        """
        Take over the journal; what was being sent may have arrived.

        Raises
        ------
        Fatal
            A row is not what this version writes.

        """
        newest = dict(rows)
        try:
            for key, value in newest.items():
                if value is not None:
                    self._restore(key, value)
        except msgspec.DecodeError as error:
            raise Fatal(f"the notifier's journal is of another version: {error}") from error
        for delivery in list(self.deliveries.values()):
            if delivery.sending:
                self._put_delivery(post.interrupted(delivery, now))
        self._order = max((each.order for each in self.deliveries.values()), default=0)

    def _restore(self, key: str, value: bytes) -> None:
        kind, _, name = key.partition("|")
        if kind == "case":
            self.cases[name] = msgspec.json.decode(value, type=Case)
        elif kind == "box":
            self.boxes[name] = msgspec.json.decode(value, type=Box)
        elif kind == "delivery":
            self.deliveries[name] = msgspec.json.decode(value, type=Delivery)
        elif kind == "silence":
            self.silences[name] = msgspec.json.decode(value, type=int)
        elif key == POSITION:
            self.positions = msgspec.json.decode(value, type=dict[int, int])

    def take(self, event: AlertEvent, now: Millis) -> tuple[Decision, ...]:
        """Decide about an event."""
        if event.kind in _HUSHING:
            self._hush(event, now)
        waiting = {
            each.recipient: each.what
            for each in self.deliveries.values()
            if each.alert_id == event.alert_id and each.untold
        }
        outcome = on_event(self._rules, self.cases.get(event.alert_id), self.boxes, event, now, waiting)
        self._apply(event.alert_id, outcome, now)
        return outcome.decisions

    def _hush(self, event: AlertEvent, now: Millis) -> None:
        until = now if event.kind == AlertKind.UNSILENCED else event.until
        if until is not None and (event.kind != AlertKind.UNSILENCED or event.alert_id in self.silences):
            self.silences[event.alert_id] = until
            self._rows[f"silence|{event.alert_id}"] = until

    def _unhush(self, silence_id: str, now: Millis) -> Iterator[Decision]:
        """Tell of what is still open when the silence that hid it is over."""
        del self.silences[silence_id]
        self._rows[f"silence|{silence_id}"] = None
        for case in list(self.cases.values()):
            if case.event.silenced_by == silence_id and not case.over:
                yield from self.take(replace(case.event, silenced_by="", clock=now), now)

    def first_told(self, event: AlertEvent, decisions: Sequence[Decision]) -> bool:
        """Whether *decisions* are the first by which somebody is told of the alert."""
        case = self.cases.get(event.alert_id)
        return case is not None and case.number == 1 and any(not isinstance(each, Leave) for each in decisions)

    def moved(self, partition: int, offset: int) -> None:
        """The next record of *partition* to take in is that at *offset*."""
        self.positions[partition] = offset
        self._moved = True

    def time(self, now: Millis) -> tuple[Decision, ...]:
        """Do what is due: escalations, digests, what came too late; once a day forget what is long over."""
        decisions: list[Decision] = []
        for silence_id in [each for each, until in self.silences.items() if until <= now]:
            decisions += self._unhush(silence_id, now)
        for alert_id, case in list(self.cases.items()):
            if case.escalations and min(each.due for each in case.escalations) <= now:
                outcome = on_time(self._rules, case, self.boxes, now)
                self._apply(alert_id, outcome, now)
                decisions += outcome.decisions
        for delivery in list(self.deliveries.values()):
            if not delivery.sending and now >= delivery.expires_at:
                self._expire(delivery, now)
        for box in list(self.boxes.values()):
            decisions += self._emptied(box, now)
        if now - self._swept >= EVERY:
            self._sweep(now)
        return tuple(decisions)

    def begin(self, now: Millis, room: Mapping[str, int]) -> list[Delivery]:
        """Messages to send now, each with its row written as being sent."""
        chosen = [post.begun(each) for each in post.startable(self.deliveries.values(), now, dict(room))]
        for delivery in chosen:
            self._put_delivery(delivery)
            self._report(delivery, Status.SENDING, "", now)
        return chosen

    def ended(self, delivery_id: str, result: Result, now: Millis) -> Status:
        """Take in what became of an attempt."""
        delivery = self.deliveries[delivery_id]
        status, why, row = post.ended(delivery, result, now)
        self._report(delivery, status, why, now)
        if row is None:
            self._drop_delivery(delivery_id)
        else:
            self._put_delivery(row)
        return status

    def unreachable(self, channels: Iterable[str], now: Millis) -> None:
        """Give up messages by channels that the file of routes does not have any more."""
        there = set(channels)
        for delivery in list(self.deliveries.values()):
            if delivery.channel not in there:
                self.ended(delivery.delivery_id, Refused("the file of routes has no such channel"), now)

    def open_events(self, channel: str) -> list[AlertEvent]:
        """Newest events of open alerts that *channel* was told of."""
        return [
            case.event
            for case in self.cases.values()
            if not case.over and any(key.partition(":")[0] == channel and told.said for key, told in case.told.items())
        ]

    def drain(self) -> list[Write]:
        """All that has to be written since the last call."""
        found = [Write(JOURNAL, key, _encoded(row)) for key, row in self._rows.items()]
        if self._moved:
            found.append(Write(JOURNAL, POSITION, msgspec.json.encode(self.positions)))
        found += [Write(DELIVERIES, each.delivery_id, msgspec.json.encode(each)) for each in self._reports]
        self._rows.clear()
        self._reports.clear()
        self.expired.clear()
        self._moved = False
        return found

    def _apply(self, alert_id: str, outcome: Outcome, now: Millis) -> None:
        if outcome.case is not None and outcome.case != self.cases.get(alert_id):
            self.cases[alert_id] = outcome.case
            self._rows[f"case|{alert_id}"] = outcome.case
        self._put_boxes(outcome.boxes.values())
        for decision in outcome.decisions:
            self._carry_out(decision, now)

    def _carry_out(self, decision: Decision, now: Millis) -> None:
        match decision:
            case Send():
                if decision.supersedes:
                    self._cancel(decision.recipient, decision.event, now)
                self._intend(decision, now)
            case Leave(cancels=True):
                self._cancel(decision.recipient, decision.event, now)
                self._decided(decision, Status.LEFT, now)
            case Hold():
                self._decided(decision, Status.HELD, now)
            case Leave():
                self._decided(decision, Status.LEFT, now)

    def _intend(self, send: Send, now: Millis) -> None:
        self._order += 1
        known = self._rules.routes.by_key(send.recipient) or _by_key(send.recipient)
        delivery = post.delivery_of(send, known, self._order, now, self._rules.routes.limits.expires)
        self._put_delivery(delivery)
        self._report(delivery, Status.INTENT, "", now)

    def _cancel(self, recipient: str, event: AlertEvent | None, now: Millis) -> None:
        for each in list(self.deliveries.values()):
            same = event is not None and each.recipient == recipient and each.alert_id == event.alert_id
            if same and each.untold:
                self._report(each, Status.SUPERSEDED, "", now)
                self._drop_delivery(each.delivery_id)

    def _expire(self, delivery: Delivery, now: Millis) -> None:
        self.expired.append(delivery)
        self._report(delivery, Status.EXPIRED, "", now)
        self._drop_delivery(delivery.delivery_id)
        if delivery.event is None or delivery.what is What.RETRACTION or self._follows(delivery):
            return
        box = self.boxes.get(delivery.recipient) or Box(recipient=delivery.recipient)
        known = self.cases.get(delivery.alert_id)
        newest = delivery.event if known is None else known.event
        said = delivery.what is not What.ORIGINAL or delivery.unsure > 0
        case, box = on_expired(known, box, newest, now, said=said)
        self._put_boxes([box])
        if case is not None:
            self.cases[delivery.alert_id] = case
            self._rows[f"case|{delivery.alert_id}"] = case

    def _follows(self, delivery: Delivery) -> bool:
        """Whether a later message about the same alert is on its way to the same recipient."""
        return any(
            each.order > delivery.order and each.recipient == delivery.recipient and each.alert_id == delivery.alert_id
            for each in self.deliveries.values()
        )

    def _emptied(self, box: Box, now: Millis) -> Iterator[Decision]:
        if box.due is None or box.due > now:
            return
        after, cases, send = on_box(box, self.cases, now)
        self._put_boxes([after])
        for alert_id, case in cases.items():
            self.cases[alert_id] = case
            self._rows[f"case|{alert_id}"] = case
        if send is not None:
            self._intend(send, now)
            yield send

    def _put_boxes(self, boxes: Iterable[Box]) -> None:
        for box in boxes:
            self.boxes[box.recipient] = box
            self._rows[f"box|{box.recipient}"] = box

    def _put_delivery(self, delivery: Delivery) -> None:
        self.deliveries[delivery.delivery_id] = delivery
        self._rows[f"delivery|{delivery.delivery_id}"] = delivery

    def _drop_delivery(self, delivery_id: str) -> None:
        del self.deliveries[delivery_id]
        self._rows[f"delivery|{delivery_id}"] = None

    def _sweep(self, now: Millis) -> None:
        # the position is written again, too: a journal that nobody writes to for long must not lose it
        self._swept, self._moved = now, bool(self.positions)
        for alert_id, case in list(self.cases.items()):
            if case.over and case.touched < now - REMEMBERED:
                del self.cases[alert_id]
                self._rows[f"case|{alert_id}"] = None
        for recipient, box in list(self.boxes.items()):
            if not box.held and all(at < now - DAY for at in box.sent):
                del self.boxes[recipient]
                self._rows[f"box|{recipient}"] = None

    def _report(self, delivery: Delivery, status: Status, detail: str, now: Millis) -> None:
        event = delivery.event
        self._reports.append(
            Report(
                delivery_id=delivery.delivery_id,
                at=now,
                status=status,
                detail=detail,
                what=delivery.what,
                why=delivery.why,
                recipient=delivery.recipient,
                channel=delivery.channel,
                route=delivery.route,
                event_id="" if event is None else event.event_id,
                number=delivery.number,
                attempt=delivery.attempt,
                repeat=delivery.unsure > 0,
                alerts=tuple(each.event.alert_id for each in delivery.entries) if event is None else (event.alert_id,),
                made_at=delivery.made_at,
                **_about(event),
            )
        )

    def _decided(self, decision: Hold | Leave, status: Status, now: Millis) -> None:
        event = decision.event
        self._reports.append(
            Report(
                delivery_id=f"{event.alert_id}|{event.event_id}|{decision.recipient}",
                at=now,
                status=status,
                detail="",
                what="",
                why=decision.why,
                recipient=decision.recipient,
                channel=decision.recipient.partition(":")[0],
                route="",
                event_id=event.event_id,
                number=0,
                attempt=0,
                repeat=False,
                alerts=(event.alert_id,),
                made_at=now,
                **_about(event),
            )
        )


def _about(event: AlertEvent | None) -> dict[str, str]:
    names = ("alert_id", "tense", "severity", "region", "group", "area")
    return {name: "" if event is None else str(getattr(event, name)) for name in names}


def _encoded(row: Case | Box | Delivery | Millis | None) -> bytes | None:
    return None if row is None else msgspec.json.encode(row)


def _by_key(key: str) -> Recipient:
    channel, _, address = key.partition(":")
    return Recipient(name=key, channel=channel, address=address)
