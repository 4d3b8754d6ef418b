"""The third stage on made-up towns: alerts open on spikes, end, are taken back, are obeyed, and survive restarts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from support.towns import AREAS, START, Town, command, count, detect, spiked

from schemas.events import (
    DAY,
    HOUR,
    AlertKind,
    AlertReason,
    Command,
    CommandKind,
    Contribution,
    Millis,
    Severity,
    Tick,
)
from streams.core.detect import Detect


def test_a_spike_opens_one_alert_in_its_area_and_the_alert_names_its_incidents() -> None:
    town = spiked()

    opened = [event for event in town.events if event.kind == AlertKind.OPENED]
    assert [event.area for event in opened] == ["C"]
    assert opened[0].observed > opened[0].upper > opened[0].expected
    assert opened[0].incidents
    from_c = [incident for incident in opened[0].incidents if incident.startswith("s|C")]
    assert len(from_c) > len(opened[0].incidents) / 2
    assert opened[0].chance_days is not None
    assert opened[0].chance_days > 7 / 0.2 * 0.5


def test_the_alert_ends_a_day_after_the_score_has_fallen() -> None:
    town = spiked()

    town.hours(12 * 24)

    assert [event.kind for event in town.events][-1] == AlertKind.ENDED
    assert town.events[-1].reason == AlertReason.FELL_BELOW
    assert not any(alert.is_open for alert in town.stage.alerts())


def test_an_alert_whose_incidents_are_withdrawn_is_retracted_and_says_so() -> None:
    town = spiked()
    spike = [START + (70 * 24 + h) * HOUR for h in range(12)]

    for hour in spike:
        town.feed(count("C", hour, 0, town.now + HOUR))
    town.hours(1)

    last = town.events[-1]
    assert (last.kind, last.reason) == (AlertKind.RETRACTED, AlertReason.CORRECTED)
    assert "withdrawn" in last.changed


def test_no_alert_opens_before_there_is_enough_history_and_the_areas_are_grey() -> None:
    town = Town(detect())

    town.hours(10 * 24)
    town.hours(12, {"C": 4})

    assert town.events == []
    assert {each.state for each in town.counts if each.area} == {"GREY"}


def test_a_single_homicide_is_told_once_and_a_correction_takes_it_back() -> None:
    town = Town(detect())
    town.hours(3)
    hour = town.now - HOUR
    incident = (Contribution("s|h1", town.now, ()),)

    town.feed(count("B", hour, 1, town.now, group="homicide", contributions=incident))
    town.hours(30)
    told = [event.kind for event in town.events]
    town.feed(count("B", hour, 0, town.now, group="homicide", contributions=()))
    town.hours(1)

    assert told == [AlertKind.OPENED, AlertKind.ENDED]
    assert [event.kind for event in town.events][2:] == [AlertKind.RETRACTED]
    assert {event.incidents for event in town.events[:2]} == {("s|h1",)}


def homicide(town: Town, area: str, hour: Millis, *incidents: str, received: Millis | None = None) -> None:
    """Set what one hour of one area holds."""
    at = town.now if received is None else received
    told = tuple(Contribution(each, at, ()) for each in incidents)
    town.feed(count(area, hour, len(told), town.now, group="homicide", contributions=told))


def test_an_old_homicide_of_which_the_hour_is_revised_is_not_told_as_new() -> None:
    town = Town(detect())
    town.hours(3)
    hour, began = town.now - HOUR, town.now
    for number in range(21):
        homicide(town, "A", hour - number * HOUR, f"s|h{number}")
    town.hours(10 * 24)
    assert town.events == [], "so many are no single events"

    homicide(town, "A", hour)
    homicide(town, "A", hour - HOUR)
    homicide(town, "A", hour - 2 * HOUR, received=began)
    homicide(town, "A", hour + HOUR, "s|h2")
    town.hours(1)
    revised = list(town.events)
    homicide(town, "A", town.now - HOUR, "s|new")
    town.hours(1)

    assert revised == []
    assert [event.incidents for event in town.events] == [("s|new",)]


def test_a_homicide_that_turns_out_to_be_elsewhere_is_taken_back_there_and_told_here() -> None:
    town = Town(detect())
    town.hours(3)
    hour = town.now - HOUR
    homicide(town, "A", hour, "s|h")
    town.hours(2)

    homicide(town, "A", hour)
    homicide(town, "B", hour, "s|h")
    town.hours(1)

    assert [(event.kind, event.area) for event in town.events] == [
        (AlertKind.OPENED, "A"),
        (AlertKind.RETRACTED, "A"),
        (AlertKind.OPENED, "B"),
    ]


def test_rolling_counts_equal_sums_over_the_hours() -> None:
    town = Town(detect())
    hours: dict[tuple[str, Millis], int] = {}
    for _ in range(40 * 24):
        hour, town.now = town.now, town.now + HOUR
        for area in AREAS:
            incidents = int(town.rng.poisson(0.2))
            if incidents:
                hours[area, hour] = incidents
                town.feed(count(area, hour, incidents, town.now))
        town.feed(Tick(0, town.now))

    latest = {each.area: each for each in town.counts if each.area}
    for area, told in latest.items():
        for window, seen in ((1, told.incidents_1h), (24, told.incidents_24h), (672, told.incidents_28d)):
            expected = sum(
                n for (a, h), n in hours.items() if a == area and told.as_of - window * HOUR <= h < told.as_of
            )
            assert seen == expected


def test_a_first_incident_that_is_ahead_of_the_clock_over_the_turn_of_a_day_waits_for_its_hour() -> None:
    town = Town(detect())
    turn = START // DAY * DAY + DAY + 6 * HOUR
    ahead = count("A", turn, 2, turn - 60_000)

    town.feed(ahead)
    town.feed(Tick(0, turn - 60_000))
    before = [each.incidents_1h for each in town.counts if each.area == "A"]
    town.feed(Tick(0, turn + HOUR // 2))

    assert set(before) == {0}
    assert [each.incidents_1h for each in town.counts if each.area == "A"][-1] == 2


def test_acknowledging_twice_by_one_command_is_once_and_a_worse_alert_asks_again() -> None:
    town = spiked()
    alert = next(alert for alert in town.stage.alerts() if alert.is_open)
    before = len(town.events)
    ack = command(CommandKind.ACKNOWLEDGE, alert.alert_id, severity_seen=alert.severity)

    town.feed(ack)
    town.feed(ack)
    acknowledged = town.stage.alerts()[0].status
    town.hours(24, {"C": 6})

    assert [event.kind for event in town.events[before:]].count(AlertKind.ACKNOWLEDGED) == 1
    assert acknowledged == "ACKNOWLEDGED"
    if alert.severity != Severity.CRITICAL:
        assert town.stage.alerts()[0].status == "OPEN"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (command(CommandKind.ACKNOWLEDGE, "none"), AlertReason.UNKNOWN_ALERT),
        (command(CommandKind.SILENCE, "", until=START + 10_000 * DAY), AlertReason.BAD_COMMAND),
    ],
)
def test_a_command_that_cannot_be_obeyed_is_refused_with_its_reason(wrong: Command, reason: AlertReason) -> None:
    town = Town(detect())
    town.hours(1)

    town.feed(wrong)

    assert [(event.kind, event.reason) for event in town.events] == [(AlertKind.REFUSED, reason)]


def test_a_closed_alert_stays_closed_while_the_same_spike_goes_on() -> None:
    town = spiked()
    alert = next(alert for alert in town.stage.alerts() if alert.is_open)

    town.feed(command(CommandKind.CLOSE, alert.alert_id, outcome="real", action="youth_work"))
    closed = len(town.events)
    town.hours(6, {"C": 2})

    assert town.events[closed - 1].kind == AlertKind.CLOSED
    assert town.events[closed:] == []


def test_a_stage_restored_from_its_rows_sends_what_the_undisturbed_one_sends() -> None:
    undisturbed, restarted = Town(detect()), Town(detect())
    rows: dict[str, Any] = {}

    def cut(stage: Detect) -> None:
        for key, value in stage.dirty():
            if value is None:
                rows.pop(key, None)
            else:
                rows[key] = msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=tuple)

    def restored(town: Town) -> Detect:
        cut(town.stage)
        marker = town.stage.marker()
        stage = detect()
        stage.restore(dict(rows), marker)
        return stage

    for hours, extra in _phases():
        for town in (undisturbed, restarted):
            town.hours(hours, extra)
        restarted.stage = restored(restarted)

    assert undisturbed.events
    assert restarted.outputs == undisturbed.outputs


def _phases() -> Iterable[tuple[int, dict[str, int]]]:
    yield 20 * 24, {}
    yield 45 * 24 + 5, {}
    yield 1, {"C": 3}
    yield 7, {"C": 2, "D": 1}
    yield 3, {"A": 9}
    yield 40, {}
    yield 9 * 24, {}
