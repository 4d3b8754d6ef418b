"""The whole region as one area: its model is that of the sums, its alerts yield to those of areas."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import msgspec
import pytest
from support.towns import AREAS, NEAR, START, Town, command, count, plan

from schemas.events import DAY, HOUR, AlertEvent, AlertKind, AlertReason, CommandKind, Millis, Tick
from streams.core.detect import Detect
from streams.core.detection.budget import Calibration
from streams.core.detection.settings import Settings
from streams.core.detection.unit import Unit, UnitModel
from streams.core.places import WHOLE
from streams.core.regionplan import RegionPlan
from streams.core.watch import UnitWatch
from streams.core.whole import SWITCHED_OFF

GROUP = "knife_crime"
Journal = dict[str, Any]


def unit(level: str, areas: tuple[str, ...], near: tuple[tuple[int, ...], ...], settings: Settings) -> Unit:
    return Unit(
        region="R",
        level=level,
        group=GROUP,
        areas=areas,
        neighbours=near,
        zone="UTC",
        day_starts=6,
        settings=settings,
    )


BOROUGHS = unit("borough", AREAS, NEAR, Settings())
REGION = unit("region", ("R",), ((),), WHOLE)
BUDGETS = {BOROUGHS.key: 0.05, REGION.key: 0.02}
ON: RegionPlan = plan(units=(BOROUGHS, REGION), own_budgets=BUDGETS)
OFF: RegionPlan = plan(units=(BOROUGHS,), own_budgets=BUDGETS)


def stage(of: RegionPlan = ON) -> Detect:
    return Detect([of], enriched_partitions=1)


def watch(of: Detect, level: str) -> UnitWatch:
    return of._watches.units["R", level, GROUP]


def cut(of: Detect, journal: Journal) -> None:
    for key, value in of.dirty():
        if value is None:
            journal.pop(key, None)
        else:
            journal[key] = msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=tuple)


def restored(of: Detect, journal: Journal, anew: RegionPlan = ON) -> Detect:
    cut(of, journal)
    other = stage(anew)
    other.restore(dict(journal), of.marker())
    return other


def of_region(events: list[AlertEvent]) -> list[AlertEvent]:
    return [event for event in events if event.level == "region"]


def same_hours(of: Detect) -> bool:
    whole, areas = watch(of, "region").model, watch(of, "borough").model
    hours = sorted({*whole.kept_hours(), *areas.kept_hours()})
    assert any(areas.in_hour(hour) for hour in hours)
    return all(whole.in_hour(hour) == areas.in_hour(hour) for hour in hours)


@cache
def _quiet() -> Town:
    town = Town(stage())
    town.hours(42 * 24)
    assert town.events == []
    return town


def quiet() -> Town:
    """A town of five quiet areas that is watched as a whole too."""
    return copy.deepcopy(_quiet())


def revisions(random: Random, held: dict[tuple[str, Millis], int]) -> Iterator[tuple[Millis, list[tuple[str, Millis]]]]:
    """Ticks with the hours of areas that are set at each: new, late, corrected, withdrawn; *held* is what they hold."""
    now = START
    for _ in range(4 * 60):
        now += random.choice((HOUR, 6 * HOUR, 7 * HOUR, 11 * HOUR, DAY))
        changed = set()
        for _ in range(random.randrange(12)):
            back = random.choice((0, 0, 0, 1, 3, 9, 30, 60, 24 * 5, 24 * 20, 24 * 34, 24 * 36))
            place = random.choice(AREAS), now - now % HOUR - back * HOUR
            held[place] = random.choice((0, 1, 1, 2, 3, 7))
            changed.add(place)
        yield now, sorted(changed)


@pytest.mark.parametrize("seed", range(2))
def test_the_model_of_the_region_is_that_of_the_sums_to_the_bit(seed: int) -> None:
    random, held = Random(seed), dict[tuple[str, Millis], int]()
    town, by_hand = Town(stage()), None
    journal, expected = Journal(), Journal()
    for now, changed in revisions(random, held):
        for area, hour in random.sample(changed, len(changed)):
            town.feed(count(area, hour, held[area, hour], now, contributions=()))
        town.feed(Tick(0, now))
        if changed and by_hand is None:
            by_hand = UnitModel(REGION, min(hour for _, hour in changed))
        if by_hand is not None:
            for touched in sorted({hour for _, hour in changed}):
                by_hand.record(0, touched, sum(held.get((area, touched), 0) for area in AREAS))
            by_hand.advance(now)
            expected |= {f"model|R|region|{GROUP}|{key}": value for key, value in by_hand.dirty()}
        cut(town.stage, journal)

    assert by_hand is not None
    assert {key: value for key, value in journal.items() if key.startswith("model|R|region|")} == {
        key: msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=tuple) for key, value in expected.items()
    }
    assert town.stage._watches.units["R", "region", GROUP].score(town.stage._clock, None)["R"] == float(
        by_hand.score(town.stage._clock).score[0]
    )


def test_a_spike_of_one_area_is_told_by_the_area_and_the_regions_alert_yields_to_it() -> None:
    town = quiet()
    town.hours(12, {"C": 4})

    opened = {event.level: event for event in town.events if event.kind == AlertKind.OPENED}
    assert opened["borough"].areas == ("C",)
    assert opened["borough"].inhibited_by == ""
    assert (opened["region"].reason, opened["region"].inhibited_by) == (
        AlertReason.INHIBITED,
        opened["borough"].alert_id,
    )
    assert len([event for event in town.events if event.kind == AlertKind.OPENED]) == 2
    assert (opened["region"].area, opened["region"].areas) == ("R", ("R",))
    named = Counter(incident[2] for incident in opened["region"].incidents)
    assert named["C"] > named.total() / 2, "the region's alert names incidents of its areas"
    assert same_hours(town.stage)


def test_the_regions_alert_is_told_when_no_areas_alert_tells_of_the_rise_any_more() -> None:
    town = quiet()
    town.hours(12, {"C": 4})
    deaf = Calibration("v", {BOROUGHS.key: 1e6}, {BOROUGHS.key: 0.1}, (1.0,), {BOROUGHS.key: (1.0,)})
    town.feed(command(CommandKind.CALIBRATE, "", body="\n".join(deaf.to_row())))
    begun = len(town.events)
    town.hours(40, {"C": 1})

    after = [
        (event.level, event.kind, event.inhibited_by)
        for event in town.events[begun:]
        if event.kind in {AlertKind.ENDED, AlertKind.UPDATED} and (event.level, event.reason) != ("region", "ESCALATED")
    ]
    assert after[:2] == [("borough", AlertKind.ENDED, ""), ("region", AlertKind.UPDATED, "")]
    released = next(event for event in town.events[begun:] if event.level == "region" and not event.inhibited_by)
    assert released.reason == AlertReason.FIRST
    assert released.score >= town.stage._watches.units["R", "region", GROUP].threshold


def test_incidents_that_are_linked_over_two_areas_count_once_in_the_region() -> None:
    town = quiet()
    town.hours(12, {"C": 4, "D": 1})
    alert = next(event for event in town.events if event.level == "borough")
    hour = town.now - HOUR
    one, two = f"s|C{hour}0", f"s|D{hour}0"
    before = watch(town.stage, "region").model.in_hour(hour)
    town.feed(command(CommandKind.LINK, alert.alert_id, incidents=(one, two)))

    assert before is not None
    assert watch(town.stage, "region").model.in_hour(hour) == before - 1
    assert same_hours(town.stage)
    town.feed(count("C", hour, 0, town.now, contributions=()))
    town.hours(1)
    assert same_hours(town.stage), "the one that is left counts again"
    stays = restored(town.stage, Journal())
    assert same_hours(stays)


def test_a_stage_restored_from_its_rows_sends_of_the_region_what_the_undisturbed_one_sends() -> None:
    town, journal = quiet(), Journal()
    cut(town.stage, journal)
    other = copy.deepcopy(town)
    for hours, extra in ((5, {}), (4, {"C": 2}), (6, {"C": 2, "A": 1}), (30, {}), (40, {"A": 1, "B": 1})):
        other.stage = restored(other.stage, journal)
        for each in (town, other):
            each.hours(hours, dict(extra))

    assert of_region(town.events)
    assert other.outputs == town.outputs
    assert same_hours(other.stage)


def test_a_journal_without_the_region_gives_it_the_weeks_that_its_areas_keep() -> None:
    town, journal = Town(stage(OFF)), Journal()
    town.hours(42 * 24 + 5)
    old = copy.deepcopy(town)
    town.stage = restored(town.stage, journal)
    assert same_hours(town.stage)
    begun = copy.deepcopy(watch(town.stage, "region").model)

    again = restored(town.stage, journal)
    assert watch(again, "region").model.dirty() == []
    assert (
        watch(again, "region").score(town.now, None)
        == watch(town.stage, "region").score(town.now, None)
        == {"R": float(begun.score(town.now).score[0])}
    )
    for each in (town, old):
        each.hours(12, {"C": 4})

    boroughs = [event for event in town.events if event.level == "borough"]
    assert boroughs == old.events
    assert of_region(town.events)[0].incidents


def test_a_region_that_is_switched_off_ends_its_alerts_and_leaves_nothing_in_the_journal() -> None:
    town, journal = quiet(), Journal()
    cut(town.stage, journal)
    town.hours(12, {"C": 4})
    (alert,) = [each for each in town.stage.alerts() if each.level == "region" and each.is_open]
    town.stage = restored(town.stage, journal, OFF)
    cut(town.stage, journal)
    assert any(key.startswith("alert|R|region|") for key in journal), "kept until its end is told"
    town.stage = restored(town.stage, journal, OFF)
    town.hours(3)
    cut(town.stage, journal)

    ended = of_region(town.events)[-1]
    assert (ended.alert_id, ended.kind, ended.reason) == (alert.alert_id, AlertKind.ENDED, AlertReason.GREY)
    assert [event.kind for event in of_region(town.events)].count(AlertKind.ENDED) == 1
    grey = [each for each in town.counts if each.grey_reason == SWITCHED_OFF]
    assert [(each.level, each.area, each.group, each.state) for each in grey] == [("region", "R", GROUP, "GREY")]
    assert not [key for key in journal if key.split("|")[2:3] == ["region"]]
    assert town.stage.alerts()
    assert {event.level for event in town.events} == {"borough", "region"}
