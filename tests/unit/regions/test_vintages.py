"""Codes of areas that are no more: read from the pack, counted in the successor, never guessed, never dropped."""

from __future__ import annotations

import gzip
import shutil
from collections import Counter
from pathlib import Path

import pytest
from regions.folders import collection, feature, ring, write_pack
from support.builders import notification
from support.files import real, rows_of
from support.pasts import past

from schemas.errors import UsageError
from schemas.events import UNKNOWN_AREA, Quality
from streams.backtest.hours import read_hours
from streams.core.geography import Region
from streams.core.places import PackPlaces
from streams.core.vintages import Part
from streams.regions.loader import BUILT_IN, load

WARDS = collection(
    feature("W1", ring(0, 50, 0.5, 51)), feature("W2", ring(0.5, 50, 1, 51)), feature("W3", ring(1, 50, 2, 51))
)
HEADER = "old,new,share,from\n"
VINTAGES = HEADER + (
    "R,W1,1,2022-05-05\n"  # renamed
    "M1,W2,1,2022-05-05\nM2,W2,1,2022-05-05\n"  # merged
    "S,W1,0.25,2022-05-05\nS,W2,0.75,2022-05-05\n"  # split within one borough
    "X,W2,0.5,2022-05-05\nX,W3,0.5,2022-05-05\n"  # split over two boroughs
    "OLDER,S,1,2014-05-22\n"
    "B0,B1,0.5,2000-01-01\nB0,B2,0.5,2000-01-01\n"
)
UNSURE = (Quality.AREA_CODE_ONLY, Quality.UNKNOWN_AREA_CODE)


def town(tmp_path: Path, vintages: str = VINTAGES) -> Region:
    return load(write_pack(tmp_path, vintages=vintages, boundaries=WARDS))


def test_the_pack_says_which_areas_of_today_followed_each_old_one(tmp_path: Path) -> None:
    succession = town(tmp_path).succession

    assert succession["R"] == (Part("W1", 1.0),)
    assert succession["OLDER"] == succession["S"] == (Part("W1", 0.25), Part("W2", 0.75))


INSIDE_W1, INSIDE_W2, INSIDE_W3, FAR = (0.25, 50.5), (0.75, 50.5), (1.5, 50.5), (9.0, 9.0)


@pytest.mark.parametrize(
    ("code", "position", "told"),
    [
        ("R", None, ("B1", "W1", (Quality.AREA_CODE_ONLY,))),
        (" r ", INSIDE_W3, ("B1", "W1", ())),
        ("M1", None, ("B1", "W2", (Quality.AREA_CODE_ONLY,))),
        ("M2", None, ("B1", "W2", (Quality.AREA_CODE_ONLY,))),
        ("S", INSIDE_W2, ("B1", "W2", ())),
        ("S", INSIDE_W1, ("B1", "W1", ())),
        ("S", None, ("B1", "", UNSURE)),
        ("S", INSIDE_W3, ("B1", "", UNSURE)),
        ("S", FAR, ("B1", "", UNSURE)),
        ("OLDER", None, ("B1", "", UNSURE)),
        ("X", None, (UNKNOWN_AREA, "", UNSURE)),
        ("X", INSIDE_W3, ("B2", "W3", ())),
        ("B0", None, (UNKNOWN_AREA, "", UNSURE)),
    ],
)
def test_an_old_code_is_counted_where_it_is_certain_and_says_so(
    tmp_path: Path, code: str, position: tuple[float, float] | None, told: tuple[str, str, tuple[str, ...]]
) -> None:
    longitude, latitude = position or (None, None)
    sent = notification(area_code=code, longitude=longitude, latitude=latitude)

    found = PackPlaces([town(tmp_path)]).situate(sent)

    assert (found.region, found.area, found.ward, found.quality) == ("toytown", *told)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("W1,W2,1,2022-05-05\n", "row 2, column old: W1 is an area of today"),
        ("A,W9,1,2022-05-05\n", "row 2, column new: W9 is neither an area of areas.csv nor an old code"),
        ("A,W1,0.5,2022-05-05\n", "row 2, column old: A: its shares sum to 0.5, not to 1"),
        ("A,W1,0.5,2022-05-05\nA,W1,0.5,2022-05-05\n", "row 3, column new: A to W1 is there twice"),
        ("A,W1,0,2022-05-05\n", "row 2, column share: is not above 0"),
        ("A,W1,1.5,2022-05-05\n", "row 2, column share: 1.5 is not between 0 and 1"),
        ("A,W1,1,May 2022\n", "row 2, column from: 'May 2022' is not a date"),
        ("A,W1,0.5,2022-05-05\nA,W2,0.5,2023-05-05\n", "row 3, column from: A ends on 2022-05-05 in row 2"),
        ("A,W1,0.5,2022-05-05\nA,B1,0.5,2022-05-05\n", "row 2, column new: successors of A are of different levels"),
        ("A,C,1,2022-05-05\nC,A,1,2022-05-05\n", "row 2, column old: A: it follows itself"),
        ("A,C,1,2022-05-05\nC,W1,1,2014-05-05\n", "row 2, column new: C ended on 2014-05-05, before 2022-05-05"),
    ],
)
def test_a_mistake_in_the_table_of_changes_is_one_line_that_names_its_cell(
    tmp_path: Path, rows: str, told: str
) -> None:
    with pytest.raises(UsageError, match=r"vintages\.csv, ") as refused:
        town(tmp_path, HEADER + rows)
    assert told in str(refused.value)


def test_a_code_is_not_in_the_crosswalk_too(tmp_path: Path) -> None:
    pack = write_pack(tmp_path, vintages=VINTAGES, boundaries=WARDS, crosswalk="from_code,to_code\nS,W2\n")
    with pytest.raises(UsageError, match=r"vintages\.csv, row 5, column old: S is in crosswalk\.csv too"):
        load(pack)


def test_a_rename_changes_nothing_of_a_past_but_the_code(tmp_path: Path) -> None:
    made = past(tmp_path, days=40)
    (made.pack / "vintages.csv").write_text(HEADER + "OLD,A,1,2024-03-01\n")
    plain = read_hours(made.file, load(made.pack))
    packed = made.file.suffix == ".gz"
    text = gzip.decompress(made.file.read_bytes()).decode() if packed else made.file.read_text()
    half = text.count("\n") // 2
    lines = [f"OLD{line[1:]}" if line.startswith("A,") else line for line in text.splitlines()[:half]]
    assert any(line.startswith("OLD,") for line in lines)
    renamed = tmp_path / "renamed.csv"
    renamed.write_text("\n".join([*lines, *text.splitlines()[half:], ""]))

    carried = read_hours(renamed, load(made.pack))

    assert (carried.first, carried.hours, list(carried.counts)) == (plain.first, plain.hours, list(plain.counts))
    assert all((carried.counts[unit] == plain.counts[unit]).all() for unit in plain.counts)


def hours_of(tmp_path: Path, region: Region, *lines: str) -> dict[str, list[int]]:
    file = tmp_path / "hours.csv"
    file.write_text("\n".join(["area,group,hour,incidents", *lines, ""]))
    counts = read_hours(file, region).counts["ward", "robbery"]
    return dict(zip(region.unit_areas("ward"), counts.tolist(), strict=True))


def test_hours_of_old_codes_are_carried_to_the_areas_of_today(tmp_path: Path) -> None:
    region = town(tmp_path)

    renamed = hours_of(tmp_path, region, "R,robbery,2020-01-01T00Z,3", "R,robbery,2020-01-01T02Z,1")
    merged = hours_of(
        tmp_path, region, "M1,robbery,2020-01-01T00Z,3", "M2,robbery,2020-01-01T00Z,2", "W2,robbery,2020-01-01T00Z,1"
    )
    split = hours_of(tmp_path, region, "S,robbery,2020-01-01T00Z,400")

    assert renamed == {"W1": [3, 0, 1], "W2": [0, 0, 0], "W3": [0, 0, 0]}
    assert merged == {"W1": [0], "W2": [6], "W3": [0]}
    assert split["W1"][0] + split["W2"][0] == 400
    # five standard deviations of a binomial
    assert abs(split["W1"][0] - 100) < 5 * (400 * 0.25 * 0.75) ** 0.5


def test_an_old_code_that_is_there_twice_in_an_hour_is_still_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="area M1, group robbery, hour 2020-01-01T00:00:00Z is there twice"):
        hours_of(tmp_path, town(tmp_path), "M1,robbery,2020-01-01T00Z,3", "M1,robbery,2020-01-01T00Z,3")


def test_sixteen_years_of_real_wards_keep_their_totals_under_an_older_geography(tmp_path: Path) -> None:
    """
    The published file of 2010-2024 was already redrawn to the wards of today; so an older geography is made of it.

    Two wards of each borough are told as one ward that was split; each borough then has to keep its robberies.
    """
    rows = list(rows_of(real("london-mps-ward-monthly-2010-2024.csv.gz")))
    recent = list(rows_of(real("london-mps-ward-monthly-2024-2026.csv.gz")))
    london = load("london")
    wards = set(london.unit_areas("ward"))
    assert {row["wardcode"] for row in rows} <= wards
    assert {row["wardcode"] for row in recent} <= wards
    months = [name for name in rows[0] if name.isdigit()]
    robberies = Counter[tuple[str, str]]()
    for row in rows:
        if row["majortext"].strip().upper() == "ROBBERY":
            for month in months:
                robberies[row["wardcode"], month] += int(float(row[month] or 0))
    assert sum(robberies.values()) > 300_000
    pairs = {}
    for borough in london.unit_areas("borough"):
        inside = [ward for ward in london.unit_areas("ward") if london.parents[ward] == borough]
        if len(inside) > 1:
            pairs[f"OLD-{borough}"] = inside[:2]
    older = {ward: old for old, both in pairs.items() for ward in both}
    merged = Counter[tuple[str, str]]()
    for (ward, month), count in robberies.items():
        merged[older.get(ward, ward), month] += count

    lines = [f"{area},robbery,{month[:4]}-{month[4:]}-01T06Z,{n}" for (area, month), n in merged.items() if n]
    file = tmp_path / "hours.csv"
    file.write_text("\n".join(["area,group,hour,incidents", *lines, ""]))
    changes = [f"{old},{ward},0.5,2022-05-05" for old, both in pairs.items() for ward in both]
    table = tmp_path / "london" / "vintages.csv"
    shutil.copytree(BUILT_IN / "london", table.parent)
    table.write_text("\n".join([HEADER.strip(), *changes, ""]))
    carried = read_hours(file, load(table.parent)).counts["ward", "robbery"]

    by_borough = Counter[str]()
    for ward, row_of in zip(london.unit_areas("ward"), carried, strict=True):
        by_borough[london.parents[ward]] += int(row_of.sum())
        if ward not in older:
            assert row_of.sum() == sum(robberies[ward, month] for month in months)
    truth = Counter[str]()
    for (ward, _), count in robberies.items():
        truth[london.parents[ward]] += count
    assert by_borough == truth | Counter(dict.fromkeys(by_borough, 0))
