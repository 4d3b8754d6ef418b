from __future__ import annotations

import math
from pathlib import Path

import pytest
from regions.folders import AREAS, CALENDAR, MANIFEST, NEIGHBOURS, SCHEME, collection, feature, ring, write_pack

from streams.regions.check import check


def warnings(folder: Path) -> list[str]:
    return list(check(folder).warnings)


def test_a_report_counts_what_is_there(tmp_path: Path) -> None:
    report = check(write_pack(tmp_path, neighbours=NEIGHBOURS + "W3,W2,1\n"))

    borough, ward = report.levels
    assert (borough.areas, borough.positions, borough.polygons) == (2, 2, 2)
    assert (borough.residents_known, borough.residents) == (1, 1000)
    assert (ward.areas, ward.polygons, ward.neighbours) == (3, 0, (1, 1, 2))
    assert report.schemes["cad"] == 3
    assert report.warnings == ()
    text = "\n".join(report.lines())
    assert "level borough: 2 areas, 2 with a position, 2 with a polygon, neighbours 1 to 1 (median 1)" in text
    assert "residents: 1,000, known for 50% of areas" in text
    assert "calendar: 1 fixture, 1 new_year" in text
    assert text.endswith("sound, no warnings")


def test_overlap_and_gap_are_measured_in_square_kilometres(tmp_path: Path) -> None:
    outer = ring(0, 50, 1, 51)
    holed = {"type": "Polygon", "coordinates": [outer, ring(0.4, 50.4, 0.6, 50.6)]}
    first = feature("B1", outer) | {"geometry": holed}
    drawn = collection(first, feature("B2", ring(0.9, 50, 2, 51)))

    borough = check(write_pack(tmp_path, boundaries=drawn)).levels[0]

    degree = math.pi * 6371.0088 / 180
    assert borough.gaps_km2 == pytest.approx(0.2 * 0.2 * degree**2 * math.cos(math.radians(50.5)))
    assert borough.overlaps_km2 == pytest.approx(0.1 * degree**2 * math.cos(math.radians(50.5)))


WEAK = {
    "alone": ({}, "level ward: W3 without neighbours"),
    "bare": ({"boundaries": collection(feature("B1", ring(0, 50, 1, 51)))}, "level borough: B2 without a polygon"),
    "names": ({"areas": AREAS.replace("Quay", "mill")}, "level ward: names Mill, mill are not unique"),
    "overlap": (
        {"boundaries": collection(feature("B1", ring(0, 50, 1.5, 51)), feature("B2", ring(1, 50, 2, 51)))},
        "B1 and B2 overlap by",
    ),
    "parent": (
        {
            "boundaries": collection(
                feature("B1", ring(0, 50, 1, 51)), feature("W3", ring(0, 50, 1, 51)), feature("B2", ring(1, 50, 2, 51))
            )
        },
        "W3 lies to 100% outside B2",
    ),
    "position": (
        {"areas": AREAS.replace("0.5,50.5", "9.5,50.5")},
        "the area's position in areas.csv (9.5, 50.5) is not in",
    ),
    "calendar": (
        {"calendar": CALENDAR + "2026-08-31T12:00,2026-09-02,fixture,B2\n"},
        "calendar: two of kind fixture in B2 overlap",
    ),
    "group": ({"manifest": MANIFEST.replace('"homicide"', '"arson"')}, "group arson is in no scheme"),
    "scheme": (
        {"scheme": SCHEME.replace("robbery,\n", "\n")},
        "scheme cad, code ROB: robbery_person is violence, but no group",
    ),
}


@pytest.mark.parametrize("weakness", WEAK)
def test_what_is_weak_is_a_warning(tmp_path: Path, weakness: str) -> None:
    changes, expected = WEAK[weakness]

    assert [line for line in warnings(write_pack(tmp_path, **changes)) if expected in line]


def test_london_has_no_gap_no_overlap_and_neighbours_everywhere() -> None:
    report = check("london")

    borough, ward = report.levels
    assert (borough.areas, borough.polygons, ward.areas, ward.polygons) == (33, 33, 684, 0)
    assert (borough.gaps_km2, borough.overlaps_km2) == (0.0, 0.0)
    assert borough.neighbours[0] >= 4
    assert ward.neighbours[0] >= 3
    assert [line for line in report.warnings if "not unique" not in line] == []
