from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from regions.folders import (
    AREAS,
    BOUNDARIES,
    CALENDAR,
    MANIFEST,
    NEIGHBOURS,
    SCHEME,
    collection,
    feature,
    ring,
    write_pack,
)

from schemas.errors import UsageError
from streams.core.geography import Locator, Occasion, Place
from streams.core.taxonomy import Meaning, Unknown
from streams.regions.loader import built_in, load

WHOLE = "[detection]\nwhole_region = true\n"

DEPRIVATION = """\
area,rank,source,vintage
B1,10,Index,2025
B2,20,Index,2025
"""


def millis(year: int, month: int, day: int, hour: int, minute: int = 0) -> int:
    """A UTC instant."""
    return int(dt.datetime(year, month, day, hour, minute, tzinfo=dt.UTC).timestamp()) * 1000


def test_a_sound_pack_is_read_as_it_stands(tmp_path: Path) -> None:
    region = load(write_pack(tmp_path, crosswalk="from_code,to_code\nL1,W2\n"))

    assert (region.name, region.zone, region.day_starts) == ("toytown", "Europe/London", 6)
    assert region.levels == ("borough", "ward")
    assert [area.code for area in region.areas] == ["B1", "B2", "W1", "W2", "W3"]
    assert (region.areas[0].population, region.areas[1].population) == (1000, None)
    assert region.parents == {"W1": "B1", "W2": "B1", "W3": "B2"}
    assert region.sentinels == ("homicide",)
    assert region.budget.alerts_per_week == 5.0
    assert region.own_budgets == {"toytown|ward|robbery": 0.5}
    assert region.unit_levels == region.levels
    assert region.neighbours["W1"] == ("W2", "W3")
    assert region.neighbours["B1"] == ("B2",)
    assert region.crosswalk == {"L1": "W2"}
    locator = Locator(region)
    assert locator.locate(1.5, 50.5) == Place("B2", "", "2025")
    assert locator.locate_code("L1") == Place("B1", "W2", "2025")


def test_local_wall_time_becomes_utc(tmp_path: Path) -> None:
    region = load(write_pack(tmp_path))

    assert region.occasions == (
        Occasion(start_ms=millis(2026, 8, 29, 23), end_ms=millis(2026, 8, 31, 23), kind="fixture", area="B2"),
        Occasion(start_ms=millis(2026, 12, 31, 18), end_ms=millis(2027, 1, 1, 6), kind="new_year"),
    )


def test_where_clocks_go_back_an_interval_is_taken_at_its_longest(tmp_path: Path) -> None:
    calendar = "start,end,kind,area\n2026-10-25T01:30,2026-10-25T03:00,a,\n2026-10-25T00:00,2026-10-25T01:30,b,\n"

    region = load(write_pack(tmp_path, calendar=calendar))

    spans = {occasion.kind: (occasion.start_ms, occasion.end_ms) for occasion in region.occasions}
    assert spans["a"] == (millis(2026, 10, 25, 0, 30), millis(2026, 10, 25, 3))
    assert spans["b"] == (millis(2026, 10, 24, 23), millis(2026, 10, 25, 1, 30))


def test_every_wall_time_of_a_year_is_read_as_the_zone_says(tmp_path: Path) -> None:
    zone = ZoneInfo("America/New_York")
    walls = [dt.datetime(2026, 1, 1) + dt.timedelta(hours=37 * n) for n in range(230)]  # noqa: DTZ001 - wall time
    lines = "".join(f"{wall.isoformat()},{wall + dt.timedelta(hours=12)},k{n},\n" for n, wall in enumerate(walls))
    manifest = MANIFEST.replace("Europe/London", zone.key)

    region = load(write_pack(tmp_path, manifest=manifest, calendar=f"start,end,kind,area\n{lines}"))

    read = {occasion.kind: occasion.start_ms for occasion in region.occasions}
    told = {f"k{n}": round(wall.replace(tzinfo=zone).timestamp()) * 1000 for n, wall in enumerate(walls)}
    assert read == told


def test_a_pack_s_own_scheme_takes_the_place_of_the_shared_one(tmp_path: Path) -> None:
    own = "scheme,code,category,groups,flags\nmps,HOMICIDE,other,,\n"

    taxonomy = load(write_pack(tmp_path, scheme=own)).taxonomy

    assert taxonomy.map("mps", "Homicide") == Meaning("other")
    assert taxonomy.map("mps", "RAPE") is Unknown.CODE
    assert isinstance(taxonomy.map("chicago", "HOMICIDE/FIRST DEGREE MURDER"), Meaning)


def test_a_region_that_is_watched_as_one_has_a_unit_of_one_area_and_what_is_known_of_all_its_areas(
    tmp_path: Path,
) -> None:
    own = WHOLE + "[budget.region.robbery]\nalerts_per_week = 0.25\n"
    region = load(write_pack(tmp_path, manifest=MANIFEST + own))

    assert region.unit_levels == ("borough", "ward", "region")
    assert (region.unit_areas("region"), region.neighbour_indexes("region")) == (("toytown",), ((),))
    assert region.own_budgets["toytown|region|robbery"] == 0.25
    assert [period.kind for period in region.periods("region")] == ["new_year"], "a fixture in one borough is none here"


def test_a_region_of_one_area_is_not_watched_twice(tmp_path: Path) -> None:
    areas = "code,name,level,parent,longitude,latitude\nB1,,borough,,,\nW1,,ward,B1,,\n"
    nothing = {"boundaries": None, "neighbours": None, "calendar": None, "scheme": None}

    assert not load(write_pack(tmp_path, areas=areas, manifest=MANIFEST + WHOLE, **nothing)).whole


def test_files_may_be_packed_and_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    write_pack(tmp_path, areas=None, boundaries=None)
    (tmp_path / "areas.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + AREAS.encode()))
    (tmp_path / "boundaries.geojson.gz").write_bytes(gzip.compress(BOUNDARIES.encode()))

    region = load(tmp_path)

    assert len(region.areas) == 5
    assert sorted(region.boundaries) == ["B1", "B2"]


def test_the_smallest_pack_is_two_files(tmp_path: Path) -> None:
    areas = "code,name,level,parent,longitude,latitude\nNORTH,,beat,,,\n"
    manifest = (
        'name="x"\nzone="UTC"\nday_starts="00:00"\nlevels=["beat"]\ngroups=["robbery"]\nbudget.alerts_per_week=1\n'
    )
    nothing = {"boundaries": None, "neighbours": None, "calendar": None, "scheme": None}

    region = load(write_pack(tmp_path, areas=areas, manifest=manifest, **nothing))

    assert region.neighbour_indexes("beat") == ((),)
    assert region.occasions == ()
    assert Locator(region).locate_code("north") == Place("NORTH", "", "")


@pytest.mark.parametrize(
    ("table", "bands"),
    [
        (DEPRIVATION, {"B1": 1, "B2": 3}),
        (DEPRIVATION.replace("rank", "score"), {"B1": 3, "B2": 1}),
        (DEPRIVATION.replace("rank", "band").replace(",10,", ",4,").replace(",20,", ",4,"), {"B1": 4, "B2": 4}),
    ],
)
def test_ranks_begin_with_the_most_deprived_and_scores_end_with_it(
    tmp_path: Path, table: str, bands: dict[str, int]
) -> None:
    region = load(write_pack(tmp_path, deprivation=table))
    assert (region.deprivation, region.deprivation_source) == (bands, "Index, 2025")


def test_an_area_without_a_position_takes_the_centre_of_its_polygon(tmp_path: Path) -> None:
    region = load(write_pack(tmp_path, areas=AREAS.replace("B1,West,borough,,0.5,50.5", "B1,West,borough,,,")))

    assert (region.areas[0].longitude, region.areas[0].latitude) == (0.5, 50.5)


def test_an_invalid_ring_is_repaired_with_a_warning(tmp_path: Path) -> None:
    bow = [[0.0, 50.0], [1.0, 51.0], [1.0, 50.0], [0.0, 51.0], [0.0, 50.0]]
    said: list[str] = []

    region = load(write_pack(tmp_path, boundaries=collection(feature("B1", bow))), said.append)

    assert region.boundaries["B1"].is_valid
    assert region.boundaries["B1"].area == pytest.approx(0.5)
    assert len(said) == 1
    assert said[0].startswith("boundaries.geojson, feature 1: ring was invalid")


def test_a_pack_is_found_by_name_or_by_folder(tmp_path: Path) -> None:
    assert built_in() == ("london",)
    with pytest.raises(UsageError, match=r"no region atlantis: neither built in \(london\) nor a folder"):
        load("atlantis")
    with pytest.raises(UsageError, match=r"it has no region\.toml"):
        load(tmp_path)


BIG = ring(530000, 180000, 531000, 181000)
SWAPPED = [[y, x] for x, y in ring(0, 50, 1, 51)]

MISTAKES: dict[str, tuple[dict[str, str | bytes | None], str]] = {
    "areas-twice": ({"areas": AREAS + "W1,Again,ward,B1,,,,\n"}, "areas.csv, row 7, column code: W1 is also in row 4"),
    "areas-parent": ({"areas": AREAS.replace("ward,B2", "ward,B9")}, "areas.csv, row 6, column parent: B9 is no area"),
    "areas-parent-of-own-level": (
        {"areas": AREAS.replace("W2,Quay,ward,B1", "W2,Quay,ward,W1")},
        "areas.csv, row 5, column parent: W1 is a ward, not a borough",
    ),
    "areas-cycle": (
        {
            "areas": AREAS.replace("B1,West,borough,", "B1,West,borough,B2").replace(
                "B2,East,borough,", "B2,East,borough,B1"
            )
        },
        "areas.csv, row 2, column parent: a borough is of the first level and has no parent",
    ),
    "areas-orphan": ({"areas": AREAS.replace("ward,B2", "ward,")}, "areas.csv, row 6, column parent: is empty"),
    "areas-level": (
        {"areas": AREAS.replace("W3,Park,ward", "W3,Park,parish")},
        "areas.csv, row 6, column level: parish",
    ),
    "areas-no-ward": ({"areas": "\n".join(AREAS.split("\n")[:3])}, "areas.csv: no area of level ward"),
    "areas-column": ({"areas": AREAS.replace("parent", "mother")}, "areas.csv, row 1: column parent is missing"),
    "areas-column-twice": ({"areas": AREAS.replace("vintage", "name")}, "areas.csv, row 1: column name is there twice"),
    "areas-number": (
        {"areas": AREAS.replace("0.25", "0,25".replace(",", "o"))},
        "areas.csv, row 4, column longitude: '0o25'",
    ),
    "areas-off-globe": (
        {"areas": AREAS.replace("0.25,50.5", "0.25,95")},
        "areas.csv, row 4, column latitude: 95 is not",
    ),
    "areas-nan": ({"areas": AREAS.replace("0.25", "nan")}, "areas.csv, row 4, column longitude: nan is not between"),
    "areas-half": ({"areas": AREAS.replace("0.25,50.5", "0.25,")}, "areas.csv, row 4, column latitude: is empty"),
    "areas-people": ({"areas": AREAS.replace(",1000,", ",-3,")}, "areas.csv, row 2, column population: '-3' is not"),
    "areas-no-code": ({"areas": AREAS.replace("W1,Mill", ",Mill")}, "areas.csv, row 4, column code: is empty"),
    "areas-reserved": ({"areas": AREAS.replace("W1,", "W|1,")}, "areas.csv, row 4, column code: W|1: UNKNOWN and"),
    "areas-cells": (
        {"areas": AREAS.replace("W1,Mill", "W1,Mill,Lane")},
        "areas.csv, row 4: 9 cells, but the header has 8",
    ),
    "areas-quote": ({"areas": AREAS + '"W9,open'}, "areas.csv, line 7: unexpected end of data"),
    "areas-encoding": (
        {"areas": AREAS.replace("Mill", "Caf\u00e9").encode("latin-1")},
        "areas.csv, row 4: byte 0xe9 is not UTF-8",
    ),
    "areas-empty": ({"areas": ""}, "areas.csv, row 1: column code is missing; the header is empty"),
    "areas-none": ({"areas": None}, "it has no areas.csv"),
    "toml": ({"manifest": "name ="}, "region.toml is not TOML"),
    "toml-unknown": ({"manifest": "colour = 1\n" + MANIFEST}, "region.toml, key colour: is not known"),
    "toml-missing": ({"manifest": MANIFEST.replace("zone", "#zone")}, "region.toml, key zone: is missing"),
    "toml-zone": (
        {"manifest": MANIFEST.replace("London", "Camelot")},
        "region.toml, key zone: 'Europe/Camelot' is not",
    ),
    "toml-zone-path": (
        {"manifest": MANIFEST.replace("Europe/London", "../etc")},
        "region.toml, key zone: '../etc' is not",
    ),
    "toml-day": (
        {"manifest": MANIFEST.replace("06:00", "06:30")},
        "region.toml, key day_starts: '06:30' is not a whole",
    ),
    "toml-name": (
        {"manifest": MANIFEST.replace("toytown", "Toy|Town")},
        "region.toml, key name: 'Toy|Town' is not a word",
    ),
    "toml-levels": ({"manifest": MANIFEST.replace('"ward"', '"ward", "lsoa"')}, "region.toml, key levels: 3 levels"),
    "toml-groups": (
        {"manifest": MANIFEST.replace('"robbery", ', '"robbery", "robbery", ')},
        "key groups: robbery is there twice",
    ),
    "toml-sentinels": (
        {"manifest": 'sentinels=["shooting"]\n' + MANIFEST},
        "key sentinels: shooting is not one of groups",
    ),
    "toml-budget": (
        {"manifest": MANIFEST.replace("= 5", "= 0")},
        "key budget.alerts_per_week: 0 is not a number above 0",
    ),
    "toml-budget-word": ({"manifest": MANIFEST.replace("= 5", '= "5"')}, "budget.alerts_per_week: '5' is not a number"),
    "toml-budget-feedback": (
        {"manifest": MANIFEST.replace("= 5", '= 5\nfeedback = "no"')},
        "key budget.feedback: 'no' is neither true nor false",
    ),
    "toml-budget-level": (
        {"manifest": MANIFEST.replace("budget.ward", "budget.lsoa")},
        "key budget.lsoa: is not one of the",
    ),
    "toml-budget-group": (
        {"manifest": MANIFEST.replace("ward.robbery", "ward.theft")},
        "key budget.ward.theft: is not one of",
    ),
    "toml-budget-own": (
        {"manifest": MANIFEST.replace("0.5", "-1")},
        "key budget.ward.robbery.alerts_per_week: -1 is not",
    ),
    "toml-level-whole": (
        {"manifest": MANIFEST.replace('["borough"', '["region"')},
        "key levels: region is the level of the region as a whole",
    ),
    "toml-detection": ({"manifest": MANIFEST + "[detection]\nwhole = true\n"}, "key detection.whole: is not known"),
    "toml-detection-table": ({"manifest": "detection = 1\n" + MANIFEST}, "key detection: is not a table"),
    "toml-detection-word": (
        {"manifest": MANIFEST + "[detection]\nwhole_region = 'yes'\n"},
        "key detection.whole_region: 'yes' is neither true nor false",
    ),
    "toml-detection-name": (
        {"manifest": MANIFEST + WHOLE, "areas": AREAS + "toytown,,borough,,,,,\n"},
        "column code: toytown is the name of the region, which is an area itself",
    ),
    "toml-budget-whole": (
        {"manifest": MANIFEST + "[budget.region.robbery]\nalerts_per_week = 1\n"},
        "key budget.region: is not one of the levels borough, ward",
    ),
    "calendar-order": (
        {"calendar": CALENDAR + "2026-05-02,2026-05-02,x,\n"},
        "calendar.csv, row 4, column end: 2026-05-02 is not after 2026-05-02",
    ),
    "calendar-gap": (
        {"calendar": CALENDAR + "2026-03-29T01:30,2026-03-29T05:00,x,\n"},
        "calendar.csv, row 4, column start: 2026-03-29T01:30 does not exist in Europe/London",
    ),
    "calendar-offset": (
        {"calendar": CALENDAR + "2026-03-29T01:30Z,2026-03-29T05:00,x,\n"},
        "calendar.csv, row 4, column start: 2026-03-29T01:30Z has an offset",
    ),
    "calendar-word": (
        {"calendar": CALENDAR + "soon,2026-03-29,x,\n"},
        "calendar.csv, row 4, column start: 'soon' is not a",
    ),
    "calendar-kind": (
        {"calendar": CALENDAR.replace("fixture", "Big Day")},
        "calendar.csv, row 3, column kind: 'Big Day'",
    ),
    "calendar-area": ({"calendar": CALENDAR.replace("B2", "B7")}, "calendar.csv, row 3, column area: B7 is no area"),
    "neighbours-unknown": (
        {"neighbours": NEIGHBOURS.replace("W3", "W8")},
        "neighbours.csv, row 2, column neighbour: W8 is",
    ),
    "neighbours-level": (
        {"neighbours": NEIGHBOURS.replace("W3", "B2")},
        "row 2, column neighbour: B2 is a borough, W1 a ward",
    ),
    "neighbours-self": (
        {"neighbours": NEIGHBOURS.replace("W1,W2", "W1,W1")},
        "row 3, column neighbour: W1 is not its own",
    ),
    "neighbours-rank": (
        {"neighbours": NEIGHBOURS.replace("W3,2", "W3,1")},
        "row 3, column rank: 1 of W1 is also that of W3",
    ),
    "neighbours-rank-zero": (
        {"neighbours": NEIGHBOURS.replace("W3,2", "W3,0")},
        "row 2, column rank: '0' is not a whole",
    ),
    "neighbours-twice": (
        {"neighbours": NEIGHBOURS.replace("W1,W2", "W1,W3")},
        "row 3, column neighbour: W3 is there twice",
    ),
    "crosswalk-target": (
        {"crosswalk": "from_code,to_code\nL1,W9\n"},
        "crosswalk.csv, row 2, column to_code: W9 is no area",
    ),
    "crosswalk-area": (
        {"crosswalk": "from_code,to_code\nW1,W2\n"},
        "crosswalk.csv, row 2, column from_code: W1 is an area",
    ),
    "crosswalk-twice": (
        {"crosswalk": "from_code,to_code\nL,W1\nL,W2\n"},
        "crosswalk.csv, row 3, column from_code: L is there",
    ),
    "deprivation-area": (
        {"deprivation": DEPRIVATION.replace("B1", "B9")},
        "deprivation.csv, row 2, column area: B9 is no area",
    ),
    "deprivation-twice": (
        {"deprivation": DEPRIVATION.replace("B2", "B1")},
        "deprivation.csv, row 3, column area: B1 is there twice",
    ),
    "deprivation-missing": (
        {"deprivation": DEPRIVATION.replace("B2,20,Index,2025\n", "")},
        "deprivation.csv: B2 is missing; all areas of level borough",
    ),
    "deprivation-none": (
        {"deprivation": DEPRIVATION.replace("10", "")},
        "deprivation.csv, row 2, column band: one of band, rank, score is needed",
    ),
    "deprivation-band": (
        {"deprivation": DEPRIVATION.replace("rank", "band")},
        "deprivation.csv, row 2, column band: 10 is not between 1 and 5",
    ),
    "deprivation-sources": (
        {"deprivation": DEPRIVATION.replace("20,Index", "20,Survey")},
        "deprivation.csv, row 3, column source: one file has one source",
    ),
    "deprivation-vintage": (
        {"deprivation": DEPRIVATION.replace("10,Index,2025", "10,Index,")},
        "deprivation.csv, row 2, column vintage: is empty",
    ),
    "scheme-twice": (
        {"scheme": SCHEME + "CAD,rob,other,,\n"},
        "schemes/cad.csv, row 5, column code: rob of CAD is also in schemes/cad.csv, row 3",
    ),
    "scheme-star": (
        {"scheme": SCHEME.replace("ASSAULT*", "AS*T")},
        "schemes/cad.csv, row 2, column code: AS*T: * may only",
    ),
    "scheme-category": (
        {"scheme": SCHEME.replace("violence_injury", "fight")},
        "cad.csv, row 2, column category: fight is not",
    ),
    "scheme-group": (
        {"scheme": SCHEME.replace("street_violence", "street_fights")},
        "cad.csv, row 2, column groups: street_f",
    ),
    "scheme-flag": (
        {"scheme": SCHEME.replace(",robbery,", ",robbery,sword")},
        "cad.csv, row 3, column flags: sword is not",
    ),
    "scheme-column": ({"scheme": "code,category\nX,other\n"}, "cad.csv, row 1: column scheme is missing"),
    "geojson-json": ({"boundaries": "{]"}, "boundaries.geojson, line 1: not JSON"),
    "geojson-other": ({"boundaries": '{"type":"Feature"}'}, "boundaries.geojson is not a GeoJSON FeatureCollection"),
    "geojson-code": ({"boundaries": collection(feature("B9", ring(0, 50, 1, 51)))}, "feature 1: code 'B9' is no area"),
    "geojson-number": ({"boundaries": collection(feature(1, ring(0, 50, 1, 51)))}, "feature 1: code 1 is no area"),
    "geojson-twice": (
        {"boundaries": collection(feature("B1", ring(0, 50, 1, 51)), feature("B1", ring(0, 50, 1, 51)))},
        "boundaries.geojson, feature 2: code B1 is there twice",
    ),
    "geojson-swapped": (
        {"boundaries": collection(feature("B1", SWAPPED))},
        "feature 1: latitude stands before longitude",
    ),
    "geojson-swapped-far": (
        {"boundaries": collection(feature("B1", [[41.0, -120.0], [42.0, -120.0], [42.0, -121.0], [41.0, -120.0]]))},
        "feature 1: position 41, -121 is not longitude, latitude; latitude stands before longitude",
    ),
    "geojson-metres": (
        {"boundaries": collection(feature("B1", BIG))},
        "feature 1: position 530000, 180000 is not longitude",
    ),
    "geojson-flat": (
        {"boundaries": collection(feature("B1", [[0.0, 50.0], [1.0, 50.0], [0.0, 50.0], [0.0, 50.0]]))},
        "boundaries.geojson, feature 1: ring encloses nothing",
    ),
    "geojson-open": (
        {"boundaries": collection(feature("B1", [[0.0, 50.0], [1.0, 51.0]]))},
        "feature 1: geometry is broken",
    ),
    "geojson-point": (
        {"boundaries": '{"features":[{"properties":{"code":"B1"},"geometry":{"type":"Point","coordinates":[0,50]}}]}'},
        "boundaries.geojson, feature 1: geometry is Point; a Polygon or MultiPolygon is needed",
    ),
    "geojson-null": (
        {"boundaries": '{"features":[{"properties":{"code":"B1"},"geometry":null}]}'},
        "boundaries.geojson, feature 1: geometry is missing",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, mistake: str) -> None:
    changes, expected = MISTAKES[mistake]

    with pytest.raises(UsageError) as raised:
        load(write_pack(tmp_path, **changes))

    line = str(raised.value)
    assert expected in line
    assert "\n" not in line


def test_the_same_file_plain_and_packed_is_a_mistake(tmp_path: Path) -> None:
    write_pack(tmp_path)
    (tmp_path / "areas.csv.gz").write_bytes(gzip.compress(AREAS.encode()))

    with pytest.raises(UsageError, match=r"areas\.csv and areas\.csv\.gz are both there"):
        load(tmp_path)


def test_a_torn_gzip_file_is_a_mistake(tmp_path: Path) -> None:
    write_pack(tmp_path, areas=None)
    (tmp_path / "areas.csv.gz").write_bytes(gzip.compress(AREAS.encode())[:-9])

    with pytest.raises(UsageError, match=r"areas\.csv\.gz can't be read"):
        load(tmp_path)
