"""The whole region as readers know it: a name, a place in lists, messages, routes and documents of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from regions.folders import MANIFEST, write_pack
from support.alerts import area_count, opened
from support.consoles import WIRE, alert

from consumers.console import equity, views
from consumers.console.access.people import Person, Role
from consumers.console.state import World
from consumers.console.words import Eyes
from consumers.gazetteer import Gazetteer
from consumers.notify.cap import cap
from consumers.notify.cases import What
from consumers.notify.channels.base import Parcel
from consumers.notify.command import notify
from consumers.notify.message import Composer, Subject
from streams.core.places import plan_of
from streams.regions.loader import load

LONDON = Gazetteer.load(["london"])
PLACE = {"level": "region", "area": "london", "areas": ("london",), "tense": "ACTUAL"}


def pack(folder: Path, detection: str) -> Path:
    write_pack(folder, manifest=MANIFEST + detection)
    return folder


@pytest.mark.parametrize(
    ("detection", "code"),
    [("", ""), ("[detection]\nwhole_region = false\n", ""), ("[detection]\nwhole_region = true\n", "toytown")],
)
def test_stages_and_readers_agree_on_whether_a_region_is_watched_as_one(
    tmp_path: Path, detection: str, code: str
) -> None:
    folder = pack(tmp_path / "pack", detection)
    gazetteer = Gazetteer.load([str(folder)])

    watched = {unit.areas for unit in plan_of(load(folder)).units if unit.level == "region"}
    assert watched == ({(code,)} if code else set())
    assert gazetteer.regions["toytown"].whole == code
    assert gazetteer.known("toytown") is bool(code)
    assert gazetteer.name("toytown") == ("Toytown, whole region" if code else "toytown")


@pytest.mark.parametrize("group", ["robbery", "domestic_abuse"])
def test_a_message_names_the_whole_region(group: str) -> None:
    told = Subject(what=What.ORIGINAL, why="FIRST", event=opened(**PLACE, group=group))
    parcel = Parcel(delivery_id="d|1|x", address="x", subject=told, composer=Composer(LONDON), made_at=0, sent_at=0)

    assert parcel.text.first_line.startswith("ALERT London, whole region: ")
    assert "in London, whole region (region)" in parcel.text.body
    document = cap(parcel).decode()
    assert re.findall("<areaDesc>(.*?)</areaDesc>", document) == ["London, whole region"]
    assert re.findall("<value>(.*?)</value>", document)[-1] == "london"


def routes(folder: Path, *areas: str) -> Path:
    told: dict[str, Any] = {
        "version": 1,
        "channels": {"book": {"kind": "console"}},
        "people": {"ana": {"channel": "book", "address": "x"}},
        "routes": [{"name": "all", "to": ["ana"], **({"areas": list(areas)} if areas else {})}],
    }
    path = folder / "routes.yaml"
    path.write_text(yaml.safe_dump(told), "utf-8")
    return path


def test_a_route_of_the_whole_region_is_for_all_that_is_in_it_and_one_of_areas_leaves_it_out(tmp_path: Path) -> None:
    def check(*areas: str) -> str:
        answer = CliRunner().invoke(notify, ["check", str(routes(tmp_path, *areas)), "--region", "london"])
        assert answer.exit_code == 0, answer.output
        return answer.output

    everything = "somebody is told of every alert at every hour"
    assert everything in check()
    assert everything in check("london")
    boroughs = check(*LONDON.regions["london"].coarse)
    assert "in 1 of 1 region areas of london at any time" in boroughs
    assert "borough" not in boroughs


def test_lists_show_the_whole_region_first_and_viewers_may_see_it() -> None:
    world = World(WIRE)
    for area, level in (("E09000008", "borough"), ("london", "region"), ("E09000001", "borough")):
        for group in ("robbery", "domestic_abuse"):
            world.areas[area, group] = area_count(area=area, level=level, group=group)
    eyes = Eyes(person=Person(name="v", role=Role.VIEWER, areas=frozenset()), gazetteer=LONDON, now=0)

    tiles = views.tiles(world, eyes)
    assert [tile.code for tile in tiles] == ["london", "E09000001", "E09000008"]
    assert tiles[0].said == "London, whole region: normal"
    assert len(tiles[0].counts) == 2
    assert [tile.code for tile in views.tiles(world, eyes, "region")] == ["london"]


def test_an_alert_of_the_whole_region_falls_on_no_area_in_the_board_of_equity() -> None:
    words = LONDON.regions["london"]
    told = equity.board("london", words, [alert(), alert(alert_id="a2", **PLACE)], [])

    assert told.alerts == 1
    assert sum(each.alerts for each in told.areas) == 1
