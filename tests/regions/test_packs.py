"""Packs and schemes against the public data sets that they are for."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely
from regions.build_london import build
from regions.packs import MONTGOMERY, PACKS

from streams.core.geography import Locator, Region
from streams.core.taxonomy import Classification, Meaning, Taxonomy
from streams.regions.loader import BUILT_IN, load


def rows(file: Path) -> Iterator[dict[str, str]]:
    data = file.read_bytes()
    text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode("utf-8")
    yield from csv.DictReader(io.StringIO(text, newline=""))


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Region]:
    folder = tmp_path_factory.mktemp("packs")

    def pack(name: str) -> Region:
        if not (folder / name).exists():
            PACKS[name](data, folder / name)
        return load(folder / name)

    return pack


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load("london").taxonomy


def test_the_shipped_london_pack_is_what_the_public_data_make(data: Path, tmp_path: Path) -> None:
    build(data, tmp_path)

    for file in tmp_path.iterdir():
        assert file.read_bytes() == (BUILT_IN / "london" / file.name).read_bytes(), file.name


def test_wards_of_london_are_neighbours_exactly_where_the_adjacency_file_says(data: Path) -> None:
    london = load("london")
    pairs = {(row["ward_a"], row["ward_b"]) for row in rows(data / "london-ward25-adjacency.csv")}
    touching = pairs | {(other, one) for one, other in pairs}

    degree = Counter(one for one, _ in touching)

    for ward in london.unit_areas("ward"):
        near = london.neighbours[ward]
        assert {other for one, other in touching if one == ward} == set(near[: degree[ward]])
        assert len(near) == degree[ward] or len(near) <= 4


def test_every_ward_and_census_area_of_the_police_tables_is_located(data: Path) -> None:
    london = load("london")
    locate = Locator(london).locate_code
    names = {area.code: area.name for area in london.areas}

    for row in rows(data / "london-mps-ward-monthly-2024-2026.csv.gz"):
        place = locate(row["wardcode"])
        assert place is not None
        assert place.ward == row["wardcode"]
        if row["lookup_boroughname"] != "Aviation Security (SO18)":
            assert names[place.area] == row["lookup_boroughname"]
    for row in rows(data / "london-mps-lsoa-monthly-2024-2026.csv.gz"):
        place = locate(row["lsoa_code"])
        assert place is not None
        assert place.area == row["borough"]


def test_simplified_boroughs_disagree_with_the_full_ones_on_few_points(data: Path) -> None:
    locator = Locator(load("london"))
    with gzip.open(data / "london-boroughs-e09.geojson.gz", "rt", encoding="utf-8") as file:
        full = shapely.from_geojson(file.read())
    assert full is not None
    random = np.random.default_rng(11)
    x, y = random.uniform(-0.52, 0.34, 20_000), random.uniform(51.28, 51.70, 20_000)

    inside = shapely.contains_xy(shapely.union_all(shapely.get_parts(full)), x, y)

    found = np.array([locator.locate(float(a), float(b)) is not None for a, b in zip(x, y, strict=True)])
    assert (found != inside).mean() < 0.001


def test_chicago_s_points_lie_in_the_community_area_that_the_city_gives_or_on_its_border_street(
    data: Path, made: Callable[[str], Region]
) -> None:
    region = made("chicago")
    locator = Locator(region)
    named, metres = 0, []
    for row in itertools.islice(rows(data / "chicago-crimes-2018-jan-aug.csv.gz"), 40_000):
        if row["CommunityArea"] and row["Latitude"]:
            x, y, code = float(row["Longitude"]), float(row["Latitude"]), row["CommunityArea"]
            place = locator.locate(x, y)
            named += 1
            if place is None or place.area != code:
                metres.append(111_195 * region.boundaries[code].distance(shapely.Point(x, y)))

    assert named > 35_000
    assert len(metres) / named < 0.03
    assert sum(away > 40 for away in metres) / named < 0.003
    assert sum(away > 200 for away in metres) <= 2


def test_chicago_has_77_community_areas_and_22_police_districts(made: Callable[[str], Region]) -> None:
    assert sorted(map(int, made("chicago").unit_areas("community"))) == list(range(1, 78))
    districts = {*range(1, 13), *range(14, 21), 22, 24, 25}
    assert set(map(int, made("chicago-districts").unit_areas("district"))) == districts


def test_incidents_of_a_district_are_nearest_to_its_own_position_more_often_than_not(
    data: Path, made: Callable[[str], Region]
) -> None:
    region = made("chicago-districts")
    where = {area.code: (area.longitude or 0.0, area.latitude or 0.0) for area in region.areas}
    hits = total = 0
    for row in itertools.islice(rows(data / "chicago-aggravated-assaults-2010-2019.csv.gz"), 0, None, 50):
        point = float(row["longitude"]), float(row["latitude"])
        nearest = min(where, key=lambda code: math.dist(where[code], point))
        hits += nearest == row["district"]
        total += 1

    assert hits / total > 0.7


def test_philadelphia_has_the_districts_of_its_file(data: Path, made: Callable[[str], Region]) -> None:
    codes = {row["police_district"] for row in rows(data / "philadelphia-shootings-revisions-2020-2025.csv.gz")}

    assert set(made("philadelphia").unit_areas("district")) == codes - {""}


def test_montgomery_s_townships_are_those_of_its_file_and_all_are_located(
    data: Path, made: Callable[[str], Region]
) -> None:
    kept = load(MONTGOMERY)
    file = data / "montgomery-county-911-2015-2016.csv.gz"
    townships = Counter(row["twp"] for row in rows(file))
    locate = Locator(kept).locate_code

    assert len(kept.areas) == 68
    assert {name for name in townships if locate(name) is None} == {""}
    assert kept.areas == made("montgomery").areas
    assert kept.neighbours == made("montgomery").neighbours
    assert kept.occasions == made("montgomery").occasions


def classified(taxonomy: Taxonomy, scheme: str, code: str, *, domestic: bool = False) -> Classification:
    answer = taxonomy.classify(scheme, code, None, None, domestic)
    assert isinstance(answer, Classification), (scheme, code)
    return answer


def test_assaults_shootings_and_stabbings_of_montgomery_are_counted(data: Path, taxonomy: Taxonomy) -> None:
    groups: Counter[str] = Counter()
    titles = [row["title"] for row in rows(data / "montgomery-county-911-2015-2016.csv.gz")]
    for title in titles:
        groups.update(classified(taxonomy, "montgomery-911", title).groups)

    assert groups["knife_crime"] == titles.count("EMS: STABBING") == 32
    assert groups["shooting"] == titles.count("EMS: SHOOTING") + titles.count("EMS: ACTIVE SHOOTER") == 41
    assert groups["street_violence"] == 657 + 39 + 32
    assert sum(groups.values()) == 32 + 41 * 2 + 657 + 39 + 32


def test_chicago_s_groups_follow_its_own_words(data: Path, taxonomy: Taxonomy) -> None:
    groups: Counter[str] = Counter()
    expected: Counter[str] = Counter()
    attacks = {"ASSAULT", "BATTERY", "ROBBERY", "CRIM SEXUAL ASSAULT"}
    for row in rows(data / "chicago-crimes-2018-jan-aug.csv.gz"):
        kind, words, domestic = row["PrimaryType"], row["Description"], row["Domestic"] == "True"
        answer = classified(taxonomy, "chicago", f"{kind}/{words}", domestic=domestic)
        groups.update(answer.groups)
        gun = "HANDGUN" in words or "FIREARM" in words
        expected["knife_crime"] += "KNIFE" in words
        expected["firearm"] += (kind in attacks and gun) or words == "RECKLESS FIREARM DISCHARGE"
        expected["robbery"] += kind == "ROBBERY"
        expected["homicide"] += kind == "HOMICIDE" and words != "RECKLESS HOMICIDE"
        if kind in {"ASSAULT", "BATTERY"}:
            expected["attack"] += 1
            told = domestic or "DOMESTIC" in words
            assert ("domestic_abuse" in answer.groups, "street_violence" in answer.groups) == (told, not told)
        if kind in {"THEFT", "BURGLARY", "NARCOTICS", "CRIMINAL DAMAGE", "GAMBLING", "DECEPTIVE PRACTICE"}:
            assert answer == Classification("other", ())

    assert expected["knife_crime"] == 2351
    assert expected["attack"] == 30_173 + 12_288
    for group in ("knife_crime", "firearm", "robbery", "homicide"):
        assert groups[group] == expected[group], group


MPS_TABLES = (
    "london-mps-borough-monthly-2010-2024",
    "london-mps-borough-monthly-2024-2026",
    "london-mps-ward-monthly-2010-2024",
    "london-mps-ward-monthly-2024-2026",
)


def test_minor_groups_of_the_london_tables_agree_with_their_major_groups(data: Path, taxonomy: Taxonomy) -> None:
    minors = {(row["majortext"], row["minortext"]) for name in MPS_TABLES for row in rows(data / f"{name}.csv.gz")}
    of_major = {
        "VIOLENCE AGAINST THE PERSON": {"homicide", "violence_injury", "violence_no_injury", "stalking_harassment"},
        "SEXUAL OFFENCES": {"sexual"},
        "ROBBERY": {"robbery_person", "robbery_business"},
        "POSSESSION OF WEAPONS": {"weapon_possession"},
        "PUBLIC ORDER OFFENCES": {"disorder"},
    }

    for major, minor in minors:
        category = classified(taxonomy, "mps", minor).category
        driving = minor == "DEATH SERIOUS INJURY ILLEGAL DRIVING"
        assert category in ({"other"} if driving else of_major.get(major, {"other"})), minor


def test_crime_types_of_data_police_uk_are_known(data: Path, taxonomy: Taxonomy) -> None:
    file = data / "data-police-uk-city-of-london-street-2022-2023.csv.gz"
    categories = {kind: taxonomy.map("police-uk", kind) for kind in {row["Crime type"] for row in rows(file)}}

    violent = {kind: answer.category for kind, answer in categories.items() if answer != Meaning("other")}  # type: ignore[union-attr]
    assert violent == {
        "Violence and sexual offences": "violence_unspecified",
        "Robbery": "robbery_person",
        "Possession of weapons": "weapon_possession",
        "Public order": "disorder",
    }
