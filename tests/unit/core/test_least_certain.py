"""An alert says whether it would stand without its least certain incident, and that is what a withdrawal then does."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.towns import AREAS, START, Town, command, count, detect, quiet

from schemas.events import (
    DAY,
    HOUR,
    AlertEvent,
    AlertKind,
    AlertReason,
    Change,
    CommandKind,
    Contribution,
    Counted,
    HourCount,
    Incident,
    Millis,
    Quality,
    Tick,
)
from streams.core.alertrows import alert_of, renewed, row_of
from streams.core.count import INBOX, Count, RegionRoute
from streams.core.ledger import Ledger
from streams.core.links import Links
from streams.core.stage import Record, Row, Rows, RowValue

ASSUMED = (Quality.AREA_CODE_ONLY, Quality.UNKNOWN_AREA_CODE)


def named(*qualities: tuple[str, ...], at: Millis, prefix: str = "x") -> tuple[Contribution, ...]:
    """Incidents in order of arrival."""
    return tuple(Contribution(f"s|{prefix}{n}", at + n, quality) for n, quality in enumerate(qualities))


def told(area: str, contributions: tuple[Contribution, ...], town: Town) -> HourCount:
    """What the hour that ends now holds in *area*."""
    return count(area, town.now - HOUR, len(contributions), town.now, contributions=contributions)


def burst(contributions: tuple[Contribution, ...], beside: tuple[Contribution, ...] = ()) -> Town:
    """A quiet town, then an hour with these in C, and those in D next to it."""
    town = quiet()
    town.now += HOUR
    town.feed(told("C", contributions, town))
    if beside:
        town.feed(told("D", beside, town))
    town.feed(Tick(0, town.now))
    return town


@cache
def enough() -> int:
    """So many incidents within an hour open an alert, and one fewer do not."""
    start = quiet().now
    return next(n for n in range(1, 16) if burst(named(*[()] * n, at=start)).events)


def withdrawn(town: Town, incident: str, contributions: tuple[Contribution, ...], area: str = "C") -> AlertEvent | None:
    """The event that the withdrawal of *incident* from the last hour causes."""
    before = len(town.events)
    town.feed(told(area, tuple(each for each in contributions if each.incident_id != incident), town))
    town.feed(Tick(0, town.now + 5000))
    return next(iter(town.events[before:]), None)


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("doubtful", [0, 2])
def test_the_alert_falls_with_its_least_certain_incident_if_and_only_if_it_said_so(more: int, doubtful: int) -> None:
    qualities: list[tuple[str, ...]] = [()] * (enough() + more)
    qualities[doubtful] = ASSUMED
    contributions = named(*qualities, at=quiet().now)
    town = burst(contributions)
    (opened,) = town.events

    after = withdrawn(town, f"s|x{doubtful}", contributions)

    assert (opened.least_certain, opened.doubt) == (f"s|x{doubtful}", Quality.UNKNOWN_AREA_CODE)
    assert opened.stands_without_least_certain == (more > 0) == opened.stands_without_newest
    assert after is not None
    assert (after.kind == AlertKind.RETRACTED) == (not opened.stands_without_least_certain)
    assert (after.least_certain, after.doubt, after.stands_without_least_certain) == ("", "", True)


def test_the_score_without_an_incident_is_that_after_its_withdrawal_to_the_bit() -> None:
    contributions = named(*[()] * enough(), ASSUMED, at=quiet().now)
    town = burst(contributions)
    (watch,) = town.stage._watches.units.values()
    at, areas = town.now, range(len(AREAS))
    gone = f"s|x{enough()}"
    changes = watch.ledger.without(gone)
    supposed = watch.model.with_more([(AREAS.index(area), hour, change) for area, hour, change in changes])
    expected = supposed.score(at, areas).score.tolist()
    before = watch.model.score(at, areas).score.tolist()

    withdrawn(town, gone, contributions)

    assert watch.model.score(at, areas).score.tolist() == expected != before


def test_an_incident_next_door_is_taken_from_next_door_where_it_weakens_nothing() -> None:
    start = quiet().now
    next_door = named(*[()] * (enough() - 2), (Quality.TIME_IMPRECISE,), at=start + 100, prefix="y")
    town = burst(next_door, beside=named(*[()] * enough(), at=start))
    (opened,) = town.events
    (watch,) = town.stage._watches.units.values()

    changes = watch.ledger.without(opened.least_certain)
    after = withdrawn(town, opened.least_certain, next_door)

    assert (opened.area, opened.least_certain) == ("D", next_door[-1].incident_id)
    assert opened.least_certain == opened.incidents[0]
    assert [(area, change) for area, _, change in changes] == [("C", -1)]
    assert opened.stands_without_least_certain
    assert opened.stands_without_newest
    assert after is not None
    assert after.kind != AlertKind.RETRACTED


def test_an_alert_of_more_incidents_than_it_names_still_hears_of_its_least_certain_one() -> None:
    town = quiet()
    hours = []
    for number in range(3):
        doubtful = [ASSUMED] if number == 0 else [()]
        hours.append(named(*doubtful, *[()] * 13, at=town.now, prefix=f"{number}-"))
        town.now += HOUR
        town.feed(told("C", hours[-1], town))
        town.feed(Tick(0, town.now))
    last = town.events[-1]

    town.feed(count("C", town.now - 3 * HOUR, 13, town.now, contributions=hours[0][1:]))
    town.feed(Tick(0, town.now + 5000))

    assert (last.least_certain, last.stands_without_least_certain) == ("s|0-0", True)
    assert last.least_certain not in last.incidents
    assert town.events[-1].reason == AlertReason.CORRECTED
    assert "s|0-0" in town.events[-1].changed
    assert town.events[-1].least_certain == ""


def test_of_certain_incidents_none_is_the_least_certain() -> None:
    (opened,) = burst(named(*[()] * enough(), at=quiet().now)).events

    assert (opened.least_certain, opened.doubt, opened.stands_without_least_certain) == ("", "", True)
    assert not opened.stands_without_newest


def test_an_incident_that_is_linked_leaves_its_place_to_the_next_of_its_set() -> None:
    contributions = named(ASSUMED, *[()] * enough(), at=quiet().now)
    town = burst(contributions)
    (opened,) = town.events

    town.feed(command(CommandKind.LINK, opened.alert_id, incidents=("s|x0", "s|x1")))
    corrected = town.events[-1]

    assert opened.stands_without_least_certain
    assert corrected.reason == AlertReason.CORRECTED
    assert (corrected.least_certain, corrected.stands_without_least_certain) == ("s|x0", True)
    assert not corrected.stands_without_newest


PLACES = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.sampled_from("AB"), st.integers(0, 2)), min_size=1)
SETS = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=2, max_size=3, unique=True), max_size=3)


@given(PLACES, SETS)
def test_what_would_be_counted_without_an_incident_is_what_is_counted_after_its_withdrawal(
    places: dict[str, tuple[str, int]], sets: list[list[str]]
) -> None:
    links = Links("R")
    for one in sets:
        links.link(one, 0)
    ledger = Ledger("cell", links=links)
    for area, hour in dict.fromkeys(places.values()):
        there = tuple(Contribution(name, 1, ()) for name, place in places.items() if place == (area, hour))
        ledger.take(count(area, START + hour * HOUR, len(there), START, contributions=there), START)

    def counted(standing: dict[str, tuple[str, int]]) -> Counter[tuple[str, int]]:
        firsts = {next(each for each in links.same(name) if each in standing) for name in standing}
        return Counter(standing[name] for name in firsts)

    for gone in places:
        change = counted({name: place for name, place in places.items() if name != gone})
        change.subtract(counted(places))
        found = Counter[tuple[str, int]]()
        for area, hour, more in ledger.without(gone):
            found[area, (hour - START) // HOUR] += more
        assert {place: more for place, more in found.items() if more} == {p: more for p, more in change.items() if more}


def test_a_single_event_that_is_doubtful_says_so_and_stands_only_beside_another() -> None:
    town = Town(detect())
    town.hours(3)
    hour = town.now - HOUR
    one, two = named((Quality.SUSPECTED,), (), at=town.now)

    town.feed(count("B", hour, 1, town.now, group="homicide", contributions=(one,)))
    town.hours(1)
    town.feed(count("B", hour, 2, town.now, group="homicide", contributions=(one, two)))
    town.hours(1)
    town.feed(count("B", hour, 1, town.now, group="homicide", contributions=(two,)))
    town.hours(1)

    assert [(e.kind, e.least_certain, e.doubt, e.stands_without_least_certain) for e in town.events] == [
        (AlertKind.OPENED, "s|x0", Quality.SUSPECTED, False),
        (AlertKind.UPDATED, "s|x0", Quality.SUSPECTED, True),
        (AlertKind.UPDATED, "", "", True),
    ]


def test_alerts_of_rows_before_this_are_read_and_go_on() -> None:
    contributions = named(*[()] * enough(), ASSUMED, at=quiet().now)
    town = burst(contributions)
    rows: Rows = {row.key: row.value for row in town.stage.dirty() if row.value is not None}
    (key,) = (key for key in rows if key.startswith("alert|"))
    present = cast("tuple[tuple[RowValue, ...], ...]", rows[key])
    older = {**rows, key: (*present[:2], present[2][:-3], present[3][:-3], *present[4:])}
    stage, renew = detect(), detect().older_rows[1]

    stage.restore({row.key: cast("RowValue", row.value) for row in map(renew, map(Row, older, older.values()))}, None)
    (alert,) = stage.alerts()

    assert row_of(alert_of(present)) == present
    assert row_of(alert)[4:] == present[4:]
    assert alert.evidence.incidents == town.stage.alerts()[0].evidence.incidents
    assert (alert.basis.least_certain, alert.basis.doubt, alert.basis.stands_without_least_certain) == ("", "", True)
    assert renewed(Row("cell|x", (1, ()))) == Row("cell|x", (1, ()))
    assert renewed(Row("alert|x", None)) == Row("alert|x", None)


def incident(offset: int, quality: tuple[str, ...], was: Counted | None, victims: int = 1) -> Incident:
    now = Counted("A", "A/1", ("knife_crime",), START, victims)
    change = Change.ADDED if was is None else Change.AMENDED
    origin = (change, 0, offset, 0, None, "s|1", "R")
    return Incident(*origin, *now, was, START + offset, quality, "knife_crime", "OCCURRED", "", "ACTUAL", b"")


@pytest.mark.parametrize("victims", [1, 2])
def test_an_update_of_what_is_weak_alone_is_told_to_the_detector_and_changes_no_count(victims: int) -> None:
    routes = {"R": RegionRoute("borough", "ward", 0)}
    first, later = Count(0, routes, raw_partitions=1, inbox_partitions=1), None
    beat = incident(0, (), None)._replace(change=Change.HEARTBEAT)

    def fed(stage: Count, offset: int, *incidents: Incident) -> list[HourCount]:
        outputs = [stage.apply(Record(offset + n, START, each)) for n, each in enumerate(incidents)]
        tick = beat._replace(origin_offset=offset + 9, clock=START + DAY + offset)
        outputs.append(stage.apply(Record(offset + 9, START, tick)))
        return [o.value for some in outputs for o in some if o.topic == INBOX and isinstance(o.value, HourCount)]

    before = fed(first, 0, incident(0, ASSUMED, None))
    rows: Rows = {row.key: cast("RowValue", row.value) for row in first.dirty()}
    later = Count(0, routes, raw_partitions=1, inbox_partitions=1)
    later.restore(rows, first.marker())
    was = Counted("A", "A/1", ("knife_crime",), START, 1)
    after = fed(later, 10, incident(10, (), was, victims))
    again = fed(later, 20, incident(20, (), was._replace(victims=victims), victims))

    assert [(each.level, each.incidents) for each in after] == [(each.level, each.incidents) for each in before]
    assert {each.contributions for each in before} == {(Contribution("s|1", START, ASSUMED),)}
    assert {each.contributions for each in after} == {(Contribution("s|1", START, ()),)}
    assert {each.victims for each in after} == {victims}
    assert again == []
