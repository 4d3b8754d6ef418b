"""An alert that rests on one incident of assumed place, from notification to message, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.builders import notification, tick
from support.towns import AREAS, quiet
from support.two_stages import TwoStages

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import What
from consumers.notify.message import Composer, Subject
from schemas.events import HOUR, AlertKind, Kind, Millis, Notification, Quality
from streams.core.geography import Region
from streams.regions.loader import load

MANIFEST = """\
name = "r"
zone = "UTC"
day_starts = "06:00"
levels = ["borough", "ward"]
groups = ["knife_crime"]
sentinels = []

[budget]
alerts_per_week = 1
"""
SPLIT = "old,new,share,from\nOLD,C1,0.5,2022-05-05\nOLD,C2,0.5,2022-05-05\n"
"""A ward that is no more: a code that tells the borough for certain, and no ward of today."""


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pack = tmp_path_factory.mktemp("pack")
    rows = ["code,name,level,parent,longitude,latitude,population,vintage"]
    for number, area in enumerate(AREAS):
        rows.append(f"{area},Borough {area},borough,,{number * 0.1:.1f},51.5,,")
        rows += [f"{area}{n},Ward {area}{n},ward,{area},{number * 0.1 + n * 0.01:.2f},51.5,," for n in (1, 2)]
    (pack / "region.toml").write_text(MANIFEST, "utf-8")
    (pack / "areas.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (pack / "vintages.csv").write_text(SPLIT, "utf-8")
    return pack


@pytest.fixture(scope="module")
def region(pack: Path) -> Region:
    return replace(load(pack), name="R")


class Day:
    """An hour in which stabbings in borough C are reported, on top of seventy quiet days."""

    def __init__(self, region: Region) -> None:
        self.town, self._stages = quiet(), TwoStages(region)
        self.hour = self.town.now
        self.town.now += HOUR

    def tell(self, *told: Notification) -> None:
        """What the sources say, then a tick."""
        for each in told:
            self._feed(each)
        self._feed(tick(self.town.now).notification)

    def _feed(self, each: Notification) -> None:
        for output in self._stages.take(self.town.now, each):
            self.town.feed(output.value)


def stabbing(ref: int, hour: Millis, **given: object) -> Notification:
    """One in ward C1, by code and position."""
    told = {"area_code": "C1", "longitude": 0.21, "latitude": 51.5, "category": "violence_injury", "knife": True}
    return notification(source_ref=str(ref), occurred_at=hour, published_at=hour, **{**told, **given})


def assumed(ref: int, hour: Millis, **given: object) -> Notification:
    """One of which only the code of a ward that is no more is told."""
    return stabbing(ref, hour, **{"area_code": "OLD", "longitude": None, "latitude": None, **given})


def opening(region: Region) -> int:
    """So many stabbings within the hour open an alert."""
    for number in range(1, 16):
        day = Day(region)
        day.tell(*(stabbing(ref, day.hour) for ref in range(number)))
        if day.town.events:
            return number
    raise AssertionError("nothing opens")


def test_an_alert_that_rests_on_an_incident_of_assumed_place_says_so_and_falls_with_it(
    region: Region, pack: Path
) -> None:
    needed = opening(region)
    day = Day(region)

    day.tell(assumed(0, day.hour), *(stabbing(ref, day.hour) for ref in range(1, needed)))
    (opened,) = day.town.events
    day.town.now += 60_000
    day.tell(assumed(0, day.hour, kind=Kind.CANCELLED, revision=2, category=""))

    assert (opened.kind, opened.area) == (AlertKind.OPENED, "C")
    assert opened.observed >= needed
    assert (opened.least_certain, opened.doubt) == ("met.cad|0", Quality.UNKNOWN_AREA_CODE)
    assert not opened.stands_without_least_certain
    text = Composer(Gazetteer.load([str(pack)])).text(Subject(what=What.ORIGINAL, why="FIRST", event=opened)).body
    assert "would not stand without its least certain incident met.cad|0: its place is assumed" in text
    assert [event.kind for event in day.town.events] == [AlertKind.OPENED, AlertKind.RETRACTED]
    assert "met.cad|0" in day.town.events[-1].changed


def test_once_its_place_is_told_exactly_the_next_notice_names_it_no_more(region: Region) -> None:
    needed = opening(region)
    day = Day(region)

    day.tell(assumed(0, day.hour), *(stabbing(ref, day.hour) for ref in range(1, needed + 2)))
    day.town.now += 60_000
    exact = {"area_code": "C", "longitude": 0.2, "latitude": 51.5}
    day.tell(assumed(0, day.hour, kind=Kind.UPDATED, revision=2, **exact))
    day.town.now += 60_000
    day.tell(stabbing(1, day.hour, kind=Kind.CANCELLED, revision=2, category=""))

    first, last = day.town.events
    assert (first.least_certain, first.stands_without_least_certain) == ("met.cad|0", True)
    assert (last.least_certain, last.doubt, last.observed) == ("", "", first.observed - 1)
