"""Who is told what, and why: the policy by tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.desk_rules import ANA, BEN, HUB, LEAD, Desk, at, route, rules

from consumers.notify.cases import What
from consumers.notify.routes import MINUTE, Escalation
from consumers.notify.times import clock, span
from schemas.events import HOUR

CRITICAL: dict[str, Any] = {"severity": "CRITICAL"}


@pytest.mark.parametrize(
    ("given", "event", "told"),
    [
        ({}, {}, True),
        ({"severity": "CRITICAL"}, {}, False),
        ({"severity": "CRITICAL"}, CRITICAL, True),
        ({"regions": frozenset({"leeds"})}, {}, False),
        ({"levels": frozenset({"ward"})}, {}, False),
        ({"groups": frozenset({"robbery"})}, {}, True),
        ({"groups": frozenset({"knife_crime"})}, {}, False),
        ({"areas": frozenset({"B"})}, {}, True),
        ({"areas": frozenset({"C"})}, {}, False),
        ({"areas": frozenset({"B"})}, {"areas": ("B1",)}, True),
        ({"areas": frozenset({"C"})}, {"areas": ("B", "C")}, True),
        ({"when": (span("mon-fri 07:00-23:00"),)}, {}, True),
        ({"when": (span("sat-sun 07:00-23:00"),)}, {}, False),
        ({"when": (span("22:00-07:00"),)}, {}, False),
    ],
)
def test_a_route_tells_of_what_fits(given: dict[str, Any], event: dict[str, Any], told: bool) -> None:
    desk = Desk(rules(route("ana", **given)))

    said = desk.event("OPENED", "14:00", **event)

    assert said == ([f"tell {ANA} ORIGINAL FIRST"] if told else ["leave all NO_ROUTE"])


def test_a_recipient_of_two_routes_is_told_once() -> None:
    desk = Desk(rules(route("ana", "hub"), route("ana", name="more")))

    assert desk.event("OPENED", "14:00") == [f"tell {ANA} ORIGINAL FIRST", f"tell {HUB} ORIGINAL FIRST"]


@pytest.mark.parametrize(
    ("event", "why"),
    [
        ({"tense": "INJECTION"}, "NOT_ACTUAL"),
        ({"tense": "TEST"}, "NOT_ACTUAL"),
        ({"inhibited_by": "b"}, "INHIBITED"),
        ({"silenced_by": "s"}, "SILENCED"),
    ],
)
def test_nobody_is_told_with_the_reason(event: dict[str, Any], why: str) -> None:
    desk = Desk(rules(route("ana")))

    assert desk.event("OPENED", "14:00", **event) == [f"leave all {why}"]


def test_an_exercise_is_told() -> None:
    assert Desk(rules(route("ana"))).event("OPENED", "14:00", tense="EXERCISE") == [f"tell {ANA} ORIGINAL FIRST"]


@pytest.mark.parametrize(
    ("kind", "what", "why"),
    [
        ("UPDATED", "UPDATE", "UPDATED"),
        ("DEESCALATED", "UPDATE", "UPDATED"),
        ("ENDED", "END", "ENDED"),
        ("CLOSED", "END", "CLOSED"),
        ("RETRACTED", "RETRACTION", "RETRACTED"),
        ("REOPENED", "UPDATE", "UPDATED"),
    ],
)
def test_how_it_goes_on_is_told_to_exactly_those_who_were_told(kind: str, what: str, why: str) -> None:
    day = span("07:00-23:00")
    desk = Desk(
        rules(route("ana", when=(day,)), route("hub", name="systems"), route("lead", name="x", severity="CRITICAL"))
    )
    desk.event("OPENED", "14:00")

    said = desk.event(kind, "15:00")

    assert said == [f"tell {ANA} {what} {why}", f"tell {HUB} {what} {why}"]


@pytest.mark.parametrize("kind", ["ACKNOWLEDGED", "NOTED", "SNOOZED", "REFUSED", "SILENCED", "LINKED"])
def test_what_people_do_is_not_told(kind: str) -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "14:00")

    assert desk.event(kind, "15:00") == []


def test_who_joins_when_it_grows_gets_an_original() -> None:
    desk = Desk(
        rules(
            route("ana", areas=frozenset({"B"})),
            route("lead", name="lead", severity="CRITICAL"),
            route("hub", name="c", areas=frozenset({"C"})),
        )
    )
    desk.event("OPENED", "14:00")

    worse = desk.event("ESCALATED", "15:00", **CRITICAL)
    wider = desk.event("UPDATED", "16:00", areas=("B", "C"), **CRITICAL)

    assert worse == [f"tell {ANA} UPDATE ESCALATED", f"tell {LEAD} ORIGINAL ESCALATED"]
    assert wider == [f"tell {ANA} UPDATE UPDATED", f"tell {LEAD} UPDATE UPDATED", f"tell {HUB} ORIGINAL NEW_AREA"]


def test_a_silence_hides_updates_and_no_retraction() -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "14:00")

    assert desk.event("UPDATED", "14:10", silenced_by="s") == ["leave all SILENCED"]
    assert desk.event("RETRACTED", "14:20", silenced_by="s") == [f"tell {ANA} RETRACTION RETRACTED"]


def test_a_snoozed_alert_is_told_again_only_when_it_grows_worse_or_is_over() -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "14:00")
    desk.event("SNOOZED", "14:01", until=at("16:00"))

    assert desk.event("UPDATED", "15:00") == [f"leave {ANA} SNOOZED"]
    assert desk.event("ESCALATED", "15:10", **CRITICAL) == [f"tell {ANA} UPDATE ESCALATED"]
    assert desk.event("UPDATED", "16:00", **CRITICAL) == [f"tell {ANA} UPDATE UPDATED"]


def test_when_nobody_acknowledges_the_next_are_told() -> None:
    steps = (Escalation(after=15 * MINUTE, to=("lead",)), Escalation(after=HOUR, to=("ana", "hub")))
    desk = Desk(rules(route("ana", escalate=steps)))
    desk.event("OPENED", "14:00")

    assert desk.time("14:14") == []
    assert desk.time("14:15") == [f"tell {LEAD} ORIGINAL UNACKNOWLEDGED"]
    assert desk.time("14:16") == []
    assert desk.time("15:00") == [f"tell {ANA} REMINDER UNACKNOWLEDGED", f"tell {HUB} ORIGINAL UNACKNOWLEDGED"]
    assert desk.event("UPDATED", "15:30") == [f"tell {who} UPDATE UPDATED" for who in (ANA, LEAD, HUB)]
    assert desk.time("23:00") == []


@pytest.mark.parametrize("kind", ["ACKNOWLEDGED", "CLOSED", "ENDED", "RETRACTED"])
def test_who_answers_or_ends_it_stops_the_escalation(kind: str) -> None:
    desk = Desk(rules(route("ana", escalate=(Escalation(after=15 * MINUTE, to=("lead",)),))))
    desk.event("OPENED", "14:00")

    desk.event(kind, "14:10")

    assert desk.time("15:00") == []


def test_a_worse_alert_asks_again_although_it_was_acknowledged() -> None:
    desk = Desk(rules(route("ana", escalate=(Escalation(after=15 * MINUTE, to=("lead",)),))))
    desk.event("OPENED", "14:00")
    desk.event("ACKNOWLEDGED", "14:10")

    desk.event("ESCALATED", "16:00", **CRITICAL)

    assert desk.time("16:15") == [f"tell {LEAD} ORIGINAL UNACKNOWLEDGED"]


def test_a_snooze_puts_the_escalation_off() -> None:
    desk = Desk(rules(route("ana", escalate=(Escalation(after=15 * MINUTE, to=("lead",)),))))
    desk.event("OPENED", "14:00")
    desk.event("SNOOZED", "14:05", until=at("16:00"))

    assert desk.time("14:30") == []
    assert desk.time("16:00") == [f"tell {LEAD} ORIGINAL UNACKNOWLEDGED"]


def test_quiet_hours_hold_back_what_does_not_wake_and_the_morning_tells_it_as_it_is_then() -> None:
    desk = Desk(rules(route("ben")))

    assert desk.event("OPENED", "23:30") == [f"hold {BEN} QUIET_HOURS until Tue 07:00"]
    assert desk.event("UPDATED", "03:00", day=3) == []
    assert desk.event("OPENED", "03:10", day=3, alert="b", **CRITICAL) == [f"tell {BEN} ORIGINAL FIRST"]
    assert desk.event("ENDED", "06:00", day=3) == []
    assert desk.time("06:59", day=3) == []
    assert desk.time("07:00", day=3) == [f"tell {BEN} DIGEST DIGEST a:ENDED"]
    assert desk.time("07:01", day=3) == []


def test_what_was_never_said_is_not_taken_back() -> None:
    desk = Desk(rules(route("ben")))
    desk.event("OPENED", "23:30")

    assert desk.event("RETRACTED", "03:00", day=3) == [f"leave {BEN} SUPERSEDED"]
    assert desk.time("08:00", day=3) == []


def test_what_was_said_before_the_night_is_taken_back_in_the_morning() -> None:
    desk = Desk(rules(route("ben")))
    desk.event("OPENED", "21:30")
    desk.event("UPDATED", "23:00")

    assert desk.event("RETRACTED", "03:00", day=3) == []
    assert desk.time("07:00", day=3) == [f"tell {BEN} DIGEST DIGEST a:RETRACTED"]


def test_a_digest_route_collects_until_its_time() -> None:
    desk = Desk(rules(route("ana", digest=clock("07:40"))))

    first = desk.event("OPENED", "09:00")
    second = desk.event("OPENED", "06:00", day=3, alert="b", **CRITICAL)

    assert first == [f"hold {ANA} DIGEST until Tue 07:40"]
    assert second == [f"hold {ANA} DIGEST until Tue 07:40"]
    assert desk.time("07:40", day=3) == [f"tell {ANA} DIGEST DIGEST b:OPENED a:OPENED"]
    assert desk.event("RETRACTED", "08:00", day=3) == [f"tell {ANA} RETRACTION RETRACTED"]


def test_a_storm_becomes_one_digest() -> None:
    desk = Desk(rules(route("ana"), pages=3))

    said = [desk.event("OPENED", f"14:0{n}", alert=f"a{n}")[0] for n in range(6)]

    assert said[:3] == [f"tell {ANA} ORIGINAL FIRST"] * 3
    assert said[3:] == [f"hold {ANA} STORM until Mon 14:{minute:02}" for minute in (8, 9, 10)]
    assert desk.time("14:08") == [f"tell {ANA} DIGEST DIGEST a3:OPENED a4:OPENED a5:OPENED"]
    assert desk.event("OPENED", "14:20", alert="later") == [f"tell {ANA} ORIGINAL FIRST"]


def test_what_is_old_after_an_outage_is_one_digest_and_no_page() -> None:
    desk = Desk(rules(route("ana")))

    assert desk.event("OPENED", "09:00", now="14:00") == [f"hold {ANA} EXPIRED until Mon 14:01"]
    assert desk.event("OPENED", "13:30", now="14:00", alert="b") == [f"tell {ANA} ORIGINAL FIRST"]
    assert desk.time("14:01") == [f"tell {ANA} DIGEST DIGEST a:OPENED"]


def test_a_retraction_is_told_however_late() -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "09:00")

    assert desk.event("RETRACTED", "10:00", now="14:00") == [f"tell {ANA} RETRACTION RETRACTED"]


@pytest.mark.parametrize(
    ("kind", "waits", "said"),
    [
        ("UPDATED", What.ORIGINAL, "tell {} ORIGINAL UPDATED instead"),
        ("UPDATED", What.UPDATE, "tell {} UPDATE UPDATED instead"),
        ("ENDED", What.ORIGINAL, "tell {} END ENDED instead"),
        ("RETRACTED", What.ORIGINAL, "leave {} SUPERSEDED cancel"),
        ("RETRACTED", What.UPDATE, "tell {} RETRACTION RETRACTED instead"),
    ],
)
def test_what_is_still_on_its_way_is_replaced(kind: str, waits: What, said: str) -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "14:00")
    desk.undelivered[ANA] = waits

    assert desk.event(kind, "14:30") == [said.format(ANA)]


def test_who_takes_an_alert_on_is_told_so() -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "14:00")

    assert desk.event("ASSIGNED", "14:10", assignee="lead", actor="ana") == [f"tell {LEAD} ORIGINAL ASSIGNED"]
    assert desk.event("ASSIGNED", "14:20", assignee="ana", actor="ben") == []
    assert desk.event("ASSIGNED", "14:20", assignee="stranger", actor="ben") == []
    assert desk.event("ENDED", "15:00") == [f"tell {ANA} END ENDED", f"tell {LEAD} END ENDED"]


def test_who_is_not_in_the_file_any_more_hears_how_it_goes_on() -> None:
    desk = Desk(rules(route("ana")))
    desk.event("OPENED", "14:00")
    routes = rules(route("hub")).routes
    desk.rules = replace(desk.rules, routes=replace(routes, recipients={"hub": routes.recipients["hub"]}))

    assert desk.event("RETRACTED", "15:00") == [f"tell {ANA} RETRACTION RETRACTED"]
