"""Tables of monthly counts into a panel."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import toytown

from schemas.errors import UsageError
from streams.core.geography import Region
from streams.regions.loader import load
from streams.review.months import month
from streams.review.panel import Panel
from streams.review.profile import MonthlyProfile, read_profile
from streams.review.reading import read_monthly

WIDE = """\
description = "d"
source = "s"
shape = "wide"
level = "borough"
area = "where"
category = "what"
[groups]
robbery = ["robbery *"]
street_violence = ["assault", "robbery of a person"]
"""
TRIANGLE = """\
description = "d"
source = "s"
shape = "long"
month = "done"
recorded = "known"
counted_by = "incident"
count = "n"
[groups]
homicide = ["*"]
"""
FIRST, END = month("2020-01"), month("2021-01")


@pytest.fixture
def town(tmp_path: Path) -> Region:
    return load(str(toytown.write_pack(tmp_path / "pack")))


def profile(folder: Path, text: str) -> MonthlyProfile:
    file = folder / "own.toml"
    file.write_text(text, "utf-8")
    return read_profile(str(file))


def table(folder: Path, *lines: str, name: str = "t.csv") -> Path:
    file = folder / name
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return file


def read(town: Region, folder: Path, text: str, *files: Path) -> Panel:
    return read_monthly(files, profile(folder, text), town, FIRST, END)


def test_labels_count_in_their_groups_and_places_in_their_areas(town: Region, tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "where,what,202001,202002",
        "A,Assault,3,4",
        "borough b,ROBBERY  of a person,1,2",
        "B,robbery of a shop,5,5",
        "Atlantis,assault,7,0",
        "A,shoplifting,90,90",
    )

    panel = read(town, tmp_path, WIDE, file)

    assert panel.groups == ("robbery", "street_violence")
    assert panel.region.tolist() == [[6, 7], [11, 6]]
    assert panel.of("street_violence")[:2].tolist() == [[3, 4], [1, 2]]
    assert panel.elsewhere.tolist() == [[0, 0], [7, 0]]
    assert panel.labels["shoplifting"].tolist() == [90, 90]
    assert any("Atlantis" in note for note in panel.provenance.notes)


def test_a_month_that_two_files_tell_is_taken_from_the_fuller_and_a_truncated_one_is_left_out(
    town: Region, tmp_path: Path
) -> None:
    older = table(tmp_path, "where,what,202001,202002,202003", "A,Assault,100,110,90", name="older.csv")
    newer = table(tmp_path, "where,what,202003,202004,202005", "A,Assault,2,100,3", name="newer.csv")

    panel = read(town, tmp_path, WIDE, older, newer)

    assert panel.period == "2020-01 to 2020-04"
    assert panel.region.tolist() == [[100, 110, 90, 100]]
    assert any(note.startswith("2020-05 is left out: 3 records") for note in panel.provenance.notes)


def test_only_months_of_the_period_count(town: Region, tmp_path: Path) -> None:
    file = table(tmp_path, "where,what,201912,2020-01,2020-12,202101", "A,Assault,8,1,2,8")

    panel = read(town, tmp_path, WIDE, file)

    assert (panel.months[0], panel.end) == (FIRST, END)
    assert int(panel.region.sum()) == 3


def test_a_triangle_tells_delays_and_what_has_no_month_is_said(town: Region, tmp_path: Path) -> None:
    rows = ["2020-01,2020-01,5", "2020-01,2020-03,2", "2020-02,2020-02,4", "1900-01,2020-02,9", ",2020-02,1"]
    file = table(tmp_path, "done,known,n", *rows)

    panel = read(town, tmp_path, TRIANGLE, file)

    assert panel.recording is not None
    assert panel.recording.until == month("2020-04")
    assert panel.recording.by_delay["homicide"][:, :3].tolist() == [[5, 0, 2], [4, 0, 0]]
    assert panel.region.tolist() == [[7, 4]]
    assert any(note.startswith("10 records name no month") for note in panel.provenance.notes)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("where,what,202001", "A,Assault,x"), "t.csv, row 2, column '202001': 'x' is no count"),
        (("where,what,202001", "A,Assault,-1"), "t.csv, row 2, column '202001': '-1' is no count"),
        (("where,what,202001", "A,Assault"), "t.csv, row 2: 2 cells, the header has 3"),
        (("where,202001", "A,1"), "t.csv: no column 'what'; is it a file of another profile?"),
        (("where,what", "A,Assault"), "t.csv: no column is a month, such as 201004 or 2010-04"),
        (("where,what,201801", "A,Assault,4"), "no month from 2020-01 to 2020-12 in t.csv (it has 2018-01 to 2018-01)"),
        (("where,what,202001", "A,theft,4"), "t.csv holds nothing that the region's groups count"),
        ((), "t.csv: no column 'where'; is it a file of another profile?"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(town: Region, tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(town, tmp_path, WIDE, table(tmp_path, *lines))
    assert str(refused.value) == said


@pytest.mark.parametrize("text", ["", "x = 1", WIDE.replace('"wide"', '"round"'), WIDE.replace("[groups]", "[other]")])
def test_a_profile_that_makes_no_sense_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as refused:
        profile(tmp_path, text)
    assert str(refused.value).startswith("profile own.toml: ")
    assert "\n" not in str(refused.value)
