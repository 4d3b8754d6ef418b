"""A silent source: the counts that rest on it can't say "normal", and no alert falls below on what is missing."""

from __future__ import annotations

import copy

import pytest
from support.towns import AREAS, Town, command, count, detect, spiked

from schemas.events import AlertKind, AreaState, AuditEntry, CommandKind, Tick
from streams.core.feeds import FEED_SILENT


def quiet() -> Town:
    town = Town(detect())
    town.hours(70 * 24)
    return town


def finding(town: Town, kind: CommandKind, source: str = "s") -> None:
    given = {"body": source, "text": f"{source}: 14 arrivals missing by its habit", "actor": "observer"}
    town.feed(command(kind, "", command_id=f"{kind}-{source}-{town.now}", **given))


def states(town: Town) -> dict[str, tuple[str, str]]:
    return {each.area: (each.state, each.grey_reason) for each in town.counts if each.group == "knife_crime"}


def test_the_areas_of_a_silent_source_are_grey_with_the_reason_until_it_is_back() -> None:
    town = quiet()

    finding(town, CommandKind.FEED_SILENT)
    assert states(town) == dict.fromkeys(AREAS, (AreaState.GREY, FEED_SILENT))

    town.hours(6)
    assert states(town) == dict.fromkeys(AREAS, (AreaState.GREY, FEED_SILENT)), "whatever comes meanwhile"

    finding(town, CommandKind.FEED_BACK)
    assert {state for state, _ in states(town).values()} <= {AreaState.NORMAL, AreaState.WATCH}


def test_both_turns_are_told_and_audited_once() -> None:
    town = quiet()
    for _ in range(2):
        finding(town, CommandKind.FEED_SILENT)
    finding(town, CommandKind.FEED_SILENT, "s")
    finding(town, CommandKind.FEED_BACK)
    finding(town, CommandKind.FEED_BACK, "never silent")

    told = [(each.kind, each.alert_id) for each in town.events]
    assert told == [(AlertKind.FEED_SILENT, "feed|s"), (AlertKind.FEED_BACK, "feed|s")]
    audited = [output.value for output in town.outputs if isinstance(output.value, AuditEntry)]
    assert [each.of for each in audited] == ["s", "s"]


def test_a_source_that_sends_next_to_nothing_of_a_group_greys_nothing() -> None:
    town = quiet()
    begun = len(town.counts)

    finding(town, CommandKind.FEED_SILENT, "ambulance")

    assert len(town.counts) == begun
    town.hours(6)
    assert AreaState.GREY not in {each.state for each in town.counts[begun:]}


def test_no_alert_falls_below_while_its_source_is_silent_and_it_does_afterwards() -> None:
    town = spiked()
    finding(town, CommandKind.FEED_SILENT)
    begun = len(town.events)
    town.rate = 0.0

    town.hours(4 * 24)
    assert [each for each in town.events[begun:] if each.kind == AlertKind.ENDED] == []

    finding(town, CommandKind.FEED_BACK)
    town.rate = 0.15
    town.hours(2 * 24)
    assert [each.kind for each in town.events[begun:]].count(AlertKind.ENDED) == 1


def test_an_alert_still_opens_on_what_comes() -> None:
    town = quiet()
    finding(town, CommandKind.FEED_SILENT)

    town.hours(12, {"C": 2})

    assert AlertKind.OPENED in {each.kind for each in town.events}
    assert states(town)["C"][0] in {AreaState.WATCH, AreaState.ALERT}


@pytest.mark.parametrize("hours", [0, 1, 5])
def test_a_detector_that_takes_over_goes_on_as_the_first_would_have(hours: int) -> None:
    town = quiet()
    rows = {row.key: row.value for row in town.stage.dirty()}
    finding(town, CommandKind.FEED_SILENT)
    town.hours(hours)
    rows |= {row.key: row.value for row in town.stage.dirty()}
    other = copy.deepcopy(town)
    other.stage = detect()
    kept = {key: value for key, value in rows.items() if value is not None}
    other.stage.restore(kept, town.stage.marker())

    begun = len(town.outputs)
    for each in (town, other):
        each.now += 1
        each.feed(count("B", each.now - each.now % 3_600_000, 1, each.now))
        each.feed(Tick(0, each.now))
        finding(each, CommandKind.FEED_BACK)
        each.hours(3)

    assert town.outputs[begun:] == other.outputs[begun:]
