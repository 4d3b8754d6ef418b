"""What people do to alerts through the log: obeyed once, refused with a reason, audited; linked calls count once."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.towns import START, Town, command, count, detect, spiked

from schemas.events import (
    DAY,
    HOUR,
    AlertEvent,
    AlertKind,
    AlertReason,
    AreaCount,
    AuditEntry,
    Command,
    CommandKind,
    Contribution,
    HourCount,
    Tick,
)
from streams.core.alert import AlertState
from streams.core.desk import Silence
from streams.core.links import Links


def the_alert(town: Town) -> AlertState:
    (alert,) = (alert for alert in town.stage.alerts() if alert.is_open)
    return alert


def audit(town: Town) -> list[AuditEntry]:
    return [output.value for output in town.outputs if isinstance(output.value, AuditEntry)]


def since(town: Town, outputs: int) -> list[AlertEvent]:
    return [output.value for output in town.outputs[outputs:] if isinstance(output.value, AlertEvent)]


def of_c(town: Town) -> list[str]:
    return [each for each in the_alert(town).evidence.incidents if each.startswith("s|C")]


def newest_count(town: Town, area: str = "C") -> AreaCount:
    return [each for each in town.counts if each.area == area][-1]


def test_a_day_at_the_desk_is_told_in_the_log_and_audited_with_before_and_after() -> None:
    town = spiked()
    alert, begun = the_alert(town).alert_id, len(town.outputs)

    town.feed(command(CommandKind.ACKNOWLEDGE, alert, severity_seen=the_alert(town).severity))
    town.feed(command(CommandKind.ASSIGN, alert, assignee="lead"))
    town.feed(command(CommandKind.NOTE, alert, text="called the borough"))
    town.feed(command(CommandKind.SNOOZE, alert, until=town.now + HOUR))
    town.feed(command(CommandKind.CLOSE, alert, outcome="real", action="visit"))
    town.feed(command(CommandKind.REOPEN, alert))

    told = since(town, begun)
    assert [event.kind for event in told] == [
        *(AlertKind.ACKNOWLEDGED, AlertKind.ASSIGNED, AlertKind.NOTED),
        *(AlertKind.SNOOZED, AlertKind.CLOSED, AlertKind.REOPENED),
    ]
    assert [event.cause for event in told] == [f"{kind}-1" for kind in CommandKind if kind in _OF_AN_ALERT]
    assert (told[1].assignee, told[3].until, told[2].text) == ("lead", town.now + HOUR, "called the borough")
    entries = audit(town)
    assert [(entry.what, entry.actor, entry.of, entry.done) for entry in entries] == [
        (kind, "ana", alert, True) for kind in CommandKind if kind in _OF_AN_ALERT
    ]
    assert (entries[0].before["acknowledged_by"], entries[0].after["acknowledged_by"]) == ("", "ana")
    assert (entries[4].before["status"], entries[4].after["status"]) == ("ACKNOWLEDGED", "CLOSED")
    assert all(one.after == next_.before for one, next_ in pairwise(entries))


_OF_AN_ALERT = {
    *(CommandKind.ACKNOWLEDGE, CommandKind.ASSIGN, CommandKind.NOTE),
    *(CommandKind.SNOOZE, CommandKind.CLOSE, CommandKind.REOPEN),
}


@pytest.mark.parametrize(
    ("kind", "given_", "why"),
    [
        (CommandKind.ACKNOWLEDGE, {"severity_seen": "WATCH"}, "WATCH was seen"),
        (CommandKind.ASSIGN, {}, "assignee"),
        (CommandKind.NOTE, {}, "text"),
        (CommandKind.SNOOZE, {"until": START}, "still to come"),
        (CommandKind.CLOSE, {"outcome": "real"}, "action must be one of"),
        (CommandKind.CLOSE, {"outcome": "so what", "action": "visit"}, "outcome must be one of"),
        (CommandKind.REOPEN, {}, "not closed"),
        (CommandKind.LINK, {"incidents": ("s|x",)}, "two incidents"),
        (CommandKind.LINK, {"incidents": ("s|x", "s|y")}, "no incident s|x, s|y"),
        (CommandKind.UNLINK, {}, "an incident is needed"),
        (CommandKind.SILENCE, {"until": START + 100 * DAY}, "reason"),
        (CommandKind.SILENCE, {"text": "works", "until": START}, "still to come"),
        (CommandKind.SILENCE, {"text": "works", "until": START + 200 * DAY}, "31 days"),
        (CommandKind.PLAN, {"text": "fair", "until": START + 200 * DAY}, "60 days"),
        (CommandKind.PLAN, {"text": "fair", "since": START + 90 * DAY, "until": START + 80 * DAY}, "still to come"),
        (CommandKind.UNSILENCE, {}, "no silence"),
    ],
)
def test_what_can_not_be_done_is_refused_with_the_reason_and_changes_nothing(
    kind: CommandKind, given_: dict[str, Any], why: str
) -> None:
    town = spiked()
    before, begun = the_alert(town), len(town.outputs)

    town.feed(command(kind, before.alert_id, **given_))

    (event,), (entry,) = since(town, begun), audit(town)
    assert (event.kind, event.cause) == (AlertKind.REFUSED, f"{kind}-1")
    assert why in event.changed
    assert (entry.done, entry.reason) == (False, event.changed)
    assert entry.before == entry.after
    assert the_alert(town) == before


def test_a_repeated_command_is_not_obeyed_again_whatever_became_of_it() -> None:
    town = spiked()
    hush = command(CommandKind.SILENCE, "", text="works", until=town.now + DAY)
    early = command(CommandKind.REOPEN, the_alert(town).alert_id)

    for each in (hush, early, command(CommandKind.UNSILENCE, "SILENCE-1"), hush):
        town.feed(each)
    town.feed(command(CommandKind.CLOSE, the_alert(town).alert_id, outcome="real", action="visit"))
    town.feed(early)

    kinds = [event.kind for event in town.events if event.cause[-2:] == "-1"]
    assert kinds == [AlertKind.SILENCED, AlertKind.REFUSED, AlertKind.UNSILENCED, AlertKind.CLOSED]


def test_an_alert_of_another_region_is_not_moved() -> None:
    town = spiked()
    foreign = command(CommandKind.ACKNOWLEDGE, the_alert(town).alert_id)._replace(region="elsewhere")

    town.feed(foreign)

    assert the_alert(town).status == "OPEN"


def test_a_silence_is_named_by_the_events_it_hides_until_it_ends() -> None:
    town = spiked()
    alert = the_alert(town)

    town.feed(command(CommandKind.SILENCE, "", group="knife_crime", text="works", until=town.now + HOUR))
    silenced = town.events[-1]
    town.feed(command(CommandKind.NOTE, alert.alert_id, text="within"))
    town.hours(1)
    town.feed(command(CommandKind.NOTE, alert.alert_id, text="after", command_id="n2"))

    assert (silenced.kind, silenced.alert_id, silenced.until) == ("SILENCED", "SILENCE-1", silenced.clock + HOUR)
    assert silenced.changed == "covers 1 open alert"
    notes = [event.silenced_by for event in town.events if event.kind == AlertKind.NOTED]
    assert notes == ["SILENCE-1", ""]


@pytest.mark.parametrize(
    ("at", "severity", "planned", "covered"),
    [
        (4, "ALERT", True, False),
        (5, "ALERT", True, True),
        (9, "ALERT", True, True),
        (10, "ALERT", True, False),
        (5, "CRITICAL", True, False),
        (5, "CRITICAL", False, True),
    ],
)
def test_a_planned_event_covers_its_time_and_all_but_what_is_critical(
    at: int, severity: str, planned: bool, covered: bool
) -> None:
    alert = replace(the_alert(spiked()), severity=severity)
    silence = Silence(
        silence_id="p", region="R", area="", group="", until=10, author="ana", reason="fair", since=5, planned=planned
    )

    assert silence.covers(alert, at) is covered


def test_two_incidents_that_are_one_event_count_once_and_the_alert_says_so() -> None:
    town = spiked()
    before, rolling, (one, two, *_) = the_alert(town), newest_count(town), of_c(town)
    begun = len(town.outputs)

    town.feed(command(CommandKind.LINK, before.alert_id, incidents=(one, two)))

    linked, corrected = since(town, begun)
    assert (linked.kind, linked.actor) == (AlertKind.LINKED, "ana")
    assert corrected.reason == AlertReason.CORRECTED
    assert corrected.kind in {AlertKind.UPDATED, AlertKind.DEESCALATED}
    assert {event.cause for event in (linked, corrected)} == {"LINK-1"}
    assert len({event.event_id for event in (linked, corrected)}) == 2
    assert corrected.observed < before.evidence.observed
    assert one in corrected.incidents
    assert two not in corrected.incidents
    assert newest_count(town).incidents_24h == rolling.incidents_24h - 1


def test_unlinked_they_count_as_before() -> None:
    town = spiked()
    alert, rolling, (one, two, *_) = the_alert(town), newest_count(town), of_c(town)

    town.feed(command(CommandKind.LINK, alert.alert_id, incidents=(one, two)))
    town.feed(command(CommandKind.UNLINK, alert.alert_id, incidents=(two,)))

    assert town.events[-1].kind == AlertKind.UNLINKED
    assert newest_count(town).incidents_24h == rolling.incidents_24h


def test_an_alert_that_rests_on_one_event_told_many_times_is_taken_back() -> None:
    town = spiked()
    alert = the_alert(town)

    town.feed(command(CommandKind.LINK, alert.alert_id, incidents=tuple(of_c(town))))

    assert town.events[-1].kind == AlertKind.RETRACTED


def test_when_the_source_takes_back_the_one_that_counts_the_other_counts() -> None:
    town = spiked()
    alert = the_alert(town)
    hour = town.now - HOUR
    one, two = (Contribution(f"s|{name}", town.now, ()) for name in "xy")
    town.feed(count("C", hour, 1, town.now, contributions=(one,)))
    town.feed(count("D", hour, 1, town.now, contributions=(two,)))
    town.hours(1)

    town.feed(command(CommandKind.LINK, alert.alert_id, incidents=("s|x", "s|y")))
    linked = (newest_count(town, "C").incidents_24h, newest_count(town, "D").incidents_24h)
    town.feed(count("C", hour, 0, town.now, contributions=()))
    town.feed(Tick(0, town.now + 5000))
    after = (newest_count(town, "C").incidents_24h, newest_count(town, "D").incidents_24h)

    assert after == (linked[0] - 1, linked[1] + 1)


def test_links_survive_a_restart_after_every_step() -> None:
    undisturbed, restarted = spiked(), spiked()
    alert, (one, two, three, *_) = the_alert(undisturbed).alert_id, of_c(undisturbed)
    hour = int(two.removeprefix("s|C")[:13])
    orders: list[Command | tuple[HourCount, int] | int] = [
        command(CommandKind.LINK, alert, incidents=(one, two, three)),
        2,
        command(CommandKind.PLAN, "", text="fair", since=undisturbed.now + DAY, until=undisturbed.now + 2 * DAY),
        (count("C", hour, 0, undisturbed.now, contributions=()), 1),
        command(CommandKind.UNLINK, alert, incidents=(three,)),
        command(CommandKind.UNLINK, alert, incidents=(three,), command_id="again"),
        26,
        command(CommandKind.LINK, alert, incidents=(one, three), command_id="anew"),
        9 * 24,
    ]
    rows: dict[str, Any] = {}

    for order in orders:
        for town in (undisturbed, restarted):
            _carry_out(town, order)
        for key, value in restarted.stage.dirty():
            rows[key] = msgspec.msgpack.decode(msgspec.msgpack.encode(value))
        marker, restarted.stage = restarted.stage.marker(), detect()
        restarted.stage.restore({key: value for key, value in rows.items() if value is not None}, marker)

    assert restarted.outputs == undisturbed.outputs
    assert {"LINKED", "UNLINKED", "REFUSED", "PLANNED"} <= {event.kind for event in undisturbed.events}


def _carry_out(town: Town, order: Command | tuple[HourCount, int] | int) -> None:
    """What waits for its tick is read again after a restart; here nothing waits when the stage is restarted."""
    if isinstance(order, Command):
        town.feed(order)
    elif isinstance(order, int):
        town.hours(order, {"C": 1})
    else:
        town.feed(order[0])
        town.hours(order[1])


IDS = st.sampled_from("abcdefg")


@given(st.lists(st.lists(IDS, min_size=2, max_size=3, unique=True), max_size=6), st.frozensets(IDS))
def test_linked_incidents_count_as_often_as_there_are_events_with_one_that_stands(
    together: list[list[str]], standing: frozenset[str]
) -> None:
    links = Links("R")
    for each in together:
        links.link(each, 0)

    counted = sum(not links.hidden(each, standing.__contains__) for each in standing)

    events = {each: {each} for each in "abcdefg"}
    for each in together:
        joined = set().union(*(events[one] for one in each))
        events.update(dict.fromkeys(joined, joined))
    assert counted == len({frozenset(events[each]) for each in standing})


@given(st.lists(st.lists(IDS, min_size=2, max_size=3, unique=True), max_size=6), IDS)
def test_what_is_unlinked_is_an_event_of_its_own_and_the_rest_stay_together(
    together: list[list[str]], out: str
) -> None:
    links = Links("R")
    for each in together:
        links.link(each, 0)
    before = links.same(out)

    links.unlink(out, 0)

    assert links.same(out) == (out,)
    for left in before:
        if left != out:
            assert set(links.same(left)) == set(before) - {out}
