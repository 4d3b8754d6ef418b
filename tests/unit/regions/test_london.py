"""The shipped pack by its own laws; that it is what the public data say is in ``tests/regions``."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections import Counter
from zoneinfo import ZoneInfo

import pytest

from streams.core.geography import Area, Region
from streams.core.taxonomy import CATEGORIES, Meaning
from streams.regions.holidays import bank_holidays
from streams.regions.loader import BUILT_IN, load

LONDON = ZoneInfo("Europe/London")

BOROUGHS = {
    "E09000001": "City of London",
    "E09000007": "Camden",
    "E09000012": "Hackney",
    "E09000020": "Kensington and Chelsea",
    "E09000022": "Lambeth",
    "E09000033": "Westminster",
}


@pytest.fixture(scope="module")
def london() -> Region:
    return load("london")


def of_level(region: Region, level: str) -> list[Area]:
    return [area for area in region.areas if area.level == level]


def test_boroughs_are_the_33_with_their_official_codes(london: Region) -> None:
    boroughs = of_level(london, "borough")

    assert [area.code for area in boroughs] == [f"E090000{number:02}" for number in range(1, 34)]
    assert BOROUGHS.items() <= {area.code: area.name for area in boroughs}.items()
    assert sorted(london.boundaries) == [area.code for area in boroughs]


def test_residents_add_up_to_the_published_total_of_london(london: Region) -> None:
    residents = [area.population for area in of_level(london, "borough") if area.population is not None]

    assert len(residents) == 33
    assert abs(sum(residents) - 8_799_800) <= 33 * 50


def test_wards_have_electoral_ward_codes_and_a_borough(london: Region) -> None:
    wards = of_level(london, "ward")

    assert len(wards) == 684
    assert all(re.fullmatch(r"E05\d{6}", area.code) for area in wards)
    per_borough = Counter(area.parent for area in wards)
    assert set(per_borough) == set(london.unit_areas("borough"))
    assert per_borough["E09000001"] == 5
    assert all(count >= 15 for code, count in per_borough.items() if code != "E09000001")


def test_every_census_area_leads_to_a_ward(london: Region) -> None:
    wards = set(london.unit_areas("ward"))

    assert len(london.crosswalk) == 4994
    assert all(re.fullmatch(r"E01\d{6}", code) for code in london.crosswalk)
    assert set(london.crosswalk.values()) == wards


def test_boroughs_that_share_a_border_are_each_other_s_neighbours(london: Region) -> None:
    for one, other in itertools.permutations(london.unit_areas("borough"), 2):
        if london.boundaries[one].intersection(london.boundaries[other]).length > 0:
            assert other in london.neighbours[one]


def test_every_area_can_be_reached_over_neighbours(london: Region) -> None:
    for level in london.levels:
        near = london.neighbour_indexes(level)
        reached, waiting = {0}, [0]
        while waiting:
            fresh = set(near[waiting.pop()]) - reached
            reached |= fresh
            waiting += fresh
        assert len(reached) == len(near)


def test_nights_to_january_christmas_and_bank_holidays_are_marked_in_local_time(london: Region) -> None:
    def marked(wall: dt.datetime, kind: str) -> bool:
        instant = wall.replace(tzinfo=LONDON).timestamp() * 1000
        return any(o.start_ms <= instant < o.end_ms for o in london.occasions if o.kind == kind and o.area is None)

    for year in range(2010, 2031):
        holidays = [day for day in bank_holidays(year) if (day.month, day.day) not in {(12, 25), (12, 26)}]
        assert all(marked(dt.datetime.combine(day, dt.time(12)), "bank_holiday") for day in holidays)
        first = dt.datetime.combine(dt.date(year, 1, 1), dt.time())
        assert marked(first - dt.timedelta(hours=6), "new_year")
        assert marked(first + dt.timedelta(hours=5, minutes=59), "new_year")
        assert not marked(first + dt.timedelta(hours=6), "new_year")
        assert marked(dt.datetime.combine(dt.date(year, 12, 25), dt.time()), "christmas")
        assert not marked(dt.datetime.combine(dt.date(year, 12, 24), dt.time(23, 59)), "christmas")


def test_no_two_occasions_of_a_place_overlap_but_carnival_and_its_bank_holiday(london: Region) -> None:
    everywhere = sorted((o for o in london.occasions if o.area is None), key=lambda o: o.start_ms)

    assert all(one.end_ms <= other.start_ms for one, other in itertools.pairwise(everywhere))


def test_carnival_is_two_days_before_the_end_of_august_in_two_boroughs(london: Region) -> None:
    carnivals = [o for o in london.occasions if o.kind == "fixture"]

    starts = [dt.datetime.fromtimestamp(o.start_ms / 1000, LONDON) for o in carnivals]
    assert {o.area for o in carnivals} == {"E09000020", "E09000033"}
    assert {start.year for start in starts} == set(range(2010, 2031)) - {2020, 2021}
    assert all((start.weekday(), start.hour, start.month) == (6, 6, 8) and 24 <= start.day <= 30 for start in starts)
    assert all(o.end_ms - o.start_ms == 48 * 3_600_000 for o in carnivals)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_is_a_code_of_our_own_scheme(london: Region, category: str) -> None:
    meaning = london.taxonomy.map("firebreak", category)

    assert isinstance(meaning, Meaning)
    assert meaning.category == category


def test_our_own_scheme_has_no_fallback_and_those_of_sources_have_one(london: Region) -> None:
    strange = {name: london.taxonomy.map(name, "no such code") for name in london.taxonomy.schemes}

    assert {name for name, answer in strange.items() if not isinstance(answer, Meaning)} == {"firebreak"}
    shooting = ("firearm", "shooting", "street_violence")
    assert strange.pop("philadelphia-shootings") == Meaning("gunshot_injury", shooting, ("firearm",))
    assert {answer for name, answer in strange.items() if name != "firebreak"} == {Meaning("other")}


def test_the_pack_is_small_and_says_whose_data_it_holds() -> None:
    files = list((BUILT_IN / "london").iterdir())

    assert sum(file.stat().st_size for file in files) < 600_000
    readme = (BUILT_IN / "london" / "README.md").read_text("utf-8")
    for words in (
        "Contains National Statistics data © Crown copyright and database right",
        "Contains OS data © Crown copyright and database right",
        "Open Government Licence v3.0",
    ):
        assert words in readme
