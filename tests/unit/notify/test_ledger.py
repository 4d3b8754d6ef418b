"""The notifier's memory against a world in which messages are lost, nobody knows, and processes die."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.alerts import opened
from support.desk_rules import ANA, BEN, HUB, at, route, rules

from consumers.notify.cases import Case, Rules
from consumers.notify.channels.base import Delivered, Later, Refused, Result
from consumers.notify.deliveries import Delivery, Status
from consumers.notify.ledger import JOURNAL, Ledger
from consumers.notify.routes import MINUTE
from consumers.notify.times import clock
from schemas.errors import Fatal
from schemas.events import DAY, HOUR, AlertKind, Millis

ROOM = {"mail": 4, "hub": 4}
ALERTS = ("a", "b", "c")
BEGIN = at("09:00")
MACHINE = (*("OPENED", "UPDATED", "ESCALATED", "DEESCALATED", "ENDED", "RETRACTED"), *("CLOSED", "ACKNOWLEDGED"))


PEOPLE = frozenset({"CLOSED", "ACKNOWLEDGED"})


@dataclass(slots=True)
class World:
    """A notifier whose process may die: only what was written survives, and what arrived has arrived."""

    rules: Rules
    now: Millis = BEGIN
    rows: dict[str, bytes | None] = field(default_factory=dict)
    arrived: list[Delivery] = field(default_factory=list)
    taken: int = 0
    ledger: Ledger = field(init=False)
    reports: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.rules)

    def write(self) -> None:
        for topic, key, value in self.ledger.drain():
            if topic == JOURNAL:
                self.rows[key] = value

    def die(self) -> None:
        self.ledger = Ledger(self.rules)
        self.ledger.restore(self.rows.items(), self.now)

    def event(self, alert: str, kind: str, **given: Any) -> None:
        self.taken += 1
        fields: dict[str, Any] = {"tense": "ACTUAL", "event_id": f"{self.taken}", "opened_at": self.now, **given}
        self.ledger.take(opened(alert_id=alert, kind=AlertKind(kind), clock=self.now, **fields), self.now)
        self.ledger.moved(0, self.taken)
        self.write()

    def attempt(self, result: Result | None, *, arrives: bool) -> None:
        """One look at what is due; every attempt ends so, or (None) with the process."""
        self.ledger.time(self.now)
        started = self.ledger.begin(self.now, ROOM)
        self.write()
        self.arrived += [each for each in started if arrives]
        if result is None:
            self.die()
            return
        for each in started:
            self.ledger.ended(each.delivery_id, result, self.now)
        self.write()

    def rest(self) -> None:
        """All is well for two days."""
        for _ in range(400):
            self.attempt(Delivered(), arrives=True)
            self.now += 8 * MINUTE


def world(**limits: Any) -> World:
    return World(rules(route("ana", "hub"), route("ben", name="night", digest=clock("07:40")), **limits))


EVENTS = st.tuples(
    st.just("event"),
    st.sampled_from(ALERTS),
    st.sampled_from(MACHINE),
    st.sampled_from(("ACTUAL", "ACTUAL", "INJECTION")),
)
ATTEMPTS = st.tuples(
    st.just("attempt"),
    st.sampled_from(
        (
            (Delivered(), True),
            (Later("down"), False),
            (Later("cut", unsure=True), True),
            (Later("cut", unsure=True), False),
            (Later("busy", after=30.0), False),
            (None, True),
            (None, False),
        )
    ),
)
WAITS = st.tuples(st.just("wait"), st.sampled_from((1000, 30_000, 10 * MINUTE, 2 * HOUR)))


UNSURE = [("event", "a", "OPENED", "ACTUAL"), ("attempt", (Later("cut", unsure=True), True))]


@settings(max_examples=150)
@given(st.lists(st.one_of(EVENTS, ATTEMPTS, WAITS), max_size=25), st.sampled_from((2, 100)))
@example([*UNSURE, ("event", "a", "RETRACTED", "ACTUAL")], 100)
@example([*UNSURE, ("wait", 2 * HOUR), ("event", "a", "RETRACTED", "ACTUAL")], 2)
@example([*UNSURE, ("wait", 2 * HOUR), ("event", "a", "UPDATED", "ACTUAL")], 2)
@example([*UNSURE, ("wait", 2 * HOUR), ("attempt", (Delivered(), True)), ("event", "a", "RETRACTED", "ACTUAL")], 2)
def test_whatever_fails_everybody_hears_everything_once_or_marked(steps: list[Any], pages: int) -> None:
    it, injected, opened_ = world(pages=pages), set(), set()
    for step, *what in steps:
        if step == "event" and can_follow(it.ledger.cases.get(what[0]), what[1], known=what[0] in opened_):
            if what[0] not in opened_ and what[2] == "INJECTION":
                injected.add(what[0])
            opened_.add(what[0])
            it.event(what[0], what[1], tense="INJECTION" if what[0] in injected else "ACTUAL")
        elif step == "attempt":
            it.attempt(what[0][0], arrives=what[0][1])
        elif step == "wait":
            it.now += what[0]
    it.rest()

    told = [(each.recipient, alert, each) for each in it.arrived for alert in alerts_of(each)]
    assert not {alert for _, alert, _ in told} & injected
    unmarked = Counter(each.delivery_id for each in it.arrived if not each.unsure)
    assert not [delivery_id for delivery_id, n in unmarked.items() if n > 1]
    assert not it.ledger.deliveries
    assert not [box for box in it.ledger.boxes.values() if box.held]
    for who in (ANA, HUB, BEN):
        for alert in opened_ - injected:
            last = it.ledger.cases[alert].event
            mine = [each for recipient, about, each in told if (recipient, about) == (who, alert)]
            if last.kind == "RETRACTED":
                assert not mine or newest_of(mine[-1], alert) == "RETRACTED"
            else:
                assert mine, f"{who} was never told of {alert}"
                assert newest_of(mine[-1], alert) == last.kind


def can_follow(case: Case | None, kind: str, *, known: bool) -> bool:
    """Whether the detector would tell so: an alert opens once, and what is over does not move."""
    if not known or kind == "OPENED":
        return kind == "OPENED" and not known
    after = {"RETRACTED": PEOPLE, "ENDED": {*PEOPLE, "RETRACTED"}}
    return case is None or kind in after.get(case.event.kind, MACHINE)


def alerts_of(delivery: Delivery) -> list[str]:
    return [held.event.alert_id for held in delivery.entries] or [delivery.alert_id]


def newest_of(delivery: Delivery, alert: str) -> str:
    events = [*(held.event for held in delivery.entries), *([delivery.event] if delivery.event else [])]
    return next(event.kind for event in events if event.alert_id == alert)


def test_a_message_whose_attempt_was_cut_off_is_sent_again_and_says_so() -> None:
    it = world()
    it.event("a", "OPENED")
    it.attempt(None, arrives=True)

    it.attempt(Delivered(), arrives=True)

    assert [(each.recipient, each.subject.repeat) for each in it.arrived] == [
        *((ANA, False), (HUB, False)),
        *((ANA, True), (HUB, True)),
    ]


def test_an_event_that_was_taken_is_not_taken_again_after_a_crash() -> None:
    it = world()
    it.event("a", "OPENED")

    it.die()

    assert it.ledger.positions == {0: 1}
    assert {each.recipient for each in it.ledger.deliveries.values()} == {ANA, HUB}


def test_attempts_are_made_ever_less_often_and_as_the_server_asks() -> None:
    it = world()
    it.event("a", "OPENED")
    waits = []
    for _ in range(9):
        it.attempt(Later("down"), arrives=False)
        due = it.ledger.deliveries[f"a|1|{ANA}"].due
        waits.append((due - it.now) / 1000)
        it.now = due

    assert all(3 <= first <= 5 * 2**n for n, first in enumerate(waits))
    assert waits == sorted(waits) or max(waits) <= 300
    assert waits[-1] <= 300
    it.attempt(Later("busy", after=1000.0), arrives=False)
    assert it.ledger.deliveries[f"a|1|{HUB}"].due >= it.now + 1_000_000


def test_what_is_refused_for_good_is_not_tried_again() -> None:
    it = world()
    it.event("a", "OPENED")

    it.attempt(Refused("no such user"), arrives=False)

    assert not it.ledger.deliveries


def test_a_page_that_could_not_be_sent_for_an_hour_is_told_in_a_digest() -> None:
    it = world()
    it.event("a", "OPENED")
    for _ in range(15):
        it.attempt(Later("down"), arrives=False)
        it.now += 5 * MINUTE

    it.rest()

    assert [(each.recipient, each.what) for each in it.arrived[:2]] == [(ANA, "DIGEST"), (HUB, "DIGEST")]
    assert not [each for each in it.arrived if each.what == "ORIGINAL"]


def test_messages_to_one_recipient_keep_their_order_and_the_last_takes_the_place_of_those_before() -> None:
    it = world()
    it.event("a", "OPENED")
    it.attempt(Later("cut", unsure=True), arrives=False)
    it.event("a", "UPDATED")
    it.event("a", "ENDED")

    it.rest()

    assert [each.what for each in it.arrived if each.recipient == ANA] == ["ORIGINAL", "END"]


def test_a_channel_that_the_file_does_not_have_any_more_is_given_up() -> None:
    it = world()
    it.event("a", "OPENED")

    it.ledger.unreachable(["mail"], it.now)

    assert [each.recipient for each in it.ledger.deliveries.values()] == [ANA]


def test_old_alerts_are_forgotten_and_the_position_is_written_again() -> None:
    it = world()
    it.event("a", "OPENED")
    it.event("a", "ENDED")
    it.rest()
    it.now += 30 * DAY
    it.rows.pop("position")

    it.attempt(Delivered(), arrives=True)

    assert it.rows["case|a"] is None
    assert it.rows["position"] == b'{"0":2}'


@pytest.mark.parametrize("ends", ["by itself", "by hand"])
def test_what_is_still_open_when_its_silence_is_over_is_told_then(ends: str) -> None:
    it = world()
    it.event("s", "SILENCED", until=it.now + HOUR)
    it.event("a", "OPENED", silenced_by="s")
    it.event("b", "OPENED", silenced_by="s")
    it.event("b", "ENDED", silenced_by="s")
    it.attempt(Delivered(), arrives=True)
    assert it.arrived == []

    it.die()
    if ends == "by hand":
        it.event("s", "UNSILENCED")
    else:
        it.now += HOUR
    it.attempt(Delivered(), arrives=True)

    assert {(each.recipient, each.alert_id, each.what) for each in it.arrived} == {
        (ANA, "a", "ORIGINAL"),
        (HUB, "a", "ORIGINAL"),
    }
    assert not it.ledger.silences


def test_rows_of_another_version_are_refused() -> None:
    with pytest.raises(Fatal, match="another version"):
        world().ledger.restore([("case|a", b"{}")], 0)


def test_every_decision_is_reported_with_its_reason() -> None:
    it = world()
    it.ledger.take(opened(alert_id="x", kind=AlertKind.OPENED, clock=it.now, tense="INJECTION"), it.now)
    it.ledger.take(opened(alert_id="y", kind=AlertKind.OPENED, clock=it.now, tense="ACTUAL"), it.now)

    told = [write.value or b"" for write in it.ledger.drain() if write.topic != JOURNAL]

    assert [b'"status":"%s"' % status.encode() in value for status, value in zip(_STATUSES, told, strict=True)] == [
        True
    ] * 4
    assert b"NOT_ACTUAL" in told[0]


_STATUSES = (Status.LEFT, Status.INTENT, Status.INTENT, Status.HELD)
