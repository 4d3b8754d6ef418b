"""A source that rewrites its past all at once: one alarm of the data, alerts held for an hour, counts as sent."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from support.towns import AREAS, START, Town, command, count, detect, spiked

from schemas.events import (
    DAY,
    HOUR,
    AlertKind,
    AlertReason,
    AreaState,
    Change,
    CommandKind,
    Contribution,
    Counted,
    HourCount,
    Incident,
    Millis,
    Tick,
)
from streams.core.count import INBOX, Count, RegionRoute
from streams.core.revisions import LEAST, MASS_CHANGE, REVISIONS, TIMES, Revisions, named
from streams.core.stage import Record


def revised(incidents: int, clock: Millis, partition: int = 0) -> HourCount:
    hour = clock - clock % HOUR
    return HourCount(partition, clock, "ACTUAL", "R", "", "", REVISIONS, hour, incidents, 0, ())


def mass(town: Town, incidents: int = LEAST + 1) -> None:
    town.now += 1000
    town.feed(revised(incidents, town.now))
    town.feed(Tick(0, town.now))


def test_a_mass_change_is_one_alarm_and_greys_what_would_be_normal_for_an_hour() -> None:
    town = Town(detect())
    town.hours(70 * 24)

    for _ in range(3):
        mass(town, 500)

    (alarm,) = town.events
    assert (alarm.kind, alarm.reason, alarm.area) == (AlertKind.DATA_ALARM, AlertReason.MASS_CHANGE, "")
    assert "500 incidents older than a week" in alarm.changed
    newest = {each.area: (each.state, each.grey_reason) for each in town.counts if each.area}
    assert newest == dict.fromkeys(AREAS, (AreaState.GREY, MASS_CHANGE))
    town.now += HOUR - town.now % HOUR
    town.hours(2)
    newest = {each.area: (each.state, each.grey_reason) for each in town.counts if each.area}
    assert MASS_CHANGE not in {why for _, why in newest.values()}


def test_an_alert_that_a_mass_change_takes_the_ground_from_is_told_when_it_is_over() -> None:
    town = spiked()
    (alert,) = (each for each in town.stage.alerts() if each.is_open)
    hours = sorted({town.now - HOUR * back for back in range(1, 13)})
    begun = len(town.events)
    town.now += 1000

    town.feed(revised(500, town.now))
    for hour in hours:
        town.feed(count("C", hour, 0, town.now))
    town.feed(Tick(0, town.now))
    assert [each.kind for each in town.events[begun:]] == [AlertKind.DATA_ALARM]
    town.feed(command(CommandKind.NOTE, alert.alert_id, text="asked the source"))
    assert town.events[-1].kind == AlertKind.NOTED, "people can act meanwhile"

    town.now += HOUR
    town.feed(Tick(0, town.now))
    assert [each.kind for each in town.events[begun + 2 :]] == [AlertKind.RETRACTED]


@given(st.lists(st.integers(1, LEAST), max_size=60))
def test_what_is_no_more_than_the_least_is_never_a_mass_change(hours: list[int]) -> None:
    revisions = Revisions("R")
    for number, incidents in enumerate(hours):
        assert revisions.take([revised(incidents, START + number * HOUR)], START + number * HOUR) is None


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=60))
def test_the_limit_is_eight_times_the_mean_that_earlier_hours_taught(hours: list[int]) -> None:
    revisions, usual = Revisions("R"), 0.0
    for number, incidents in enumerate(hours):
        at = START + 2 * number * HOUR
        limit = max(float(LEAST), TIMES * usual)

        found = revisions.take([revised(incidents, at)], at)

        assert (found is not None) == (incidents > limit)
        usual = 0.9 * usual + 0.1 * min(incidents, limit / 4)


@given(st.lists(st.integers(0, 2), min_size=1, max_size=300), st.randoms(use_true_random=False))
def test_it_does_not_matter_through_which_partitions_revisions_come(places: list[int], rnd: Random) -> None:
    one, many = Revisions("R"), Revisions("R")
    told = [Contribution(f"s|{rnd.randrange(10_000)}", START + rnd.randrange(1000), ()) for _ in places]
    by_partition = {place: [each for each, at in zip(told, places, strict=True) if at == place] for place in places}

    a = one.take([revised(len(told), START)._replace(contributions=named(told))], START)
    b = many.take(
        [revised(len(some), START, at)._replace(contributions=named(some)) for at, some in by_partition.items()], START
    )

    assert a == b
    assert [*one.dirty()] == [*many.dirty()]


def incident(number: int, hour: Millis, was: Counted | None, received: Millis) -> Incident:
    change = Change.ADDED if was is None else Change.WITHDRAWN
    fields = {"clock": None, "region": "R", "area": "A", "ward": "", "groups": ("g",), "hour": hour, "victims": 1}
    rest = {"quality": (), "category": "", "time_rule": "OCCURRED", "vintage": "", "tense": "ACTUAL"}
    return Incident(
        change=change,
        origin_partition=0,
        origin_offset=number,
        origin_index=0,
        incident_id=f"s|{number}",
        was=was,
        received_at=received,
        notification=b"",
        **fields,  # type: ignore[arg-type]  # checked by the constructor's own test
        **rest,  # type: ignore[arg-type]  # same
    )


@given(st.lists(st.booleans(), max_size=30))
def test_the_stage_tells_how_many_old_incidents_a_tick_revised(old: list[bool]) -> None:
    stage = Count(0, {"R": RegionRoute("borough", None, 0)}, raw_partitions=1, inbox_partitions=1)
    now, offset = START, 0
    for number, each in enumerate(old):
        hour = now - (8 * DAY if each else DAY)
        place = Counted("A", "", ("g",), hour, 1)
        stage.apply(Record(offset, now, incident(number, hour, None, now)))
        stage.apply(Record(offset + 1, now, incident(number, hour, place, now)))
        offset += 2
    tick = incident(0, 0, None, now)._replace(change=Change.HEARTBEAT, clock=now + 1)

    told = [out.value for out in stage.apply(Record(offset, now + 1, tick)) if out.topic == INBOX]

    found = [each.incidents for each in told if isinstance(each, HourCount) and each.group == REVISIONS]
    assert found == ([sum(old)] if any(old) else [])
