"""The board of equity: loads of made-up alerts that can be counted by hand, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from regions.folders import write_pack
from support.consoles import alert, rendered

from consumers.console import equity
from consumers.console.access.people import Person, Role
from consumers.console.words import Eyes
from consumers.gazetteer import Gazetteer
from streams.regions.loader import load

RANKS = (
    "area,rank,source,vintage\nB1,7,Index,2025\nB2,3,Index,2025\nW1,3,Index,2025\nW2,2,Index,2025\nW3,1,Index,2025\n"
)
AREAS = """\
code,name,level,parent,longitude,latitude,population,vintage
B1,West,borough,,0.5,50.5,10000,2025
B2,East,borough,,1.5,50.5,20000,2025
W1,Mill,ward,B1,0.25,50.5,,2025
W2,Quay,ward,B1,0.75,50.5,,2025
W3,Park,ward,B2,1.5,50.5,,2025
"""
FEED = [
    {"region": "toytown", "area": "B1", "quality": ["POLICE_GENERATED"], "tense": "ACTUAL"},
    {"region": "toytown", "area": "B1", "quality": [], "tense": "ACTUAL"},
    {"region": "toytown", "area": "B2", "quality": ["HISTORIC"], "tense": "ACTUAL"},
    {"region": "toytown", "area": "B2", "quality": ["NOT_ACTUAL"], "tense": "INJECTION"},
]
ALERTS = [
    alert(alert_id=str(k), region="toytown", area=area, areas=(area,))
    for k, area in enumerate(("B1", "W1", "W2", "W3"))
]


def gazetteer(folder: Path, ranks: str | None = RANKS) -> Gazetteer:
    write_pack(folder, areas=AREAS, deprivation=ranks)
    return Gazetteer.load([str(folder)])


@pytest.mark.parametrize("measure", ["rank", "score", "band"])
def test_the_console_reads_the_bands_that_the_stages_read(tmp_path: Path, measure: str) -> None:
    table = RANKS.replace("rank", measure).replace(",7,", ",5,")
    words = gazetteer(tmp_path, table).regions["toytown"]
    region = load(tmp_path)
    assert (words.bands, words.told_by) == (region.deprivation, region.deprivation_source)
    assert words.residents == {area.code: area.population for area in region.areas if area.population is not None}
    assert words.coarse == region.unit_areas("borough")


def test_alerts_of_wards_are_their_boroughs(tmp_path: Path) -> None:
    told = equity.board("toytown", gazetteer(tmp_path).regions["toytown"], ALERTS, FEED)
    assert [(each.band, each.alerts, each.rate) for each in told.bands] == [(1, 1, 0.5), (3, 3, 3.0)]
    assert [(each.area, each.alerts) for each in told.areas] == [("B1", 3), ("B2", 1)]
    assert "not enough history" in told.going.why


def test_what_the_police_made_is_a_share_of_what_is_real() -> None:
    told = equity.made(FEED)
    assert (told.police, told.all) == (1, 3)
    assert equity.made([]).limits is None


@pytest.mark.parametrize("ranks", [RANKS, None])
def test_the_page_has_its_figures_in_tables_with_captions(tmp_path: Path, ranks: str | None) -> None:
    known = gazetteer(tmp_path, ranks)
    person = Person(name="a", role=Role.VIEWER, areas=frozenset())
    board = equity.board("toytown", known.regions["toytown"], ALERTS, FEED)
    eyes = Eyes(person=person, gazetteer=known, now=0)
    page = rendered("equity.html", eyes, path="/equity", exercise=True, boards=[board], made=equity.made(FEED))
    assert "1 of the newest 3 incidents (33.3 %" in page
    assert page.count("<caption>") == (2 if ranks else 1)
    assert ("0.50" in page) is bool(ranks)
    assert ("has no table of deprivation" in page) is not bool(ranks)
