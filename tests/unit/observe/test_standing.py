"""What the observer holds of sources, areas and alerts, from the examples of the schemas."""

from __future__ import annotations

from dataclasses import replace

from support.examples import example

from consumers.observe.standing import MOST_AREAS, MOST_SOURCES, OTHERS, Standing
from schemas.events import Alert, AreaCount

NORMAL: AreaCount = example("AreaCount.normal")
OPEN: Alert = example("Alert.open")


def test_the_newest_count_of_an_area_and_group_is_held_and_the_clock_with_it() -> None:
    standing = Standing()
    for incidents in (3, 5):
        standing.counted(replace(NORMAL, incidents_24h=incidents, as_of=NORMAL.as_of + incidents))

    assert [each.incidents_24h for each in standing.areas()] == [5]
    assert standing.clock == {NORMAL.region: NORMAL.as_of + 5}
    assert standing.states() == {(NORMAL.region, NORMAL.level, NORMAL.group, "NORMAL"): 1}


def test_a_heartbeat_moves_the_clock_and_is_no_area() -> None:
    standing = Standing()

    standing.counted(example("AreaCount.heartbeat"))

    assert standing.clock
    assert not list(standing.areas())


def test_an_area_that_is_retired_is_told_no_more() -> None:
    standing = Standing()
    standing.counted(NORMAL)

    standing.retired(f"{NORMAL.area}|{NORMAL.group}".encode())

    assert not list(standing.areas())


def test_a_level_of_many_areas_is_told_by_state_only() -> None:
    standing = Standing()
    for number in range(MOST_AREAS + 1):
        standing.counted(replace(NORMAL, area=f"W{number}"))

    assert not list(standing.areas())
    assert sum(standing.states().values()) == MOST_AREAS + 1


def test_an_alert_is_told_while_it_is_open_and_its_wait_while_nobody_acknowledged_it() -> None:
    standing = Standing()

    standing.alert(OPEN)
    assert standing.open_alerts() == {(OPEN.region, OPEN.group, OPEN.severity, "OPEN"): 1}
    assert standing.unacknowledged_since() == OPEN.opened_at

    standing.alert(replace(OPEN, status="ACKNOWLEDGED"))
    assert sum(standing.open_alerts().values()) == 1
    assert standing.unacknowledged_since() is None

    standing.alert(replace(OPEN, status="CLOSED"))
    assert not standing.open_alerts()


def test_sources_beyond_the_limit_share_one_name_and_ticks_are_no_source() -> None:
    standing = Standing()
    names = {standing.heard(f"s{number}|1".encode(), number) for number in range(MOST_SOURCES + 50)}

    assert standing.heard(b"heartbeat", 5) == ""
    assert OTHERS in names
    assert len(standing.sources) == MOST_SOURCES + 1
